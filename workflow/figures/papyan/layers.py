"""The law of data separation (He & Su 2023) on the networks of this paper."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting


def draw(table: pd.DataFrame, fit: pd.DataFrame) -> Figure:
    """`table` is layers.csv, `fit` layers_fit.csv."""
    return plotting.laws(
        table,
        fit,
        ["dataset", "model"],
        lambda run: f"{plotting.network_title(run.model)}, {plotting.dataset_title(run.dataset)}",
    )
