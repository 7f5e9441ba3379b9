"""Distances from the general orthogonal frame, to which a deep linear head of imbalanced data converges.

product: P (K, d), the product of the head's weights; means: H^T (K, d), class means as they are; p (K,): eigenvalues of
P P^T at the optimum (collapse.theory.deep_linear.optimum); shift: N lambda_H. No bias. Dang et al. 2023 (code).
"""

import numpy as np

from collapse.metrics.duality import alignment_distance
from collapse.metrics.geometry import frame_distance
from collapse.metrics.undefined import need, need_rows


def gof_nc2_w(product: np.ndarray, p: np.ndarray) -> float:
    """|| nu(P P^T) - nu(diag p) ||, nu(A) = A/||A||_F."""
    _need_survivor(p)
    return frame_distance(product @ product.T, np.diag(p))


def gof_nc2_h(means: np.ndarray, p: np.ndarray, shift: float) -> float:
    """|| nu(H^T H) - nu(diag p/(p + N lambda_H)^2) ||."""
    _need_survivor(p)
    return frame_distance(means @ means.T, np.diag(p / (p + shift) ** 2))


def gof_nc3(product: np.ndarray, means: np.ndarray, p: np.ndarray, shift: float) -> float:
    """|| nu(P H) - nu(diag p/(p + N lambda_H)) ||."""
    _need_survivor(p)
    need_rows(means)
    return frame_distance(product @ means.T, np.diag(p / (p + shift)))


def gof_alignment(product: np.ndarray, means: np.ndarray, p: np.ndarray, shift: float) -> float:
    """|| nu(P) - nu(diag(p + N lambda_H) H^T) ||."""
    return alignment_distance(product, (p + shift)[:, None] * means)


def gof_ratio(product: np.ndarray, means: np.ndarray, p: np.ndarray, shift: float) -> float:
    """|| ||row_k||^2/||h_k||^2 - (p_k + N lambda_H)^2 || over classes; not scale-free."""
    need_rows(means)
    sizes = np.square(means).sum(1)
    need(bool(sizes.all()), "a class mean is zero")
    return float(np.linalg.norm(np.square(product).sum(1) / sizes - (p + shift) ** 2))


def _need_survivor(p: np.ndarray) -> None:
    need(bool(p.any()), "every class is collapsed at the optimum")
