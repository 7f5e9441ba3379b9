"""The law for narrow and for wide networks of 8 layers."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting


def draw(table: pd.DataFrame, fit: pd.DataFrame) -> Figure:
    """`table` is width.csv, `fit` width_fit.csv."""
    return plotting.laws(table, fit, ["width"], lambda run: f"width {run.width}")
