"""The library behind Collapse Atlas: protocols, training, metrics and theory of neural collapse."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collapse.api import measure, nc1
    from collapse.monitoring import Monitor

__all__ = ["Monitor", "measure", "nc1"]

MODULES = {"measure": "api", "nc1": "api", "Monitor": "monitoring"}


def __getattr__(name: str) -> Any:
    """Import `collapse.measure` and the like on first use: reading a configuration should not import torch."""
    if name in MODULES:
        return getattr(import_module(f"collapse.{MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
