"""The law on several datasets, each on lines of its own, for every depth."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting
from collapse.data.entries import dataset_title


def draw(table: pd.DataFrame, fit: pd.DataFrame) -> Figure:
    """`table` is depth.csv, `fit` depth_fit.csv."""
    return plotting.laws(
        table,
        fit,
        ["layers"],
        lambda run: f"{run.layers} layers",
        rows=["dataset"],
        row_title=lambda run: dataset_title(run.dataset),
    )
