"""The law on images of their original size, for wide networks of three depths."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting
from collapse.data.entries import dataset_title


def draw(table: pd.DataFrame, fit: pd.DataFrame, published: Sequence[dict[str, Any]] = ()) -> Figure:
    """`table` is original.csv, `fit` original_fit.csv."""
    return plotting.laws(
        table,
        fit,
        ["layers"],
        lambda run: f"{run.layers} layers",
        rows=["dataset"],
        row_title=lambda run: dataset_title(run.dataset),
        published=published,
    )
