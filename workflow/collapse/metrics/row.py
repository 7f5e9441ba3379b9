"""One value of a table of metrics, and where it belongs."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from collapse.metrics.metric import Metric
from collapse.metrics.undefined import Undefined


class Row(NamedTuple):
    """One value. `classes` is "all", the first and last class of a contiguous group, as 7-9, or one class's number.

    `bn_mode` is the mode of batch norms: eval; train, on chunks of 100 samples; "-" for metrics of weights alone.
    `reason` says why a value is missing (NaN).
    """

    split: str
    layer: str
    bn_mode: str
    classes: str
    metric: str
    value: float
    reason: str = ""


class At(NamedTuple):
    """The first columns of a Row, which say what its value belongs to."""

    split: str
    layer: str
    bn_mode: str
    classes: str = "all"

    def row(self, name: str, metric: Metric, given: Mapping[str, Any]) -> Row:
        """Row of a metric, from the values `given` by name; NaN with a reason where it is undefined or not finite."""
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                value = metric(given)
        except Undefined as undefined:
            return Row(*self, name, np.nan, str(undefined))
        return Row(*self, name, value) if np.isfinite(value) else Row(*self, name, np.nan, "beyond float64")

    def rows(self, metrics: Mapping[str, Metric], given: Mapping[str, Any]) -> Iterator[Row]:
        """Rows of the metrics that apply to the values `given` by name."""
        return (self.row(name, metric, given) for name, metric in metrics.items() if metric.applies(given))

    def class_rows(self, metrics: Mapping[str, Metric], given: Mapping[str, Any]) -> Iterator[Row]:
        """Rows of metrics with values (K,), one row for each class; NaN with a reason where a class has no value."""
        for name, metric in metrics.items():
            for c, value in enumerate(metric(given).tolist() if metric.applies(given) else ()):
                yield Row(*self._replace(classes=str(c)), name, value, metric.missing if np.isnan(value) else "")
