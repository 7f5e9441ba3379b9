"""One value of a table of metrics, and where it belongs."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from collapse.metrics.undefined import Undefined

Metric = Callable[..., float]


class Row(NamedTuple):
    """One value. `classes` is all, the first and last class of a contiguous group, as 7-9, or one class by its number.

    bn_mode says how batch norms worked: eval, or train, on chunks of 100; - where there is no sample. `reason` says why
    a value is missing (NaN).
    """

    split: str
    layer: str
    bn_mode: str
    classes: str
    metric: str
    value: float
    reason: str = ""


class At(NamedTuple):
    """Where values belong: the first columns of their rows."""

    split: str
    layer: str
    bn_mode: str
    classes: str = "all"

    def row(self, name: str, metric: Metric, *arguments: object) -> Row:
        """Row of a metric of these arguments; NaN with its reason where it is undefined, or beyond float64."""
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                value = metric(*arguments)
        except Undefined as undefined:
            return Row(*self, name, np.nan, str(undefined))
        return Row(*self, name, value) if np.isfinite(value) else Row(*self, name, np.nan, "beyond float64")

    def rows(self, metrics: dict[str, Metric], *arguments: object) -> Iterator[Row]:
        """Rows of several metrics of the same arguments."""
        return (self.row(name, metric, *arguments) for name, metric in metrics.items())
