"""The law for networks whose layers differ in width."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting


def draw(table: pd.DataFrame, fit: pd.DataFrame) -> Figure:
    """`table` is shape.csv, `fit` shape_fit.csv."""
    return plotting.laws(table, fit, ["hidden"], lambda run: run.hidden)
