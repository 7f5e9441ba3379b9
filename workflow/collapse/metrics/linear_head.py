"""A deep linear head trained with separate decays: its spectrum, its objective, and the order of its classes.

product: P (K, d), the product of the head's weights; means (K, d): class means, centred at the sample mean where the
head has a bias; count: n_k (K,). Each function raises Undefined where it has no value.
"""

import numpy as np
from scipy.stats import rankdata

from collapse.metrics.orthogonal_frame import Frame
from collapse.metrics.undefined import need, need_rows

# Directions that an optimum has given up end far below this fraction of the largest singular value, the others above.
RANK_TOLERANCE = 1e-2


def eigenvalues(product: np.ndarray) -> np.ndarray:
    """Eigenvalues of P P^T, (K,), falling; 0 where d < K leaves none."""
    need_rows(product)
    squares = np.square(np.linalg.svd(product, compute_uv=False))
    return np.pad(squares, (0, len(product) - len(squares)))


def spectrum_error(product: np.ndarray, frame: Frame) -> float:
    """|| p - p* || / || p* ||, p the eigenvalues of P P^T and p* those of the optimum, both in order."""
    optimal = np.sort(frame.p)[::-1]
    need(bool(optimal.any()), "every class is collapsed at the optimum")
    return float(np.linalg.norm(eigenvalues(product) - optimal) / np.linalg.norm(optimal))


def smallest(product: np.ndarray, frame: Frame) -> float:
    """The smallest eigenvalue of P P^T; with a bias, of the K - 1 that can be more than 0."""
    return float(eigenvalues(product)[-2 if frame.bias else -1])


def smallest_optimal(frame: Frame) -> float:
    """The same at the optimum."""
    return float(np.sort(frame.p)[1 if frame.bias else 0])


def smallest_ratio(product: np.ndarray, frame: Frame) -> float:
    """The smallest eigenvalue (as `smallest`) over the largest."""
    largest = float(eigenvalues(product)[0])
    need(largest > 0, "every vector is zero")
    return smallest(product, frame) / largest


def rank(product: np.ndarray) -> int:
    """Number of singular values of P above RANK_TOLERANCE of the largest."""
    values = np.sqrt(eigenvalues(product))
    need(bool(values[0] > 0), "every vector is zero")
    return int((values > RANK_TOLERANCE * values[0]).sum())


def balancedness(imbalances: np.ndarray) -> float:
    """Greatest || W_(m+1)^T W_(m+1) - W_m W_m^T || / || W_m W_m^T || of neighbouring layers, from these ratios (M-1,).

    0 where all layers have the same decay and the gradient of each is zero. Dang et al. 2023, in the proofs.
    """
    need(len(imbalances) > 0, "a head of one layer")
    return float(imbalances.max())


def rank_order(rows: np.ndarray, count: np.ndarray) -> float:
    """Spearman's rank correlation of the norms of rows (K, d) with the class counts: 1 for P, -1 for class means.

    Dang et al. 2023, without a bias.
    """
    need_rows(rows)
    need(len(set(count.tolist())) > 1, "every class has as many samples")
    norms = np.linalg.norm(rows, axis=1)
    need(bool(np.ptp(norms) > 0), "all norms are the same")
    return float(np.corrcoef(rankdata(norms), rankdata(count))[0, 1])


def relative_gap(objective: float, optimal: float) -> float:
    """(f - f*) / f*."""
    return (objective - optimal) / optimal


def gap(objective: float, other: float) -> float:
    """f - f', negative where f is lower."""
    return objective - other


def itself(objective: float) -> float:
    """f."""
    return objective
