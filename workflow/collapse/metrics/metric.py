"""The class of the entries in collapse.metrics.entries."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pkgutil import resolve_name
from typing import Any


@dataclass(frozen=True)
class Metric:
    """A metric: how it is computed, and what it means.

    `function`, "module:function" below collapse.metrics, is called with the values named in `takes`, in that order, and
    with `options`. An `optional` metric is left out where one of these values is absent. `missing`, for a metric with a
    value for each class, says why a class has none.
    """

    function: str
    takes: tuple[str, ...]
    meaning: str
    options: Mapping[str, Any] = field(default_factory=dict)
    optional: bool = False
    missing: str = ""

    def applies(self, given: Mapping[str, Any]) -> bool:
        """Whether to compute the metric from the values `given` by name."""
        return not self.optional or all(name in given for name in self.takes)

    def __call__(self, given: Mapping[str, Any]) -> Any:
        """The metric's value from the values `given` by name; raises Undefined where it has none."""
        return _function(self.function)(*(given[name] for name in self.takes), **self.options)


def renamed(metrics: Mapping[str, Metric], suffix: str, meaning: str) -> dict[str, Metric]:
    """The same metrics, measured on something else. `suffix` is added to each name; `meaning` is a template in which
    {name} and {meaning} stand for the metric's own.
    """
    return {
        f"{name}{suffix}": replace(metric, meaning=meaning.format(name=name, meaning=metric.meaning))
        for name, metric in metrics.items()
    }


@cache
def _function(name: str) -> Any:
    return resolve_name(f"collapse.metrics.{name}")
