"""The law for AlexNet and VGG13 with 5x5 convolutions on tiled images."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting
from collapse.data.entries import dataset_title
from collapse.models.entries import network_title


def draw(table: pd.DataFrame, fit: pd.DataFrame) -> Figure:
    """`table` is cnn.csv, `fit` cnn_fit.csv."""
    return plotting.laws(
        table,
        fit,
        ["model"],
        lambda run: network_title(run.model),
        rows=["dataset"],
        row_title=lambda run: dataset_title(run.dataset),
    )
