"""Within-class variability against the distance between classes, from class statistics.

`coordinates` (K, r): class means in the between-class subspace, NaN for an absent class; `within` (r, r): Sigma_W in
the same basis; `count` (K,); `trace` (K,): mean squared distance of a class's activations to their mean; `width`: d.
(See collapse.statistics.classes.) Each function raises Undefined where it has no value.
"""

import numpy as np
from scipy.spatial.distance import pdist

from collapse.metrics.undefined import need

RANK_TOLERANCE = 1e-10  # as in collapse.statistics.classes


def between(coordinates: np.ndarray, weights: np.ndarray, centre: np.ndarray | None = None) -> np.ndarray:
    """sum_c p_c (mu_c - mu)(mu_c - mu)^T, (r, r), with weights p (K,) that sum to 1.

    mu is sum_c p_c mu_c, or `centre` (r,).
    """
    centred = coordinates - (weights @ coordinates if centre is None else centre)
    return (centred * weights[:, None]).T @ centred


def trace_ratio(within: np.ndarray, sigma_between: np.ndarray, rank: int) -> float:
    """Tr(Sigma_W Sigma_B^+), both (r, r). Raises Undefined where Sigma_B has less than the expected `rank`: its
    pseudo-inverse then depends on which eigenvalues count as zero (metrics.md, section 5).
    """
    need(rank > 0, "fewer than 2 classes")
    need(len(within) >= rank, f"rank lost: class means span {len(within)} dimensions, not {rank}")
    eigenvalues, vectors = np.linalg.eigh(sigma_between)
    found = int((eigenvalues > RANK_TOLERANCE * eigenvalues[-1]).sum())
    need(found >= rank, f"rank lost: class means span {found} dimensions, not {rank}")
    kept = vectors[:, -rank:]
    return float(((kept.T @ within @ kept).diagonal() / eigenvalues[-rank:]).sum())


def expected_rank(present: np.ndarray, width: np.ndarray | int) -> int:
    """Rank of Sigma_B where class means are in general position: of the classes present (K,) less one, at most d.

    width: d, in files an array of one number.
    """
    return min(int(present.sum()) - 1, np.asarray(width).item())


def need_variability(count: np.ndarray) -> None:
    """Raise Undefined where no class has two samples: variability is then zero without collapse."""
    need(bool((count > 1).any()), "one sample a class: nothing varies within")


def nc1(coordinates: np.ndarray, within: np.ndarray, count: np.ndarray, width: int, centre: str = "class") -> float:
    """Tr(Sigma_W Sigma_B^+) / K over the K classes present, Sigma_B = (1/K) sum_c (mu_c - mu)(mu_c - mu)^T.

    centre class: mu is the mean of the class means (Papyan et al. 2020, Fig 6; their code leaves out 1/K); sample: mu
    is the sample mean (code of Zhu et al. 2021, Dang et al. 2023, Nguyen et al. 2023). They differ for unequal counts.
    """
    present = count > 0
    equal = np.full(present.sum(), 1 / max(1, present.sum()))
    middle = None if centre == "class" else count[present] / count.sum() @ coordinates[present]
    sigma_between = between(coordinates[present], equal, middle)
    ratio = trace_ratio(within, sigma_between, expected_rank(present, width))
    need_variability(count)
    return ratio / present.sum()


def nc1_sum(coordinates: np.ndarray, within: np.ndarray, count: np.ndarray, width: int) -> float:
    """Tr(Sigma_W Sigma_B^+): nc1 without the factor 1/K, as in the code of Papyan et al. 2020."""
    return nc1(coordinates, within, count, width) * (count > 0).sum()


def separation_fuzziness(coordinates: np.ndarray, within: np.ndarray, count: np.ndarray, width: int) -> float:
    """D = Tr(SS_w SS_b^+), SS_b = (1/n) sum_k n_k (mu_k - mu)(mu_k - mu)^T, mu the sample mean. He & Su 2023.

    D = K nc1 where the counts are equal.
    """
    present = count > 0
    sigma_between = between(coordinates[present], count[present] / count.sum())
    ratio = trace_ratio(within, sigma_between, expected_rank(present, width))
    need_variability(count)
    return ratio


def separation_fuzziness_unweighted(
    coordinates: np.ndarray, within: np.ndarray, count: np.ndarray, width: int
) -> float:
    """D with each class weighted 1/K, centred by the sample mean: He & Su 2023, code for balanced classes.

    within (r, r) is (1/K) sum_k (1/n_k) sum_i (h_ki - mu_k)(...)^T, SS_b = (1/K) sum_k (mu_k - mu)(mu_k - mu)^T.
    Equal to `separation_fuzziness` where the counts are equal.
    """
    present = count > 0
    equal = np.full(present.sum(), 1 / max(1, present.sum()))
    middle = count[present] / count.sum() @ coordinates[present]
    ratio = trace_ratio(within, between(coordinates[present], equal, middle), expected_rank(present, width))
    need_variability(count)
    return ratio


def nc1_trace_ratio(coordinates: np.ndarray, trace: np.ndarray, count: np.ndarray) -> float:
    """Tr Sigma_W / Tr Sigma_B: no inverse, so defined at any rank. Tirer & Bruna 2022."""
    present = count > 0
    total = np.square(coordinates[present]).sum() / max(1, present.sum())
    need(total > 0, "all class means coincide")
    need_variability(count)
    return float(count[present] @ trace[present] / count.sum() / total)


def rank_between(spectrum: np.ndarray) -> float:
    """Rank of Sigma_B: the number of its eigenvalues (in `spectrum`) that are not zero."""
    return float(len(spectrum))


def within_trace(trace: np.ndarray, count: np.ndarray) -> float:
    """Tr Sigma_W: mean over samples of the squared distance to their class's mean."""
    present = count > 0
    need(bool(present.any()), "no samples of these classes")
    need_variability(count)
    return float((trace * count)[present].sum() / count.sum())


def cdnv(coordinates: np.ndarray, trace: np.ndarray, count: np.ndarray) -> float:
    """Class-distance normalised variance: mean over pairs of (v_i + v_j) / (2 ||mu_i - mu_j||^2).

    Galanti et al. 2022.
    """
    present = count > 0
    means, variances = coordinates[present], trace[present]
    need(len(means) > 1, "fewer than 2 classes")
    distances = pdist(means, "sqeuclidean")
    need(bool((distances > 1e-24 * np.square(means).sum()).all()), "two class means coincide")
    need_variability(count)
    first, second = np.triu_indices(len(means), 1)
    return float(((variances[first] + variances[second]) / (2 * distances)).mean())


def global_mean(mean: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Sample mean over all classes, (d,): class means (K, d) weighted by count (K,); absent classes weigh nothing."""
    present = count > 0
    return count[present] @ mean[present] / count.sum()


def feature_energy(mean: np.ndarray, trace: np.ndarray, centre: np.ndarray) -> float:
    """E_H of the layer-peeled model: (1/K) sum_k (1/n_k) sum_i ||h_ki - centre||^2, over the classes given.

    mean (K, d), trace (K,), centre (d,). Fang et al. 2021, code: centre is the sample mean.
    """
    need(not np.isnan(trace).any(), "a class without samples")
    return float((trace + np.square(mean - centre).sum(1)).mean())
