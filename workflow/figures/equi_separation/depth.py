"""The law on several datasets, each on lines of its own, for every depth."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting
from collapse.data.specs import DATASETS

COLUMNS = 6


def draw(table: pd.DataFrame, fit: pd.DataFrame) -> Figure:
    """`table` is depth.csv, `fit` depth_fit.csv."""
    lines, places = {}, {}
    for dataset, part in table.groupby("dataset", sort=False):
        first = max(lines.values(), default=-1) + 1
        for index, depth in enumerate(sorted(part.depth.unique())):
            lines[dataset, depth], places[dataset, depth] = first + index // COLUMNS, index % COLUMNS
    keys = (list(zip(rows.dataset, rows.depth, strict=True)) for rows in (table, fit))
    placed = [
        rows.assign(line=[lines[key] for key in points], place=[places[key] for key in points])
        for rows, points in zip((table, fit), keys, strict=True)
    ]
    return plotting.laws(
        *placed,
        ["place"],
        lambda run: f"{DATASETS[run.dataset].title}, {run.depth} layers\nrate {run.learning_rate:g}",
        rows=["line"],
    )
