"""The library behind Collapse Atlas: protocols, training, metrics and theory of neural collapse."""

from typing import Any


def __getattr__(name: str) -> Any:
    """`collapse.measure`, looked up when asked for: reading a configuration should not import torch."""
    if name == "measure":
        from collapse.measuring import measure

        return measure
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
