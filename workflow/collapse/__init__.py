"""The library behind Collapse Atlas: protocols, training, metrics and theory of neural collapse."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collapse.measuring import measure, nc1

__all__ = ["measure", "nc1"]


def __getattr__(name: str) -> Any:
    """`collapse.measure`, `collapse.nc1`, looked up when asked for: reading a configuration should not import torch."""
    if name in __all__:
        from collapse import measuring

        return getattr(measuring, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
