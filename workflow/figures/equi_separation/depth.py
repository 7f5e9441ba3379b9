"""The law on several datasets, each on lines of its own, for every depth."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting
from collapse.data.entries import dataset_title

COLUMNS = 6


def draw(table: pd.DataFrame, fit: pd.DataFrame) -> Figure:
    """`table` is depth.csv, `fit` depth_fit.csv."""
    panels = table.loc[:, ["dataset", "layers"]].drop_duplicates()
    place = panels.groupby("dataset").cumcount() % COLUMNS
    panels = panels.assign(place=place, line=(place == 0).cumsum())  # each dataset begins a line
    placed, placed_fit = (rows.merge(panels, on=["dataset", "layers"]) for rows in (table, fit))
    return plotting.laws(
        placed,
        placed_fit,
        ["place"],
        lambda run: f"{dataset_title(run.dataset)}, {run.layers} layers\nrate {run.learning_rate:g}",
        rows=["line"],
    )
