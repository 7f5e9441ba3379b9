"""Losses as the series of a figure: a look for each loss and smoothing, the same in every panel."""

import pandas as pd

from collapse.plotting.style import Look, look
from collapse.training.entries import LOSSES, loss_title


def with_losses(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a column `series`, the title of each row's loss and smoothing, in the order of the entries."""
    place = table.loss.map({name: i for i, name in enumerate(LOSSES)})
    ordered = table.assign(place=place).sort_values(["place", "smoothing"], kind="stable").drop(columns="place")
    names = zip(ordered.loss, ordered.smoothing, strict=True)
    return ordered.assign(series=[loss_title(loss, None if pd.isna(a) else a) for loss, a in names])


def loss_looks(table: pd.DataFrame) -> dict[str, Look]:
    """The look of each of the table's `series` (with_losses)."""
    return {name: look(i) for i, name in enumerate(table.series.unique())}
