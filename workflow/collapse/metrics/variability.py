"""Within-class variability, energies and accuracies, from class statistics (collapse.statistics.classes)."""

import numpy as np


def nc1(spectrum: np.ndarray, within_spectrum: np.ndarray, num_classes: int) -> float:
    """Tr(Sigma_W Sigma_B^+) / K = (1/K) sum_i (u_i^T Sigma_W u_i) / lambda_i. Papyan et al. 2020, Fig 6, with 1/K.

    spectrum (r,) and within_spectrum (r,); NaN when Sigma_B has lost rank (r < K - 1): its pseudo-inverse then depends
    on what is called zero.
    """
    if len(spectrum) < num_classes - 1:
        return np.nan
    return float((within_spectrum / spectrum).sum() / num_classes)


def global_mean(mean: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Sample mean over all classes, (d,): class means (K, d) weighted by count (K,); absent classes weigh nothing."""
    present = count > 0
    return count[present] @ mean[present] / count.sum()


def feature_energy(mean: np.ndarray, within_trace: np.ndarray, centre: np.ndarray) -> float:
    """E_H of the layer-peeled model: (1/K) sum_k (1/n_k) sum_i ||h_ki - centre||^2, over the classes given.

    mean (K, d), within_trace (K,), centre (d,). Fang et al. 2021, code: centre is the sample mean.
    """
    return float((within_trace + np.square(mean - centre).sum(1)).mean())


def accuracy(correct: np.ndarray, count: np.ndarray) -> float:
    """Fraction of the samples of these classes that the network labels rightly; NaN without samples."""
    return float(correct.sum() / count.sum()) if count.sum() else np.nan
