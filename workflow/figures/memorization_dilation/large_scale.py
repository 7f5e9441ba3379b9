"""All classes of a dataset, with and without label noise: collapse, error and calibration over training."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {
    "nc1": "NC1",
    "nc2": "NC2",
    "nc3": "NC3",
    "nc4": "NC4",
    "dilation": "dilation",
    "test_error": "test error",
    "calibration_error": "calibration",
}


def draw(table: pd.DataFrame) -> Figure:
    """A line of panels for each dataset, network and noise level, a curve for each loss. `table` is large_scale.csv."""
    table = plotting.with_losses(table.assign(test_error=1 - table.test_accuracy))
    noise = table.noise.map(lambda rate: f"noise {plotting.number(rate)}")
    table = table.assign(panel=table.dataset.map(plotting.dataset_title) + "\n" + noise)
    lines = {name: name for name in table.sort_values(["dataset", "noise"]).panel.unique()}
    figure, *_ = plotting.epoch_array(table, MEASURES, ("panel", lines), ("series", str))
    return figure
