"""Classifiers against class means (K, d). weights (K, d): the classifier, or the product of a linear head's weights.

Each function raises Undefined where it has no value: all weights or all means zero, a class without samples.
"""

import numpy as np

from collapse.metrics.geometry import directions, frame_distance, simplex_gram
from collapse.metrics.undefined import need, need_rows


def self_duality(weights: np.ndarray, means: np.ndarray) -> float:
    """|| W/||W||_F - M/||M||_F ||_F^2 in [0, 4], M the centred means. Papyan et al. 2020, Fig 5."""
    return alignment_distance(weights, means) ** 2


def alignment_distance(weights: np.ndarray, means: np.ndarray) -> float:
    """|| W/||W||_F - M/||M||_F ||_F in [0, 2], not squared: Fang et al. 2021 (code), Dang et al. 2023 (NC3, code)."""
    need_rows(weights)
    need_rows(means)
    sizes = np.linalg.norm(weights), np.linalg.norm(means)
    need(sizes[0] > 0, "every classifier is zero")
    need(sizes[1] > 0, "every class mean is zero")
    return float(np.linalg.norm(weights / sizes[0] - means / sizes[1]))


def simplex_duality(weights: np.ndarray, means: np.ndarray) -> float:
    """NC3 of Zhu et al. 2021: || W M^T/||W M^T||_F - (I - 11^T/K)/sqrt(K-1) ||_F, M the centred means; not squared."""
    need_rows(weights, 2)
    need_rows(means)
    return frame_distance(weights @ means.T, simplex_gram(len(weights)))


def orthogonal_duality(weights: np.ndarray, means: np.ndarray) -> float:
    """NC3 without biases, Dang et al. 2023: || P M^T/||P M^T||_F - I/sqrt(K) ||_F, M the means as they are."""
    need_rows(weights)
    need_rows(means)
    return frame_distance(weights @ means.T, np.eye(len(weights)))


def uniform_duality(weights: np.ndarray, means: np.ndarray, ddof: int = 0) -> float:
    """Variance over classes of <w_c, m_c>, M the centred means. Wu & Papyan 2024 (UNC3).

    ddof 0: of the population; 1: the estimate with K - 1.
    """
    need_rows(weights, 1 + ddof)
    need_rows(means)
    return float((weights * means).sum(1).var(ddof=ddof))


def bias_collapse(weights: np.ndarray, bias: np.ndarray, centre: np.ndarray, sign: int = 1) -> float:
    """NC4 of Zhu et al. 2021: || b + W mu ||_2, mu (d,) the sample mean; zero where b = -W mu.

    sign -1: || W mu - b ||, as the code of Nguyen et al. 2023 has it.
    """
    need_rows(weights)
    need_rows(centre[None])
    return float(np.linalg.norm(bias + sign * weights @ centre))


def ood_orthogonality(means: np.ndarray, ood_mean: np.ndarray) -> float:
    """Mean over classes of |cos(mu_c, mu_OOD)|; means (K, d) uncentred, ood_mean (d,). Ammar et al. 2024 (NC5)."""
    need_rows(ood_mean[None])
    size = np.linalg.norm(ood_mean)
    need(size > 0, "the mean of the other data is zero")
    return float(np.abs(directions(means) @ ood_mean / size).mean())


def margin(weights: np.ndarray, bias: np.ndarray, means: np.ndarray) -> float:
    """Mean over classes of z_kk less the mean of z_jk over j != k, z_k = W h + b of the class's samples.

    weights (K, d), bias (K,), means (K, d): logits are linear in features, so that class means give the mean exactly.
    """
    need_rows(means, 2)
    logits = weights @ means.T + bias[:, None]
    own = np.diag(logits)
    return float((own - (logits.sum(0) - own) / (len(logits) - 1)).mean())
