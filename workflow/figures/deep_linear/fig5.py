"""Fig 5: imbalanced perceptrons under a deep linear head: distance from the general orthogonal frame over training."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {
    "nc1": "NC1",
    "nc2_w": "NC2, $PP^T$",
    "nc2_h": "NC2, means",
    "nc3": "NC3",
    "nc3_code": "NC3 as coded",
}


def draw(table: pd.DataFrame, epochs: pd.DataFrame) -> Figure:
    """A line of panels for each dataset. `table` is imbalanced.csv, `epochs` imbalanced_epochs.csv.

    NC3 as coded has a floor, drawn grey, as the code's target is another optimum than that of its own loss.
    """
    lines = {name: plotting.dataset_title(name) for name in epochs.dataset.unique()}
    layers = ("linear_layers", lambda m: f"$M$ = {m}")
    figure, panels, looks = plotting.epoch_array(epochs, MEASURES, ("dataset", lines), layers)
    for row in table.drop_duplicates(["dataset", "linear_layers"]).to_dict("records"):
        floor = plotting.level_line(panels[row["dataset"], "nc3_code"], row["nc3_floor"], "floor")
        floor.set_linestyle(looks[row["linear_layers"]].line)
    return figure
