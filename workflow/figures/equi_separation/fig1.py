"""Fig 1: separation fuzziness D of every layer, a row for each optimizer, a column for each depth."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting
from collapse.training.entries import OPTIMIZERS

TITLES = {name: entry.title for name, entry in OPTIMIZERS.items()} | {"momentum": "SGD with momentum"}


def draw(table: pd.DataFrame, fit: pd.DataFrame) -> Figure:
    """`table` is fig1.csv, `fit` fig1_fit.csv."""
    return plotting.laws(
        table,
        fit,
        ["layers"],
        lambda run: f"{run.layers} layers",
        rows=["optimizer"],
        row_title=lambda run: TITLES[run.optimizer],
    )
