"""Regularised cross-entropy of symmetric frames under a deep linear head: the simplex frame and its low-rank rivals.

    f = 1/N sum_i CE(W_M ... W_1 h_i, y_i) + sum_m lambda_m/2 ||W_m||^2 + lambda_H/2 ||H||^2

K balanced classes of n samples, N = K n, no bias (every frame here is centred: a free bias has its optimum at 0), and
widths that allow the rank. CE is convex in h, so a class has one logit vector; they are the columns of Z (K, K). Over
all factors of Z the least decay is that of balanced ones (derived: the product has the singular values
sqrt(n) sigma(Z), and the inequality of arithmetic and geometric means holds for each):

    f(Z) = 1/K sum_k (logsumexp(z_k) - z_kk) + (M+1)/2 (n lambda_H lambda_1 ... lambda_M)^(1/(M+1)) sum sigma^(2/(M+1))

Dang et al. 2023 state that the simplex frame (ETF) is the global minimum for every M. From M = 2 on the exponent is
below 1 and favours a low rank: other frames have a lower f, first with many classes (derived; in agreement with arXiv
2410.23169). Here Z = scale * frame, and a frame is the Gram matrix of K unit vectors, class k at vector k. Permutations
that keep the frame can swap any two classes; so the matrices that they keep are symmetric and commute. The gradient of
CE is one of them and a scalar on the frame's range, an irreducible space: at its best scale a frame is a critical point
of f in all weights and features. That is no proof of a minimum, neither local nor global.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from collapse.theory.deep_linear import layer_decays

Floats = NDArray[np.float64]

SCALES = 2000  # tried between the smallest and the largest that can be optimal, evenly in their logarithm
ROUNDING = 1e-10  # singular values of a frame below this are zero


@dataclass(frozen=True)
class FrameOptimum:
    """A frame at its best scale.

    loss: f, of which cross_entropy is the first term. logits (K, K): scale * frame. rank: of the logits. Where zero
    logits are best, scale and rank are 0, and loss is log K.
    """

    loss: float
    cross_entropy: float
    scale: float
    logits: Floats
    rank: int


def simplex_frame(num_classes: int) -> Floats:
    """Simplex equiangular tight frame (ETF) of K classes: (K I - 1 1^T) / (K - 1), rank K - 1. ValueError if K < 2."""
    _check_classes(num_classes, 2, "a simplex")
    return (num_classes * np.eye(num_classes) - 1) / (num_classes - 1)


def polygon_frame(num_classes: int) -> Floats:
    """Vertices of a regular polygon in order, cos(2 pi (k - l) / K), (K, K), rank 2. ValueError if K < 3."""
    _check_classes(num_classes, 3, "a polygon")
    angles = 2 * np.pi / num_classes * np.arange(num_classes)
    return np.cos(angles[:, None] - angles)


def orthogonal_sum(frame: Floats, copies: int) -> Floats:
    """Copies of a frame (K, K) in orthogonal subspaces: (copies K, copies K), block diagonal."""
    return np.asarray(np.kron(np.eye(copies), frame), dtype=np.float64)


def cross_polytope_frame(num_classes: int) -> Floats:
    """K/2 antipodal pairs on orthogonal axes: classes 2i and 2i + 1 are +e_i and -e_i. (K, K), rank K/2.

    ValueError for an odd K.
    """
    if num_classes < 2 or num_classes % 2:
        raise ValueError(f"a cross-polytope has an even number of classes, 2 or more, not {num_classes}")
    return orthogonal_sum(simplex_frame(2), num_classes // 2)


def low_rank_frames(num_classes: int) -> dict[int, Floats]:
    """The rivals of the simplex frame by rank r < K - 1: every orthogonal sum of equal regular polygons of K classes.

    Rank K/2: the cross-polytope, K even. Rank 2K/q: K/q polygons of q classes, q >= 3 dividing K; squares are the
    cross-polytope up to the order of classes. Rank 2 is thus one polygon, rank 4 of K = 10 two pentagons. They need not
    be the best of their rank: at K = 10, n = 100, M = 3, decays 5e-4, descents end at .0632 (measured), rank 4, and the
    pentagons are at .0646. ValueError if K < 2.
    """
    _check_classes(num_classes, 2, "a frame")
    corners = [q for q in range(3, num_classes + 1) if num_classes % q == 0]
    frames = {2 * num_classes // q: orthogonal_sum(polygon_frame(q), num_classes // q) for q in corners}
    if num_classes % 2 == 0:  # in place of squares, which are the same
        frames[num_classes // 2] = cross_polytope_frame(num_classes)
    return {rank: frames[rank] for rank in sorted(frames) if rank < num_classes - 1}


def cross_entropy(logits: Floats) -> float:
    """1/K sum_k (logsumexp(z_k) - z_kk) of logits (K, K), a column z_k a class."""
    margins = logits - np.diag(logits)
    return float(np.logaddexp.reduce(margins, axis=0).mean())


def schatten_decay(logits: Floats, samples: float, weight_decay: ArrayLike, feature_decay: float, layers: int) -> float:
    """Least decay of all weights and features with these logits (K, K), n samples a class.

    (M+1)/2 (n lambda_H lambda_1 ... lambda_M)^(1/(M+1)) sum sigma^(2/(M+1)). Arguments as of `frame_optimum`.
    """
    decays = layer_decays(weight_decay, layers)
    for name, value in (("samples", samples), ("feature_decay", feature_decay)):
        if not 0 < value < math.inf:
            raise ValueError(f"{name} has to be positive and finite, not {value}")
    log_product = math.log(samples) + math.log(feature_decay) + np.log(decays).sum()
    sigma = np.linalg.svd(logits, compute_uv=False)
    sigma = sigma[sigma > ROUNDING * sigma.max()]  # a root of a rounding error is none
    return float((layers + 1) / 2 * np.exp(log_product / (layers + 1)) * np.sum(sigma ** (2 / (layers + 1))))


def frame_optimum(
    frame: Floats, samples: float, weight_decay: ArrayLike, feature_decay: float, layers: int
) -> FrameOptimum:
    """The scale of a frame (K, K) that minimises f, and f there.

    samples: n, of each class. weight_decay: lambda_W, or (M,) lambda_1 to lambda_M. feature_decay: lambda_H. layers: M.
    The scale is a root of df/d(log scale); beyond it f rises. ValueError for arguments that are not positive, and for a
    frame that is not square or does not give each class its largest logit.
    """
    frame = np.asarray(frame, dtype=np.float64)
    margin = _smallest_margin(frame)
    decay, power = schatten_decay(frame, samples, weight_decay, feature_decay, layers), 2 / (layers + 1)

    def slope(log_scale: float) -> float:  # df/d(log scale)
        scale = math.exp(log_scale)
        return scale * _cross_entropy_slope(frame, scale) + decay * power * scale**power

    # f < log K bounds the decay; from a margin of 750 on the cross-entropy has no slope left in floating point.
    log_largest = min(math.log(math.log(len(frame)) / decay) / power, math.log(750 / margin))
    best = min(_minima(slope, log_largest), key=lambda scale: _loss(frame, scale, decay, power), default=0.0)
    best = best if _loss(frame, best, decay, power) < math.log(len(frame)) else 0.0
    logits = best * frame
    rank = int(np.linalg.matrix_rank(logits, tol=ROUNDING * best)) if best else 0
    return FrameOptimum(_loss(frame, best, decay, power), cross_entropy(logits), best, logits, rank)


def _loss(frame: Floats, scale: float, decay: float, power: float) -> float:
    return cross_entropy(scale * frame) + decay * scale**power


def _cross_entropy_slope(frame: Floats, scale: float) -> float:
    """d/d(scale) of the cross-entropy of scale * frame: the mean of softmax times margin, at most 0."""
    margins = frame - np.diag(frame)
    weights = np.exp(scale * margins)
    return float(np.mean((weights * margins).sum(axis=0) / weights.sum(axis=0)))


def _minima(slope: Callable[[float], float], log_largest: float) -> list[float]:
    """The scales up to exp(log_largest) at which slope, a function of log(scale), turns from negative to positive."""
    grid = log_largest + np.linspace(-25, 0, SCALES)  # 25: a scale of 1e-11 of the largest
    negative = np.array([slope(x) < 0 for x in grid])
    turns = np.flatnonzero(negative[:-1] & ~negative[1:])
    roots = [brentq(slope, grid[i], grid[i + 1], xtol=1e-14) for i in turns]
    return [math.exp(float(root)) for root in roots]  # pyright: ignore[reportArgumentType] (no result object is asked for)


def _smallest_margin(frame: Floats) -> float:
    """Smallest difference of a class's own logit and another's; ValueError where it is not positive."""
    if frame.ndim != 2 or frame.shape[0] != frame.shape[1] or len(frame) < 2:
        raise ValueError(f"a frame has to be a square matrix of 2 classes or more, not of shape {frame.shape}")
    others = np.where(np.eye(len(frame), dtype=bool), -np.inf, frame)
    margin = float(np.min(np.diag(frame) - others.max(axis=0)))
    if not margin > 0:
        raise ValueError("a frame has to give every class its largest logit")
    return margin


def _check_classes(num_classes: int, least: int, shape: str) -> None:
    if num_classes < least:
        raise ValueError(f"{shape} has {least} classes or more, not {num_classes}")
