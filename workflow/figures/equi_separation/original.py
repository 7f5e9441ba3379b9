"""The law on images of their original size, for wide networks of three depths."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting
from collapse.data.entries import dataset_title


def draw(table: pd.DataFrame, fit: pd.DataFrame) -> Figure:
    """`table` is original.csv, `fit` original_fit.csv."""
    return plotting.laws(
        table,
        fit,
        ["layers"],
        lambda run: f"{dataset_title(run.dataset)}, {run.layers} layers\nrate {run.learning_rate:g}",
        rows=["dataset"],
    )
