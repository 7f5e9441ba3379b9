"""Fig 3: balanced convolutional networks under a deep linear head: NC1, NC2, NC3 over training."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {"nc1": "NC1", "nc2": "NC2, $PP^T$", "nc3": "NC3"}


def draw(table: pd.DataFrame) -> Figure:
    """A line of panels for each network and dataset. `table` is fig3.csv."""
    names = table.groupby(["dataset", "model"], sort=False).ngroup()
    lines = {number: plotting.network_and_dataset(part) for number, part in table.groupby(names)}
    layers = ("linear_layers", lambda m: f"$M$ = {m}")
    figure, *_ = plotting.epoch_array(table.assign(panel=names), MEASURES, ("panel", lines), layers)
    return figure
