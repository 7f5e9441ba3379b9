"""The exception that a metric raises where it has no value."""

import numpy as np


class Undefined(ValueError):
    """The metric has no value here; the message is the reason. metrics.csv then has NaN and the reason."""


def need(condition: bool | np.bool_, reason: str) -> None:
    """Raise Undefined for `reason` unless the condition holds."""
    if not condition:
        raise Undefined(reason)


def need_rows(rows: np.ndarray, least: int = 1) -> None:
    """Raise Undefined unless rows (K, d) have K >= `least`, and no row is NaN (an absent class)."""
    need(len(rows) >= least, f"fewer than {least} classes")
    need(not np.isnan(rows).any(), "a class without samples")
