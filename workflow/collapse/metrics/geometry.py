"""Geometry of K vectors, the rows of an array (K, d): classifiers, or centred class means.

Each function raises Undefined where it has no value: too few rows, a zero row, a row of an absent class (NaN).
"""

from typing import Literal

import numpy as np
from scipy.spatial.distance import pdist

from collapse.metrics.undefined import need, need_rows

Kernel = Literal["log", "riesz", "distance"]
COINCIDENT = 1e-12  # relative to the vectors: a distance or a length below it is rounding


def cosines(rows: np.ndarray) -> np.ndarray:
    """Cosine of every ordered pair of different rows: rows (K, d) -> (K (K - 1),)."""
    unit = directions(rows)
    return (unit @ unit.T)[~np.eye(len(rows), dtype=bool)]


def directions(rows: np.ndarray) -> np.ndarray:
    """Rows (K, d) at unit length."""
    need_rows(rows, 2)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    need(bool((norms > COINCIDENT * norms.max()).all()), "a vector is zero")
    return rows / norms


def cosine_mean(rows: np.ndarray) -> float:
    """Mean cosine over pairs of rows; -1/(K-1) for a simplex. Fang et al. 2021, y-axis of Figs 2, 4, 6."""
    return float(cosines(rows).mean())


def equiangularity(rows: np.ndarray, ddof: int = 0) -> float:
    """Standard deviation over pairs of the cosine. Papyan et al. 2020, Fig 3.

    ddof 0: of the population; 1: the estimate with n - 1 over ordered pairs (the authors' code).
    """
    pairs = cosines(rows)
    return float(pairs.std(ddof=ddof))


def maximal_angle(rows: np.ndarray) -> float:
    """Mean over pairs of |cos + 1/(K-1)|: distance from maximal-angle equiangularity. Papyan et al. 2020, Fig 4."""
    return float(np.abs(cosines(rows) + 1 / (len(rows) - 1)).mean())


def singular_quantile(rows: np.ndarray, quantile: float) -> float:
    """Quantile of the K - 1 greatest singular values of centred rows (K, d), over their root mean square.

    Rows whose mean is zero have no more. 1 for every quantile of a simplex.
    """
    need_rows(rows, 2)
    values = np.zeros(len(rows) - 1)
    found = np.linalg.svd(rows, compute_uv=False)[: len(values)]
    values[: len(found)] = found
    need(values.any(), "every vector is zero")
    return float(np.quantile(values, quantile) / np.sqrt((values**2).mean()))


def equinorm(rows: np.ndarray, ddof: int = 0) -> float:
    """Std_c ||row_c|| / Avg_c ||row_c||. Papyan et al. 2020, Fig 2.

    ddof 0: of the population (Fang et al. 2021, code); 1: with n - 1 (the authors' code), √(K/(K-1)) times as large.
    """
    need_rows(rows, 2)
    norms = np.linalg.norm(rows, axis=1)
    need(norms.any(), "every vector is zero")
    return float(norms.std(ddof=ddof) / norms.mean())


def energy(rows: np.ndarray) -> float:
    """Mean squared norm (1/K) sum_c ||row_c||^2: E_W of the layer-peeled model for classifiers. Fang et al. 2021."""
    need_rows(rows)
    return float(np.square(rows).sum(1).mean())


def frame_distance(product: np.ndarray, target: np.ndarray) -> float:
    """|| G/||G||_F - T/||T||_F ||_F of two K x K matrices, in [0, 2]."""
    need_rows(product)
    size = np.linalg.norm(product)
    need(size > 0, "every vector is zero")
    return float(np.linalg.norm(product / size - target / np.linalg.norm(target)))


def etf_distance(rows: np.ndarray) -> float:
    """NC2 of Zhu et al. 2021: || V V^T/||V V^T||_F - (I - 11^T/K)/sqrt(K-1) ||_F, in [0, sqrt 2], of rows V (K, d).

    Zero for a simplex equiangular tight frame. Zhu et al. measure the classifier, uncentred.
    """
    need_rows(rows, 2)
    return frame_distance(rows @ rows.T, simplex_gram(len(rows)))


def orthogonal_distance(rows: np.ndarray) -> float:
    """NC2 without biases, Dang et al. 2023: || V V^T/||V V^T||_F - I/sqrt(K) ||_F of rows V (K, d)."""
    need_rows(rows)
    return frame_distance(rows @ rows.T, np.eye(len(rows)))


def simplex_gram(num_classes: int) -> np.ndarray:
    """I - 11^T/K, a multiple of the Gram matrix of a simplex."""
    return np.eye(num_classes) - 1 / num_classes


def effective_rank(rows: np.ndarray) -> float:
    """exp of the entropy of the singular values, normalised to sum to 1; in [1, min(K, d)]. Roy & Vetterli 2007."""
    need_rows(rows)
    need(rows.any(), "every vector is zero")
    values = np.linalg.svd(rows, compute_uv=False)
    weights = values[values > 0] / values.sum()
    return float(np.exp(-(weights * np.log(weights)).sum()))


def row_sum(rows: np.ndarray) -> float:
    """NC0: || sum_c row_c || / || rows ||_F, in [0, sqrt K]; zero where the rows sum to zero, as in a simplex."""
    need_rows(rows)
    size = np.linalg.norm(rows)
    need(size > 0, "every vector is zero")
    return float(np.linalg.norm(rows.sum(0)) / size)


def uniformity(rows: np.ndarray, kernel: Kernel = "log") -> tuple[float, float]:
    """Hyperspherical uniformity: mean and variance, over pairs of directions u, v, of a kernel of their distance.

    kernel log: log(1/||u - v||); riesz: 1/||u - v||; distance: ||u - v||. Liu et al. 2023 (GNC2).
    """
    distances = pdist(directions(rows))
    if kernel == "distance":
        return float(distances.mean()), float(distances.var())
    need((distances > COINCIDENT).all(), "two vectors have the same direction")
    values = -np.log(distances) if kernel == "log" else 1 / distances
    return float(values.mean()), float(values.var())


def uniformity_mean(rows: np.ndarray, kernel: Kernel) -> float:
    """The mean of `uniformity`."""
    return uniformity(rows, kernel)[0]


def uniformity_variance(rows: np.ndarray, kernel: Kernel) -> float:
    """The variance of `uniformity`."""
    return uniformity(rows, kernel)[1]
