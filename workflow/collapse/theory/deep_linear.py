"""Global optimum of unconstrained features under a deep linear head, squared loss and weight decay. Dang et al. 2023.

    f = ||P H + beta 1^T - Y||^2 / (2N) + sum_m lambda_m/2 ||W_m||^2 + lambda_H/2 ||H||^2,   P = W_M ... W_1

K classes of n_k samples, N in all; Y (K, N) one-hot; H (d, N) free; the bias beta zero, or free and without decay.

Reduction (derived). f is convex in H: the samples of a class share their mean h_k. With D = diag(n) and
G = (h_1 ... h_K) D^(1/2), the loss is ||P G - D^(1/2)||^2 / (2N) and ||H|| = ||G||. A free beta has the optimum
(Y - P H) 1 / N, and centring H at the sample mean costs nothing: P G fits D^(1/2) (I - v v^T), v_k = sqrt(n_k / N).
The decays see singular values alone, so that P G has the singular vectors of this target, and f is a sum over them.
Squared singular values and left vectors of the target: D - n n^T / N = U diag(mu) U^T; without bias, mu = n and U = I.
Given an eigenvalue p of P P^T, ridge regression gives H, and the inequality of arithmetic and geometric means the
layers, lambda_m w_m^2 = (lambda_1 ... lambda_M p)^(1/M): of the decays only the product enters f.

    2N f = sum_k mu_k g_k,   g_k(x) = 1/(1 + x^M) + (b/mu_k) x,   p = N lambda_H x^M,
    b = M N (N lambda_H lambda_1 ... lambda_M)^(1/M)

    P P^T = U diag(p) U^T     logits = U diag(p / (p + N lambda_H)) U^T (I - n 1^T / N) + n 1^T / N     beta = n / N
    ||h_k||^2 = sum_i T_ki^2 p_i / (p_i + N lambda_H)^2,   T = (I - 1 n^T / N) U     (no bias: no n 1^T, 1 n^T)

g_k is stationary where b/mu_k = M x^(M-1) / (1 + x^M)^2. Its largest root is the minimum if b/mu_k < tau_M; otherwise
x = 0 is, and the direction has collapsed. A head of width d has rank d: what a direction gains, the largest value of
(2 sqrt(mu) s - s^2) / (2N) - (decay of s) over s, rises with mu. The d largest mu (counts) survive.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collapse.theory.thresholds import check_layers, existence_limit, survival_threshold

Floats = NDArray[np.float64]

MAX_STEPS = 100  # Newton's method takes about 6, and 30 close to the existence limit, where two roots meet


@dataclass(frozen=True)
class Optimum:
    """A global minimum of f. Directions are classes without a bias, else eigenvectors of D - n n^T / N.

    p (K,): eigenvalues of P P^T, 0 where collapsed; without bias in the order of the classes, else falling, the last 0.
    loss: f. partial_products (M, K): row j - 1 holds the eigenvalues of P_j P_j^T, P_j = W_M ... W_(M-j+1), as in p.
    logits (K, K): P h_k + beta, a column a class. bias (K,): beta, zeros without.
    directions (K, K): U, a column for each entry of p; centring (K, K): I - n 1^T / N, or I without a bias.
    row_norms (K,): ||row k of P||. mean_norms (K,): ||h_k||, of the class means as they are; both in class order.

    Every global minimum has this loss, and, up to the order among equal mu, this p. All have the rest as well, unless a
    width cuts between equal mu (without bias the classes that come first survive here), or b/mu is tau_M (collapsed
    here).
    """

    p: Floats
    loss: float
    partial_products: Floats
    logits: Floats
    row_norms: Floats
    mean_norms: Floats
    bias: Floats
    directions: Floats
    centring: Floats


def optimum(
    counts: ArrayLike,
    weight_decay: ArrayLike,
    feature_decay: float,
    layers: int,
    bias: bool = False,
    width: int | None = None,
) -> Optimum:
    """Global optimum of f for class counts n_k (K,), positive and not necessarily whole. Derived, see the module.

    weight_decay: lambda_W, or (M,) lambda_1 (of the layer that reads the features) to lambda_M. feature_decay:
    lambda_H. layers: M. bias: whether the last layer has a free bias. width: d, the smallest of the widths between the
    layers and of the feature dimension; None: at least K. ValueError for counts, decays, layers or a width that are not
    positive, or of a wrong shape.
    """
    n, decays = _class_counts(counts), layer_decays(weight_decay, layers)
    b = decay_level(1.0, n.sum(), decays, feature_decay, layers)
    mu, basis, centring = _directions(n, bias)
    level = np.divide(b, mu, out=np.full_like(mu, np.inf), where=mu > 0)
    ratio = np.where(level < survival_threshold(layers), stationary_ratio(level, layers), 0.0)
    ratio[_cut(mu, width)] = 0
    shift = n.sum() * feature_decay
    p, prior = shift * ratio, n / n.sum() if bias else np.zeros_like(n)
    loss = np.sum(mu / (1 + ratio) + b * ratio ** (1 / layers)) / (2 * n.sum())
    logits = (basis * (ratio / (1 + ratio))) @ basis.T @ centring + prior[:, None]
    rows = np.square(basis) @ p
    means = np.square(centring.T @ basis) @ (p / (p + shift) ** 2)
    return Optimum(
        p, float(loss), partial_products(p, decays), logits, np.sqrt(rows), np.sqrt(means), prior, basis, centring
    )


def partial_products(p: ArrayLike, weight_decay: ArrayLike) -> Floats:
    """Eigenvalues of P_j P_j^T, P_j = W_M ... W_(M-j+1), j = 1 ... M, at an optimum whose P P^T has eigenvalues p (K,).

    weight_decay (M,): lambda_1 to lambda_M. Returns (M, K), (lambda_1 ... lambda_M p)^(j/M) / (lambda_M ...
    lambda_(M-j+1)): balancedness, lambda_(m+1) W_(m+1)^T W_(m+1) = lambda_m W_m W_m^T. Derived; p^(j/M) for equal
    decays (Dang et al. 2023).
    """
    log_decays = np.log(np.asarray(weight_decay, dtype=np.float64))
    j = np.arange(1, len(log_decays) + 1)
    log_scale = j * log_decays.mean() - np.cumsum(log_decays[::-1])
    return np.exp(log_scale)[:, None] * np.asarray(p) ** (j / len(j))[:, None]


def decay_level(counts: ArrayLike, total: float, weight_decay: ArrayLike, feature_decay: float, layers: int) -> Floats:
    """b/n_k, b = M N (N lambda_H lambda_1 ... lambda_M)^(1/M), in the shape of counts; total: N, of all classes.

    The decays' cost of a class, to compare with `survival_threshold`. Dang et al. 2023, with constants as derived; for
    a head with a bias counts are the eigenvalues mu of the module. ValueError for decays or layers that are not
    positive.
    """
    decays = layer_decays(weight_decay, layers)
    if not 0 < feature_decay < np.inf:
        raise ValueError(f"the feature decay has to be positive and finite, not {feature_decay}")
    # The sum of logarithms, for a product of many decays underflows.
    mean_log = (np.log(total) + np.log(feature_decay) + np.log(decays).sum()) / layers
    return layers * total * np.exp(mean_log) / np.asarray(counts, dtype=np.float64)


def stationary_ratio(level: ArrayLike, layers: int) -> Floats:
    """x^M = p/(N lambda_H) at the largest root of b/mu = M x^(M-1) / (1 + x^M)^2, in the shape of level, b/mu > 0.

    A local minimum of g_k: the global one where level < tau_M. 0 where there is no root, from rho_M on.
    """
    level = np.asarray(level, dtype=np.float64)
    ratio = np.zeros_like(level)
    exists = level < existence_limit(layers)
    log_level = np.log(level[exists])
    ratio[exists] = np.expm1(-log_level / 2) if layers == 1 else np.exp(_log_largest_root(log_level, layers))
    return ratio


def layer_decays(weight_decay: ArrayLike, layers: int) -> Floats:
    """lambda_1 to lambda_M, (M,), of one number or M. ValueError if one is not positive, or if there are not M."""
    check_layers(layers)
    decays = np.asarray(weight_decay, dtype=np.float64)
    if decays.shape not in ((), (layers,)):
        raise ValueError(f"weight_decay has to be one number or one a layer ({layers}), not of shape {decays.shape}")
    if not np.all((decays > 0) & (decays < np.inf)):
        raise ValueError(f"weight decays have to be positive and finite, not {weight_decay}")
    return np.broadcast_to(decays, layers)


def _log_largest_root(log_level: Floats, layers: int) -> Floats:
    """y = log(x^M) at the largest root of log M + (M-1)/M y - 2 log(1 + e^y) = log_level, M > 1.

    The left side is concave, and below log M - (M+1)/M y: from the root of this bound Newton's method falls to the
    largest root without passing it.
    """
    slope = (layers - 1) / layers
    y = (np.log(layers) - log_level) / (1 + 1 / layers)
    for _ in range(MAX_STEPS):
        excess = np.minimum(np.log(layers) + slope * y - 2 * np.logaddexp(0, y) - log_level, 0)
        step = excess / (slope - 2 / (1 + np.exp(-y)))
        y = y - step
        if np.all(step <= 1e-15 * np.maximum(np.abs(y), 1)):
            break
    return y


def _directions(n: Floats, bias: bool) -> tuple[Floats, Floats, Floats]:
    """mu (K,), U (K, K) with a column a direction, and the centring I - n 1^T / N (K, K) or I, of the module."""
    if not bias:
        return n, np.eye(len(n)), np.eye(len(n))
    values, vectors = np.linalg.eigh(np.diag(n) - np.outer(n, n) / n.sum())
    mu, basis = values[::-1].copy(), vectors[:, ::-1]
    mu[-1] = 0  # its vector is 1; no other is zero
    return mu, basis, np.eye(len(n)) - n[:, None] / n.sum()


def _cut(mu: Floats, width: int | None) -> NDArray[np.intp]:
    """The directions for which a head of this width has no place: all but the `width` largest of mu (K,)."""
    if width is None:
        return np.arange(0)
    if width < 1 or not float(width).is_integer():
        raise ValueError(f"width has to be a whole number, 1 or more, not {width}")
    return np.argsort(-mu, stable=True)[width:]


def _class_counts(counts: ArrayLike) -> Floats:
    n = np.asarray(counts, dtype=np.float64)
    if n.ndim != 1 or not len(n):
        raise ValueError(f"counts have to be one number a class, not of shape {n.shape}")
    if not np.all((n > 0) & (n < np.inf)):
        raise ValueError(f"class counts have to be positive and finite, not {counts}")
    return n
