"""Layer-peeled model of imbalanced classes, solved exactly in four numbers.

The model (Fang, He, Long, Su 2021, PNAS 118(43) e2103091118, arXiv 2101.12699) has k_major classes of weight 1 and
k_minor classes of weight 1 / ratio, K in all. Its logits are free but for their nuclear norm, at most
rho = K sqrt(energy) with energy = E_H E_W. It is convex, so averaging over permutations within each group loses nothing
and leaves four numbers (derived here; the tests check it against the semidefinite programme):

    a, c    margin of a majority (minority) sample over another class of its own group
    x, y    size of the part of its logits that tells the two groups apart
    b_A = a (1 - 1/k_major) + x / mix    its margin over the other group, mix = k_major k_minor / K
    b_B = c (1 - 1/k_minor) + y / mix

    minimise    k_major log(1 + (k_major - 1) exp(-a) + k_minor exp(-b_A))
                + (k_minor / ratio) log(1 + (k_minor - 1) exp(-c) + k_major exp(-b_B))
    subject to  (k_major - 1) a + (k_minor - 1) c + sigma <= rho,  sigma = sqrt(K (x^2 / k_minor + y^2 / k_major))

Method. Let price be the multiplier of the constraint, p_o, p_m (q_o, q_m) the softmax weight of a majority (minority)
sample on another class of its own group and on one of the other group. Stationarity in a, x, c, y reads

    k_major p_o + k_minor p_m = price              k_minor q_o + k_major q_m = min(price ratio, 1); at 1, c = 0
    p_m = price cos(phi) / sqrt(K k_minor)         q_m = price ratio sin(phi) / sqrt(K k_major)
    tan(phi) = y sqrt(k_minor) / (x sqrt(k_major))

so price and phi give all softmax weights, these all margins, and two equations are left: the last line (its error is
`imbalance`, falling in phi) and the constraint (its error is `excess`, falling in price: the dual is concave). Newton's
method in brackets solves both for all n ratios at once; arrays (2, n) hold the majority, then the minority.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

LAST_STEP = 1e-12  # a Newton step below this is the last: what it leaves is below the rounding error
MAX_STEPS = 200  # Newton's method takes about 5, bisection alone about 50


@dataclass(frozen=True)
class Solution:
    """Optimum of the layer-peeled model; every array has the shape of `ratio`.

    a, x, c, y : the four numbers of the reduction, see the module.
    objective : sum of majority losses + (oversampling / ratio) sum of minority losses, over class means.
    norm_major, norm_minor : norms of their classifiers, and of their class means, over sqrt(E_W) and sqrt(E_H).
    cos_minor, cos_major : cosine of two classifiers of the group; cos_minor is exactly 1 if collapsed, NaN if vanished.
    status : "ok"; "collapsed", one minority classifier (c = 0); "vanished", minority classifiers zero (c = x = y = 0).
    kkt_residual : largest error of the optimality conditions; stationarity in units of the price, budget of rho.
    """

    a: Floats
    x: Floats
    c: Floats
    y: Floats
    objective: Floats
    norm_major: Floats
    norm_minor: Floats
    cos_minor: Floats
    cos_major: Floats
    status: NDArray[np.str_]
    kkt_residual: Floats


def solve(k_major: int, k_minor: int, energy: float, ratio: ArrayLike, oversampling: float = 1) -> Solution:
    """Exact optimum of the layer-peeled model at every `ratio`.

    k_major, k_minor : classes in each group, 2 or more. energy : E_H E_W, positive. ratio : any shape, 1 or more;
    math.inf drops the minority losses (the paper's Theorem 5). oversampling : w_r, at most `ratio`; it only weighs the
    minority losses: the optimum is that of ratio / w_r. ValueError if out of range, RuntimeError if not solved.
    """
    model = _model(k_major, k_minor, energy)
    ratios = np.asarray(ratio, dtype=np.float64)
    if not np.all(ratios >= 1):
        raise ValueError(f"ratio must be 1 or more (math.inf allowed), not {ratios[~(ratios >= 1)].flat[0]}")
    if not (oversampling > 0 and np.all(oversampling <= ratios)):
        raise ValueError(f"oversampling must be positive and at most the ratio, not {oversampling}")
    ratios = ratios / oversampling
    log_ratio = np.log(ratios.ravel())
    within, across = np.zeros((2, 2, ratios.size))
    within[0] = model.rho / (k_major - 1)
    # (x, y) = 0 is optimal where the gradient is in the subdifferential of sigma, and no other point is.
    kept = _optimality(model, log_ratio, within, across).pull_norm > 1
    within[:, kept], across[:, kept] = _stationary_point(model, log_ratio[kept])
    return _describe(model, log_ratio, within, across, ratios.shape)


def collapse_threshold(k_major: int, k_minor: int, energy: float) -> float:
    """Smallest ratio R0 at which the minority classifiers are one vector, R0 = 1 / (1 - p_s + p_o) = 1 / price.

    p_s, p_o : softmax weight of a majority sample on its own and on another majority class, at the collapsed optimum of
    that very ratio. With c = 0 and ratio = 1 / price the conditions in y and x become

        n(y) = y (k_major + k_minor exp(y / mix)) / (k_major sqrt(K)),  n = sigma / sqrt(K)
        K = (k_major p_o / p_m + k_minor) sqrt(K) x / (k_minor n)

    The right side rises with y, from below K to above it: there is one such ratio, and it is finite (math.inf only if
    a float can not hold it). Raises ValueError for arguments out of range.
    """
    model = _model(k_major, k_minor, energy)
    low, high = 0.0, model.mix * max(1.0, math.log(model.rho * model.k / k_minor**2))  # n(high) is beyond the budget
    price = math.nan
    while low < (y := (low + high) / 2) < high:
        right_side, price = _collapsed(model, y)
        low, high = (low, y) if right_side > model.k else (y, high)
    return 1 / price if price > 0 else math.inf


def vanishing_threshold(k_major: int, k_minor: int, energy: float) -> float:
    """Smallest ratio R1 at which the minority classifiers are zero; math.inf if they never are.

    R1 = sqrt(k_major / (K price^2 - k_minor K^2 p_m^2)) with price = k_major p_o + k_minor p_m and p_s, p_o, p_m the
    softmax weights of the logits a (1 - 1 / k_major), -a / k_major, 0 (1, k_major - 1 and k_minor times) at
    a = rho / (k_major - 1). Raises ValueError for arguments out of range.
    """
    model = _model(k_major, k_minor, energy)
    a = model.rho / (k_major - 1)
    tail = math.exp(-a / k_major)
    gap = (k_major * tail + k_minor) ** 2 - model.k * k_minor  # (price / p_m)^2 - k_minor K
    if gap <= 0:
        return math.inf
    p_m = 1 / (math.exp(a * (1 - 1 / k_major)) + (k_major - 1) * tail + k_minor)
    return math.sqrt(k_major / (model.k * gap)) / p_m


class _Model(NamedTuple):
    """Class counts, K, mix and rho of the module; own and other, (2, 1): classes in a group and in the other one."""

    k_major: int
    k_minor: int
    k: int
    mix: float
    rho: float
    own: Floats
    other: Floats


def _model(k_major: int, k_minor: int, energy: float) -> _Model:
    """Model of these classes and this energy; ValueError for arguments out of range."""
    if k_major < 2 or k_minor < 2:
        raise ValueError(f"each group needs two classes or more: k_major={k_major}, k_minor={k_minor}")
    if not 0 < energy < math.inf:
        raise ValueError(f"energy must be positive and finite, not {energy}")
    k, own = k_major + k_minor, np.array([[float(k_major)], [float(k_minor)]])
    return _Model(k_major, k_minor, k, k_major * k_minor / k, k * math.sqrt(energy), own, own[::-1])


def _collapsed(model: _Model, y: float) -> tuple[float, float]:
    """The right side of the last equation in `collapse_threshold`, and the price, at y."""
    k, k_major, k_minor = model.k, model.k_major, model.k_minor
    n = y * (k_major + k_minor * math.exp(y / model.mix)) / (k_major * math.sqrt(k))
    x = math.sqrt(k_minor * (n * n - y * y / k_major))
    a = max((model.rho - math.sqrt(k) * n) / (k_major - 1), 0.0)  # 0: y is too large, and the right side as well
    log_odds = min(x / model.mix - a / k_major, 99.0)  # log(p_o / p_m); 99: likewise
    p_o, p_m = math.exp(-a), math.exp(-a - log_odds)  # over p_s
    price = (k_major * p_o + k_minor * p_m) / (1 + (k_major - 1) * p_o + k_minor * p_m)
    return (k_major * math.exp(log_odds) + k_minor) * math.sqrt(k) * x / (k_minor * n), price


def _margins(model: _Model, log_total: Floats, tilt: Floats, rate: Floats) -> tuple[Floats, Floats]:
    """within = (a, c) and across = (x, y), from the softmax weights p_s (own class), p_o, p_m of each group.

    log_total : log(own p_o + other p_m), (2, n). tilt : log(K p_m / total), (2, n), 0 if p_o = p_m; its derivative by
    log(sin(phi)) is `rate`. Returns two (3, 2, n): value, derivative by log(sin(phi)), derivative by log(price).

        within = log(p_s / p_o)        across = mix (within / own + log(p_o / p_m))
    """
    odds = model.other / model.own
    growth = -odds * np.expm1(tilt)  # K p_o / total - 1
    log_odds = np.log1p(growth)
    log_weight = log_total - math.log(model.k) + log_odds
    p_o = np.exp(log_weight)
    p_s = p_o - np.expm1(log_total)
    slope = -odds * np.exp(tilt) * rate / (1 + growth)  # of log(p_o)
    within = np.stack([np.log(p_s) - log_weight, slope * (p_o / p_s - 1), -1 / p_s])
    across = within / model.own + np.stack([log_odds - tilt, slope - rate, np.zeros_like(tilt)])
    return within, model.mix * across


def _equations(model: _Model, log_ratio: Floats, log_price: Floats, tilt: Floats) -> tuple[Floats, Floats, Floats]:
    """Point and both equations at log_price and tilt = log(K q_m / min(price ratio, 1)), each (n,).

    Returns [(a, c), (x, y)], (2, 2, n), imbalance and excess, (3, n): value and two derivatives, as in `_margins`.
    imbalance = sqrt(K) (y sqrt(k_minor) cos(phi) - x sqrt(k_major) sin(phi))
    excess = (k_major - 1) a + (k_minor - 1) c + sqrt(K) (x cos(phi) / sqrt(k_minor) + y sin(phi) / sqrt(k_major)) - rho
    """
    log_pressure = log_price + log_ratio
    # Sine and cosine are in units of those at ratio 1, where tan(phi)^2 = k_major / k_minor.
    log_sin = tilt - np.maximum(log_pressure, 0)
    log_cos = 0.5 * np.log1p(-model.k_major / model.k_minor * np.expm1(2 * log_sin))
    tangent2 = model.k_major / model.k_minor * np.exp(2 * (log_sin - log_cos))
    rate = np.stack([-tangent2, np.ones_like(tilt)])  # of log_cos and log_sin by log_sin
    log_total = np.stack([log_price, np.minimum(log_pressure, 0)])
    within, across = _margins(model, log_total, np.stack([log_cos, tilt]), rate)
    within[:, 1] = np.where(log_pressure < 0, within[:, 1], 0.0)
    share = np.exp(np.stack([log_cos, log_sin]))  # cos(phi), sin(phi)
    along, against = share * across, model.own * share[::-1] * across
    sigma = np.maximum(along[0].sum(axis=0), 0.0)
    along[1] += rate * along[0]
    against[1] += rate[::-1] * against[0]
    excess = np.sum((model.own - 1) * within + along, axis=1)
    excess[0] -= model.rho
    # x and y from sigma and phi, not from `across`: their direction stays exact where both are almost zero.
    point = np.stack([np.maximum(within[0], 0), model.other / model.k * share * sigma])
    return point, against[:, 1] - against[:, 0], excess


def _falling_root(function: Callable[[Floats], Iterable[Floats]], low: Floats, high: Floats, start: Floats) -> Floats:
    """Roots (n,) of falling functions by Newton's method, by bisection where a step is too long or leaves the bracket.

    function : points (n,) -> values, derivatives. Raises RuntimeError if a root is not found in MAX_STEPS.
    """
    point, size = np.clip(start, low, high), high - low
    for _ in range(MAX_STEPS):
        value, slope = function(point)
        low, high = np.where(value > 0, point, low), np.where(value > 0, high, point)
        newton = point - value / slope
        # Require steps to halve: at a kink, Newton's method could go to and fro for ever.
        good = (low <= newton) & (newton <= high) & (np.abs(newton - point) <= size / 2)
        following = np.where(good, newton, (low + high) / 2)
        # Points that have converged stay: at the rounding error, the sign of the value is noise.
        moving = size >= LAST_STEP
        point, size = np.where(moving, following, point), np.where(moving, np.abs(following - point), size)
        if np.all(size < LAST_STEP):
            return point
    raise RuntimeError(f"no root after {MAX_STEPS} steps")


def _solve_tilt(model: _Model, log_ratio: Floats, log_price: Floats, start: Floats) -> Floats:
    """tilt (n,) at which the imbalance is zero, for each price.

    Bracket: below 0 since ratio >= 1, with some room as the root of ratio 1 is 0 itself; from below by y >= -tilt mix,
    x <= mix (log(K) - log_price) and tan(phi) <= exp(tilt) sqrt(k_major / k_minor).
    """
    low = np.minimum(-1.0, -np.log(model.k_major / model.k_minor * (math.log(model.k) - log_price)))
    high = np.full_like(low, 0.25 * math.log(model.k / model.k_major))
    return _falling_root(lambda tilt: _equations(model, log_ratio, log_price, tilt)[1][:2], low, high, start)


def _stationary_point(model: _Model, log_ratio: Floats) -> Floats:
    """(a, c), (x, y) where both equations hold, (2, 2, n), at n ratios for which the minority does not vanish."""
    tilt = -np.minimum(log_ratio, 0.1)

    def excess(log_price: Floats) -> tuple[Floats, Floats]:
        nonlocal tilt  # each search starts where the one before it ended
        tilt = _solve_tilt(model, log_ratio, log_price, tilt)
        _, imbalance, (value, by_tilt, by_price) = _equations(model, log_ratio, log_price, tilt)
        return value, by_price - by_tilt * imbalance[2] / imbalance[1]

    # a <= rho / (k_major - 1) bounds the price from below, a >= 0 from above; the search starts at ratio 1's price.
    low = np.full_like(log_ratio, -np.logaddexp(0.0, model.rho / (model.k_major - 1) - math.log(model.k_major)))
    start = math.log(model.k) - np.logaddexp(math.log(model.k - 1), model.rho / (model.k - 1)) - log_ratio
    log_price = _falling_root(excess, low, np.zeros_like(low), start)
    return _equations(model, log_ratio, log_price, _solve_tilt(model, log_ratio, log_price, tilt))[0]


class _Optimality(NamedTuple):
    """Objective and gradient at a point, the gradient in units of the price that its part by a implies."""

    objective: Floats
    pull_within: Floats  # (2, n): -dF/da / (k_major - 1), -dF/dc / (k_minor - 1)
    pull_across: Floats  # (2, n): -dF/dx, -dF/dy
    pull_norm: Floats  # of pull_across, dual to sigma: (x, y) can only be 0 where it is at most 1


def _optimality(model: _Model, log_ratio: Floats, within: Floats, across: Floats) -> _Optimality:
    """Objective and gradient at within, across (2, n), computed from the losses alone, as a check on the solver."""
    own, other = model.own, model.other
    log_weight = np.stack([np.zeros_like(log_ratio), -log_ratio])
    between = within * (1 - 1 / own) + across / model.mix
    loss = np.log1p((own - 1) * np.exp(-within) + other * np.exp(-between))
    log_pull = np.logaddexp(np.log(own) - within, np.log(other) - between) - loss + log_weight
    with np.errstate(over="ignore"):  # an infinite pull is a pull
        pull_across = model.k * np.exp(log_weight - between - loss - log_pull[0])
        pull_within = np.exp(log_pull - log_pull[0])
    objective = np.sum(own * np.exp(log_weight) * loss, axis=0)
    return _Optimality(objective, pull_within, pull_across, np.hypot(*(np.sqrt(other / model.k) * pull_across)))


def _describe(model: _Model, log_ratio: Floats, within: Floats, across: Floats, shape: tuple[int, ...]) -> Solution:
    """The Solution at points (within, across), each (2, n); its arrays have `shape`."""
    (a, c), (x, y) = within, across
    at = _optimality(model, log_ratio, within, across)
    sigma = np.sqrt(model.k * np.sum(across**2 / model.other, axis=0))
    zero = sigma == 0
    direction = model.k * across / (model.other * np.where(zero, 1.0, sigma))  # gradient of sigma
    errors = [
        np.where(zero, np.maximum(at.pull_norm - 1, 0), np.abs(at.pull_across - direction).max(axis=0)),
        np.where(within > 0, np.abs(at.pull_within - 1), np.maximum(at.pull_within - 1, 0)).max(axis=0),
        np.abs(np.sum((model.own - 1) * within, axis=0) + sigma - model.rho) / model.rho,
    ]
    # On a group W W^T = sqrt(Z Z^T), Z the logits, is (within (own I - J) + common J) / own, J all ones; rho in all.
    common = sigma * model.other / model.k
    norms = np.sqrt(model.k * ((model.own - 1) * within + common) / (model.own * model.rho))
    with np.errstate(invalid="ignore"):  # 0 / 0 is the honest cosine of classifiers that vanished
        cos_major, cos_minor = (common - within) / ((model.own - 1) * within + common)
    status = np.where(zero, "vanished", np.where(c > 0, "ok", "collapsed"))
    fields = (a, x, c, y, at.objective, *norms, cos_minor, cos_major, status, np.max(errors, axis=0))
    return Solution(*(_shaped(field, shape) for field in fields))


def _shaped(values: ArrayLike, shape: tuple[int, ...]) -> NDArray[Any]:
    return np.asarray(values).reshape(shape)
