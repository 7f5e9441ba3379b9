"""The law for AlexNet and VGG13 with 5x5 convolutions on tiled images."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting
from collapse.data.entries import DATASETS
from collapse.models.entries import NETWORKS


def draw(table: pd.DataFrame, fit: pd.DataFrame) -> Figure:
    """`table` is cnn.csv, `fit` cnn_fit.csv."""
    return plotting.laws(
        table,
        fit,
        ["model"],
        lambda run: f"{NETWORKS[run.model].title}, {DATASETS[run.dataset].title}",
        rows=["dataset"],
    )
