"""Every entry of a registry names code that is there, and that takes what it is given."""

import inspect
from pathlib import Path
from pkgutil import resolve_name

import pytest

from collapse.data.entries import DATASETS
from collapse.metrics.entries import METRICS
from collapse.models.entries import NETWORKS
from collapse.models.initialisers import INITIALISERS
from collapse.theory.entries import SOLVERS
from collapse.training.entries import LOSSES, OPTIMIZERS

# By "module:function", the arguments it is called with.
CALLS = [
    *((entry.load, (Path(), False), {}) for entry in DATASETS.values()),
    *((f"collapse.metrics.{metric.function}", metric.takes, metric.options) for metric in METRICS.values()),
    *((entry.build, ("shape", "options"), entry.design) for entry in NETWORKS.values()),
    *((entry.function, ("network",), {}) for entry in INITIALISERS.values()),
    *((entry.function, ("alpha",) if entry.smoothed else ("logits", "labels"), {}) for entry in LOSSES.values()),
    *((entry.function, ("flat", "protocol"), {}) for entry in OPTIMIZERS.values()),
    *((entry.function, ("settings",), {}) for entry in SOLVERS.values() if entry.environment == "torch"),
]


@pytest.mark.parametrize("name", sorted({name for name, _, _ in CALLS}))
def test_the_code_of_an_entry_is_there_and_takes_its_arguments(name):
    signature = inspect.signature(resolve_name(name))
    for arguments, options in ((arguments, options) for called, arguments, options in CALLS if called == name):
        signature.bind(*arguments, **options)
