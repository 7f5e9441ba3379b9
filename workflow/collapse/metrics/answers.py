"""Accuracy, loss and calibration of a network's answers, from counts by class (K,) or by bin of confidence (B,)."""

import numpy as np

from collapse.metrics.undefined import need


def fraction(part: np.ndarray, count: np.ndarray) -> float:
    """sum(part) / sum(count), both (K,): accuracy if `part` counts right answers, mean loss if it sums losses."""
    need(count.sum() > 0, "no samples of these classes")
    return float(part.sum() / count.sum())


def complement(part: np.ndarray, count: np.ndarray) -> float:
    """1 - fraction."""
    return 1 - fraction(part, count)


def calibration_error(count: np.ndarray, correct: np.ndarray, confidence: np.ndarray) -> float:
    """Expected calibration error: sum over bins of |right answers - summed confidence| / n. Guo et al. 2017.

    count, correct, confidence (B,): a bin's samples, its right answers, the sum of its largest softmax probabilities.
    """
    need(count.sum() > 0, "no samples")
    return float(np.abs(correct - confidence).sum() / count.sum())
