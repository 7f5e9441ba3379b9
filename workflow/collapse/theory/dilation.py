"""Memorization-dilation model of Nguyen et al. 2023: how far a class spreads where some samples have a wrong label.

Two classes, one sample each, features of two dimensions that are not negative, decay lambda on W and H. W, h_1 and h_2
stay at the minimiser of the positive layer-peeled model (collapse.theory.positive_layer_peeled): W = s (I - J/2),
h_1 = (rho, 0), h_2 = (0, rho), margin m = s rho, D = ||h_1 - h_2|| = rho sqrt 2. Free are the dilation r >= 0 and the
features u_1, u_2 >= 0 of samples with a wrong label: u_1 is labelled 1 and looks like class 2, u_2 the other way round.
The mean over the classes of

    R = F + eta G,   F = E l(W (h_n + v), n) + lambda E ||h_n + v||^2,   G = l(W u_n, n) + lambda ||u_n||^2

is minimised, with v normal, isotropic, E ||v||^2 = r^2; l the cross-entropy against (1 - alpha) e_n + alpha / 2; eta
the noise. Capacity is limited: ||h_2 - u_1|| <= C r / D and ||h_1 - u_2|| <= C r / D, C the memorization-dilation
slope. The model and its theorem (label smoothing dilates less) are the paper's; what follows is derived here.

By symmetry one class says all. With x = s (v_1 - v_2), a normal number of standard deviation s r,

    l = log(1 + e^(-d)) + alpha d / 2,   d the margin: m + x in F, s (u_x - u_y) in G

so that F is an integral over one number (Gauss-Hermite), and G depends on u only by d and ||u||. For small eta, r is
small too: F = const + a r^2 with the second derivative of l, p (1 - p), p = 1 / (1 + e^(-m)); and u_1 leaves h_2 by
C r / D along the gradient, G = const - b C r / D:

    a = p (1 - p) s^2 / 2 + lambda,   b = || (p - alpha/2) s (1, -1) - 2 lambda rho (0, 1) ||,   r = eta b C / (2 a D)

With cross-entropy p is near 1, so F is nearly flat (a small) and the pull greater; label smoothing stops at a lower m.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from collapse.theory.positive_layer_peeled import Minimiser, minimiser

NODES = 80  # of the Gauss-Hermite quadrature
FAR = 30.0  # a change of the margin of which nothing cancels, and whose exponential does not overflow


@dataclass(frozen=True)
class Dilation:
    """The model's optimum.

    dilation: r. memorization: ||h_2 - u_1||. class_distance: D. positions (4, 2): h_1, h_2, u_1, u_2.
    classifier (2, 2): W, a row for each class.
    """

    dilation: float
    memorization: float
    class_distance: float
    positions: np.ndarray
    classifier: np.ndarray

    @property
    def relative_memorization(self) -> float:
        """Memorization over the distance of the classes."""
        return self.memorization / self.class_distance


@dataclass(frozen=True)
class Model:
    """The model with W and h_1, h_2 in their places."""

    smoothing: float
    decay: float
    scale: float  # s
    norm: float  # rho

    @property
    def margin(self) -> float:
        """m."""
        return self.scale * self.norm

    @property
    def class_distance(self) -> float:
        """D."""
        return self.norm * math.sqrt(2)

    def loss_change(self, start: float, change: np.ndarray) -> np.ndarray:
        """l(start + change) - l(start), without cancelling; change (n,) -> (n,)."""
        wrong = 1 / (1 + math.exp(start))
        near = np.log1p(wrong * np.expm1(-np.maximum(change, -FAR)))
        far = np.logaddexp(math.log1p(-wrong), math.log(wrong) - change)
        return np.where(change > -FAR, near, far) + self.smoothing * change / 2

    def spread_cost(self, dilation: float, nodes: int = NODES) -> float:
        """F at the dilation r less F at 0."""
        places, weights = _hermite(nodes)
        changes = self.loss_change(self.margin, self.scale * dilation * places)
        return float(weights @ changes) + self.decay * dilation**2

    def memorized(self, radius: float) -> tuple[np.ndarray, float]:
        """The best u_1 (2,) within `radius` of h_2, and G there less G at h_2.

        Of all u with the same u_x - u_y, the one of least norm is best: what is left is a convex function of u_x - u_y.
        """
        if radius == 0:
            return np.array([0.0, self.norm]), 0.0
        reach = math.sqrt(2) * radius
        found = lowest(lambda moved: self._memorizing(moved, radius)[1], reach)
        # The search never tries the ends of its interval: the far end is the answer of a small radius without decay.
        return min((self._memorizing(moved, radius) for moved in (found, 0.0, reach)), key=lambda place: place[1])

    def _memorizing(self, moved: float, radius: float) -> tuple[np.ndarray, float]:
        """The u of least norm with u_x - u_y = moved - rho within the radius, and G there less G at h_2."""
        aside = moved / 2
        room = math.sqrt(max(radius**2 / 2 - aside**2, 0.0))
        difference = moved - self.norm
        # u = (y + difference, y): least where y is near -difference / 2, neither of them being negative.
        low = max(self.norm - aside - room, 0.0, -difference)
        y = min(max(-difference / 2, low), max(self.norm - aside + room, low))
        point = np.array([y + difference, y])
        change = self.loss_change(-self.margin, np.array([self.scale * moved]))[0]
        return point, float(change) + self.decay * float(point @ point - self.norm**2)


def optimal_dilation(smoothing: float, weight_decay: float, slope: float, noise: float, nodes: int = NODES) -> Dilation:
    """Minimum of R over r, u_1 and u_2. Derived, see the module.

    smoothing: alpha. weight_decay: lambda, of W and H. slope: C. noise: eta. Raises ValueError for values out of range,
    and where the decay is so great that W and H are zero.
    """
    model = model_at(smoothing, weight_decay)
    _check(slope, noise)
    reach = slope / model.class_distance  # of u, for a unit of dilation

    def excess(dilation: float) -> float:
        return model.spread_cost(dilation, nodes) + noise * model.memorized(reach * dilation)[1]

    # G is at most its value at h_2, and not negative; the decay alone makes F greater by lambda r^2.
    start = math.log1p(math.exp(-model.margin)) + model.margin + weight_decay * model.norm**2
    bound = math.sqrt(noise * start / weight_decay)
    r = lowest(excess, bound) if slope else 0.0
    u, _ = model.memorized(reach * r)
    h = np.array([[model.norm, 0.0], [0.0, model.norm]])
    return Dilation(
        dilation=r,
        memorization=float(np.linalg.norm(u - h[1])),
        class_distance=model.class_distance,
        positions=np.array([*h, u, u[::-1]]),
        classifier=model.scale * (np.eye(2) - 0.5),
    )


def small_noise_dilation(smoothing: float, weight_decay: float, slope: float, noise: float) -> float:
    """r = eta b C / (2 a D), to which the optimal dilation tends as eta goes to 0. Derived, see the module."""
    model = model_at(smoothing, weight_decay)
    _check(slope, noise)
    p = 1 / (1 + math.exp(-model.margin))
    a = p * (1 - p) * model.scale**2 / 2 + weight_decay
    pull = (p - smoothing / 2) * model.scale
    b = math.hypot(pull, -pull - 2 * weight_decay * model.norm)
    return noise * b * slope / (2 * a * model.class_distance)


def model_at(smoothing: float, weight_decay: float) -> Model:
    """The model whose W, h_1 and h_2 minimise the positive layer-peeled model; raises ValueError where these are 0."""
    least: Minimiser = minimiser(2, 1, smoothing, weight_decay, weight_decay)
    if least.margin == 0:
        raise ValueError(
            f"weight_decay {weight_decay}: from {least.threshold:.4g} on, at smoothing {smoothing}, classifier and "
            f"features are zero, and there is nothing to dilate"
        )
    return Model(smoothing, weight_decay, scale=math.sqrt(2) * least.classifier_norm, norm=least.mean_norm)


def lowest(function: Callable[[float], float], bound: float) -> float:
    """Where a convex function is least between 0 and the bound; 0 for a bound of 0."""
    if bound == 0:
        return 0.0
    options = {"xatol": 1e-12 * bound, "maxiter": 500}
    found: Any = minimize_scalar(function, bounds=(0, bound), method="bounded", options=options)
    return float(found.x)


@cache
def _hermite(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Places (n,) and weights (n,) of the expectation over a standard normal number."""
    places, weights = np.polynomial.hermite_e.hermegauss(nodes)
    return places, weights / weights.sum()


def _check(slope: float, noise: float) -> None:
    if not 0 <= noise <= 1:
        raise ValueError(f"noise has to lie in [0, 1], not {noise}")
    if not 0 <= slope < math.inf:
        raise ValueError(f"slope has to be 0 or more and finite, not {slope}")
