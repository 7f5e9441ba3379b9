"""The law at every learning rate of a network of 9 layers, SGD."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting


def draw(table: pd.DataFrame, fit: pd.DataFrame) -> Figure:
    """`table` is learning_rates.csv, `fit` learning_rates_fit.csv."""
    return plotting.laws(
        table,
        fit,
        ["learning_rate"],
        lambda run: f"learning rate {plotting.number(run.learning_rate)}",
        note=plotting.accuracy,
    )
