"""Fig 1: separation fuzziness D of every layer, a row for each optimizer, a column for each depth."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

OPTIMIZERS = {"sgd": "SGD", "momentum": "SGD with momentum", "adam": "Adam"}


def draw(table: pd.DataFrame, fit: pd.DataFrame) -> Figure:
    """Small multiples, with the fit of the points in train mode. `table` is fig1.csv, `fit` fig1_fit.csv."""
    optimizers, depths = [name for name in OPTIMIZERS if name in set(table.optimizer)], sorted(table.depth.unique())
    figure, panels = plotting.grid(len(optimizers), len(depths))
    for (row, optimizer), (column, depth) in ((r, c) for r in enumerate(optimizers) for c in enumerate(depths)):
        axes, cell = panels[row][column], f"optimizer == {optimizer!r} and depth == {depth}"
        plotting.separation(axes, table.query(cell), fit.query(cell))
        axes.set(title=f"{OPTIMIZERS[optimizer]}, {depth} layers")
        if row == len(optimizers) - 1:
            axes.set(xlabel=f"layer  ({plotting.seeds_note(table.query(cell))})")
        if column == 0:
            axes.set(ylabel="separation fuzziness $D$")
    return figure
