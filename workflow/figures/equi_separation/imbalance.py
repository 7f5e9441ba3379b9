"""The law on imbalanced classes, for three depths."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting


def draw(table: pd.DataFrame, fit: pd.DataFrame) -> Figure:
    """`table` is imbalance.csv, `fit` imbalance_fit.csv."""
    return plotting.laws(table, fit, ["layers"], lambda run: f"{run.layers} layers")
