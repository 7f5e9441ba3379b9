"""What a network answers, and how sure it is, from counts by class (K,) or by bin of confidence (B,)."""

import numpy as np

from collapse.metrics.undefined import need


def fraction(part: np.ndarray, count: np.ndarray) -> float:
    """Sum of `part` (K,) over that of `count` (K,): accuracy of right answers, mean loss of summed losses."""
    need(count.sum() > 0, "no samples of these classes")
    return float(part.sum() / count.sum())


def complement(part: np.ndarray, count: np.ndarray) -> float:
    """1 - fraction."""
    return 1 - fraction(part, count)


def calibration_error(count: np.ndarray, correct: np.ndarray, confidence: np.ndarray) -> float:
    """Expected calibration error: sum over bins of |right answers - summed confidence| / n. Guo et al. 2017.

    count, correct, confidence (B,): samples of a bin, right ones, sum of their largest softmax probabilities.
    """
    need(count.sum() > 0, "no samples")
    return float(np.abs(correct - confidence).sum() / count.sum())
