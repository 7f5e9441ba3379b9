"""What a metric raises where it has no value."""

import numpy as np


class Undefined(ValueError):
    """The metric has no value here; the message is the reason. In metrics.csv: NaN, and the reason beside it."""


def need(condition: bool | np.bool_, reason: str) -> None:
    """Raise Undefined for `reason` unless the condition holds."""
    if not condition:
        raise Undefined(reason)


def need_rows(rows: np.ndarray, least: int = 1) -> None:
    """Raise Undefined unless rows (K, d) are at least `least`, none of them that of an absent class (NaN)."""
    need(len(rows) >= least, f"fewer than {least} classes")
    need(not np.isnan(rows).any(), "a class without samples")
