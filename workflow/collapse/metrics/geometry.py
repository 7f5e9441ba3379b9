"""Geometry of K vectors, the rows of an array (K, d): classifiers, or centred class means.

Undefined values are NaN: fewer than two rows, a row that is zero, a row of an absent class (NaN).
"""

import numpy as np


def cosines(rows: np.ndarray) -> np.ndarray:
    """Cosine of every ordered pair of different rows: rows (K, d) -> (K (K - 1),)."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = np.divide(rows, norms, out=np.full_like(rows, np.nan), where=norms > 0)
    return (unit @ unit.T)[~np.eye(len(rows), dtype=bool)]


def cosine_mean(rows: np.ndarray) -> float:
    """Mean cosine over pairs of rows; -1/(K-1) for a simplex. Fang et al. 2021, y-axis of Figs 2, 4, 6."""
    return _mean(cosines(rows))


def cosine_std(rows: np.ndarray) -> float:
    """Equiangularity, Papyan et al. 2020, Fig 3: standard deviation over pairs of the cosine (population)."""
    pairs = cosines(rows)
    return float(pairs.std()) if pairs.size else np.nan


def maximal_angle(rows: np.ndarray) -> float:
    """Maximal-angle equiangularity, Papyan et al. 2020, Fig 4: mean over pairs of |cos + 1/(K-1)|."""
    pairs = cosines(rows)
    return _mean(np.abs(pairs + 1 / (len(rows) - 1))) if pairs.size else np.nan


def norm_variation(rows: np.ndarray) -> float:
    """Equinorm, Papyan et al. 2020, Fig 2: Std_c ||row_c|| / Avg_c ||row_c|| (population standard deviation)."""
    norms = np.linalg.norm(rows, axis=1)
    return float(norms.std() / norms.mean()) if norms.any() else np.nan


def energy(rows: np.ndarray) -> float:
    """Mean squared norm (1/K) sum_c ||row_c||^2: E_W of the layer-peeled model for classifiers."""
    return _mean(np.square(rows).sum(1))


def self_duality(weights: np.ndarray, means: np.ndarray) -> float:
    """Self-duality, Papyan et al. 2020, Fig 5: || W/||W||_F - M/||M||_F ||_F^2, in [0, 4].

    weights (K, d), centred means (K, d).
    """
    sizes = np.linalg.norm(weights), np.linalg.norm(means)
    if not all(sizes):
        return np.nan
    return float(np.square(weights / sizes[0] - means / sizes[1]).sum())


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else np.nan
