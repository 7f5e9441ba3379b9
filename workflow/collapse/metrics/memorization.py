"""How far a network moves samples with a changed label away from their true class. Nguyen et al. 2023.

count, distance (K,): for each true class, the number of its samples whose label was changed, and the sum of distances
of their features to a mean of that class (collapse.statistics.split.corruption).
"""

import numpy as np
from scipy.spatial.distance import pdist

from collapse.metrics.undefined import need


def memorization(distance: np.ndarray, count: np.ndarray) -> float:
    """Sum over changed samples of ||h - h*_n||, h*_n the mean of their true class over the test split."""
    need(count.sum() > 0, "no label was changed")
    need(not np.isnan(distance[count > 0]).any(), "a class without samples")
    return float(distance[count > 0].sum())


def relative_memorization(distance: np.ndarray, count: np.ndarray, means: np.ndarray) -> float:
    """Mean distance of the changed samples, over D, the mean distance between test class means (K, d)."""
    return memorization(distance, count) / (class_distance(means) * count.sum())


def memorized_fraction(distance: np.ndarray, count: np.ndarray, means: np.ndarray, samples: int) -> float:
    """Summed distance of the changed samples over D times the number of all train samples."""
    return memorization(distance, count) / (class_distance(means) * samples)


def corruption_bias(pull: np.ndarray, count: np.ndarray) -> float:
    """Mean position of the changed samples between the mean of their true class (0) and of their label's class (1).

    Nguyen et al. 2023, code: the projection of the corrupted mean on the class-to-class direction; here in units of the
    distance between the two classes, and for any number of classes.
    """
    return memorization(pull, count) / count.sum()


def class_distance(means: np.ndarray) -> float:
    """Mean distance between two class means, over pairs of different classes present in means (K, d)."""
    present = means[~np.isnan(means).any(1)]
    need(len(present) > 1, "fewer than 2 classes")
    distance = pdist(present).mean()
    need(distance > 0, "all class means coincide")
    return float(distance)
