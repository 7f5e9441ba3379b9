"""The library behind Collapse Atlas: protocols, training, metrics and theory of neural collapse."""

from importlib import import_module
from typing import Any

PUBLIC = {"measure": "measuring", "nc1": "measuring", "Monitor": "monitoring"}


def __getattr__(name: str) -> Any:
    """`collapse.measure` and the like, looked up when asked for: reading a configuration should not import torch."""
    if name in PUBLIC:
        return getattr(import_module(f"collapse.{PUBLIC[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
