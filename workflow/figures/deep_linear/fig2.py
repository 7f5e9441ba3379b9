"""Fig 2: balanced perceptrons under a deep linear head: NC1, NC2, NC3 over training."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {"nc1": "NC1", "nc2_w": "NC2, $PP^T$", "nc3": "NC3"}


def draw(table: pd.DataFrame) -> Figure:
    """A line of panels for each dataset, width and kind of head. `table` is fig2.csv."""
    bias = table.classifier_bias.map({False: "no bias", True: "last bias"})
    table = table.assign(
        panel=table.dataset.map(plotting.dataset_title) + "\n" + bias + ", width " + table.width.map(str)
    )
    lines = {name: name for name in table.panel.unique()}
    figure, *_ = plotting.epoch_array(table, MEASURES, ("panel", lines), ("linear_layers", lambda m: f"$M$ = {m}"))
    return figure
