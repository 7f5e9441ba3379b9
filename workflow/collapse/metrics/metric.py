"""What an entry of collapse.metrics.entries is."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pkgutil import resolve_name
from typing import Any


@dataclass(frozen=True)
class Metric:
    """A metric: how it is computed, and what it means.

    `function`, "module:function" below collapse.metrics, is called with what it `takes`, by name and in order, and with
    `options`. An `optional` metric is left out where something it takes is absent. `missing` is why a class has no
    value, of a metric that gives one for each.
    """

    function: str
    takes: tuple[str, ...]
    meaning: str
    options: Mapping[str, Any] = field(default_factory=dict)
    optional: bool = False
    missing: str = ""

    def applies(self, given: Mapping[str, Any]) -> bool:
        """Whether it is to be computed of what is given by name."""
        return not self.optional or all(name in given for name in self.takes)

    def __call__(self, given: Mapping[str, Any]) -> Any:
        """Its value; raises Undefined where it has none."""
        return _function(self.function)(*(given[name] for name in self.takes), **self.options)


def renamed(metrics: Mapping[str, Metric], suffix: str, meaning: str) -> dict[str, Metric]:
    """The same metrics of something else: names with a suffix, and a meaning made of `name` and `meaning` in braces."""
    return {
        f"{name}{suffix}": replace(metric, meaning=meaning.format(name=name, meaning=metric.meaning))
        for name, metric in metrics.items()
    }


@cache
def _function(name: str) -> Any:
    return resolve_name(f"collapse.metrics.{name}")
