"""Global optimum of the unconstrained-feature model with a deep linear head, MSE and weight decay. Dang et al. 2023.

    f = ||P H - Y||^2 / (2N) + lambda_W/2 sum_m ||W_m||^2 + lambda_H/2 ||H||^2,   P = W_M ... W_1,   no bias

The optimum of f is diagonal in the classes (a general orthogonal frame). For class k, p_k = N lambda_H x^M, x the
largest root of b/n_k = M x^(M-1) / (1 + x^M)^2 with b = M N (N lambda_W^M lambda_H)^(1/M). A class whose b/n_k is not
below tau_M = (M-1)^((M-1)/M) / M has p_k = 0: it collapses.
"""

import numpy as np
from scipy.optimize import brentq


def spectrum(counts: np.ndarray, weight_decay: float, feature_decay: float, layers: int) -> np.ndarray:
    """p_k (K,), the eigenvalues of P P^T at the optimum, for class counts n_k (K,); 0 for a collapsed class.

    weight_decay, feature_decay: lambda_W, lambda_H above 0; layers: M. ValueError for values that are not positive.
    """
    counts = np.asarray(counts, dtype=float)
    if min(counts.min(), weight_decay, feature_decay, layers) <= 0:
        raise ValueError("class counts, decays and layers have to be positive")
    total = counts.sum()
    b = layers * total * (total * weight_decay**layers * feature_decay) ** (1 / layers)
    return total * feature_decay * np.array([_largest_root(b / count, layers) for count in counts]) ** layers


def survival_threshold(layers: int) -> float:
    """tau_M: a class survives where b/n_k is below it."""
    return (layers - 1) ** ((layers - 1) / layers) / layers


def _largest_root(level: float, layers: int) -> float:
    """Largest x with M x^(M-1) / (1 + x^M)^2 = level; 0 for a class that does not survive."""
    if level >= survival_threshold(layers):
        return 0.0

    def excess(log_x: float) -> float:
        x = np.exp(log_x)
        return np.log(layers) + (layers - 1) * log_x - 2 * np.log1p(x**layers) - np.log(level)

    # M x^(M-1) / (1 + x^M)^2 is largest at x^M = (M-1)/(M+1), and falls beyond.
    top = np.log((layers - 1) / (layers + 1)) / layers if layers > 1 else -50.0
    far = top + 1.0
    while excess(far) > 0:
        far += 1.0
    return float(np.exp(float(brentq(excess, top, far, xtol=1e-14))))  # pyright: ignore[reportArgumentType] (no result object is asked for)
