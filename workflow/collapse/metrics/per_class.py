"""Metrics of each class by itself: (K,), NaN where a class has no value."""

import numpy as np


def norms(rows: np.ndarray) -> np.ndarray:
    """Norm of each row (K, d)."""
    return np.linalg.norm(rows, axis=1)


def variances(trace: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Mean squared distance of a class's samples to their mean: `trace` (K,), or NaN for fewer than two samples."""
    return np.where(count > 1, trace, np.nan)


def cosines(weights: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Cosine between row c of weights (K, d) and row c of means (K, d), for each class c."""
    sizes = np.linalg.norm(means, axis=1) * np.linalg.norm(weights, axis=1)
    return np.divide((weights * means).sum(1), sizes, out=np.full(len(sizes), np.nan), where=sizes > 0)
