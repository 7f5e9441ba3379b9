"""The law on several datasets, a row for each, and for every depth, a column for each."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting
from collapse.data.specs import DATASETS


def draw(table: pd.DataFrame, fit: pd.DataFrame) -> Figure:
    """`table` is depth.csv, `fit` depth_fit.csv."""
    return plotting.laws(
        table,
        fit,
        ["depth"],
        lambda run: f"{DATASETS[run.dataset].title}, {run.depth} layers, rate {run.learning_rate:g}",
        rows=["dataset"],
    )
