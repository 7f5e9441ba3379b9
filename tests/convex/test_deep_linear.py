import functools
import math
from typing import NamedTuple

import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar

from collapse.theory.deep_linear import (
    decay_level,
    existence_limit,
    layer_decays,
    optimum,
    partial_products,
    stationary_ratio,
    survival_threshold,
)

LAYERS = [1, 2, 3, 6, 9]


# The published settings: N = 400, both decays 5e-4 (deep_linear.md, section 7).


@pytest.mark.parametrize(
    ("counts", "layers", "p", "loss", "loss_with_bias"),
    [
        ([100] * 4, 1, [9.8] * 4, 0.0198, 0.01485),
        ([100] * 4, 3, [31.3223] * 4, 0.01262905, 0.00947179),
        ([200, 100, 50, 50], 1, [13.9421, 9.8, 6.8711, 6.8711], 0.01894214, None),
        ([200, 100, 50, 50], 3, [52.8827, 31.3223, 18.5022, 18.5022], 0.0122184, None),
    ],
)
def test_direct_optimisation_of_the_paper(counts, layers, p, loss, loss_with_bias):
    solution = optimum(counts, 5e-4, 5e-4, layers)
    np.testing.assert_allclose(solution.p, p, atol=5.1e-5)
    assert solution.loss == pytest.approx(loss, abs=5.1e-9)
    if loss_with_bias:
        biased = optimum(counts, 5e-4, 5e-4, layers, bias=True)
        assert biased.loss == pytest.approx(loss_with_bias, abs=5.1e-9)
        assert biased.loss == pytest.approx(solution.loss * 3 / 4, rel=1e-12)


@pytest.mark.parametrize(
    ("layers", "p"), [(1, [22.061, 19.7, 17.021, 13.842, 9.7]), (3, [105.29, 88.99, 71.63, 52.73, 31.17])]
)
def test_imbalanced_perceptron_of_the_paper(layers, p):
    """At the decay 1e-4 that its loss amounts to; here with the classes in the order of the data."""
    counts = np.repeat([100, 200, 300, 400, 500], 2)
    np.testing.assert_allclose(optimum(counts, 1e-4, 1e-4, layers).p, np.repeat(p[::-1], 2), rtol=2e-4)


def test_the_balanced_root_and_partial_products_of_the_paper():
    assert stationary_ratio(decay_level(100, 400, 5e-4, 5e-4, 3), 3) ** (1 / 3) == pytest.approx(5.39024, abs=5e-6)
    products = optimum([200, 100, 50, 50], 5e-4, 5e-4, 3).partial_products
    np.testing.assert_allclose(products[0, :3], [3.753, 3.152, 2.645], atol=6e-4)
    np.testing.assert_allclose(products[1], products[0] ** 2, rtol=1e-12)


@pytest.mark.parametrize(("weight_decay", "collapsed"), [(2e-4, 0), (0.178, 1), (0.2, 2)])
def test_one_layer_has_the_closed_form(weight_decay, collapsed):
    """p = sqrt(n lambda_H / lambda_W) - N lambda_H, zero where N^2 lambda_W lambda_H >= n."""
    counts = np.array([300, 60, 8, 7])
    closed = np.sqrt(counts * 3e-4 / weight_decay) - 375 * 3e-4
    p = optimum(counts, weight_decay, 3e-4, 1).p
    np.testing.assert_allclose(p, np.maximum(closed, 0), rtol=1e-10)
    np.testing.assert_array_equal(p == 0, counts <= 375**2 * weight_decay * 3e-4)
    assert np.count_nonzero(p == 0) == collapsed


def test_a_free_bias_of_balanced_classes_makes_a_simplex_frame():
    solution = optimum([30] * 5, 1e-3, 2e-3, 3, bias=True)
    without = optimum([30] * 5, 1e-3, 2e-3, 3)
    ratio = without.p[0] / (without.p[0] + 150 * 2e-3)
    np.testing.assert_allclose(solution.p, [*without.p[:4], 0], rtol=1e-12)
    np.testing.assert_allclose(solution.logits, ratio * (np.eye(5) - 1 / 5) + 1 / 5, atol=1e-12)
    np.testing.assert_allclose(solution.bias, 1 / 5, rtol=1e-12)
    np.testing.assert_allclose(np.square(solution.row_norms), solution.p[0] * 4 / 5, rtol=1e-12)
    assert np.ptp(solution.mean_norms) < 1e-12


# The reduction, against a minimiser of its one-dimensional functions.


def least(level, layers):
    """Minimum over x >= 0 of g(x) = 1/(1 + x^M) + level x: at 0, or where g is convex, up to 1/level (g is 1 there)."""
    low, high = ((layers - 1) / (layers + 1)) ** (1 / layers), 1 / level
    if high <= low:
        return 1.0

    def g(x):
        return 1 / (1 + x**layers) + level * x

    found = minimize_scalar(g, bounds=(low, high), method="bounded", options={"xatol": 1e-9 * high, "maxiter": 300})
    return min(1.0, found.fun)


def random_settings(count):
    """counts (1 to 3 classes), lambda_W, lambda_H, M: b/n is 10^-3 to 10 times the threshold for one of the classes."""
    rng = np.random.default_rng(20230102)
    for layers in rng.integers(1, 10, size=count).tolist():
        counts = rng.integers(1, 500, size=rng.integers(1, 4))
        total, target = counts.sum(), survival_threshold(layers) * 10 ** rng.uniform(-3, 1) * counts[0]
        # b = M N (N lambda_H lambda_W^M)^(1/M), solved for lambda_W at a random lambda_H.
        feature_decay = 10 ** rng.uniform(-6, -1)
        yield counts, target / (layers * total * (total * feature_decay) ** (1 / layers)), feature_decay, layers


def test_the_loss_is_the_minimum_of_every_direction():
    """At 1,000 random settings, of which a part has collapsed."""
    collapsed = 0
    for counts, weight_decay, feature_decay, layers in random_settings(1000):
        solution, total = optimum(counts, weight_decay, feature_decay, layers), counts.sum()
        b = layers * total * (total * weight_decay**layers * feature_decay) ** (1 / layers)
        expected = sum(n * least(b / n, layers) for n in counts) / (2 * total)
        assert solution.loss == pytest.approx(expected, rel=1e-9), (counts, weight_decay, feature_decay, layers)
        collapsed += np.any(solution.p == 0)
    assert 200 < collapsed < 800


@pytest.mark.parametrize("layers", LAYERS)
def test_the_stationary_point_is_the_largest_root_of_the_polynomial(layers):
    """level (1 + x^M)^2 = M x^(M-1): numpy's roots know neither Newton's method nor where it starts."""
    for level in existence_limit(layers) * np.array([1e-6, 1e-3, 0.1, 0.5, 0.9, 0.999]):
        polynomial = np.zeros(2 * layers + 1)
        polynomial[[0, layers, -1]] = level, 2 * level, level
        polynomial[layers + 1] -= layers
        roots = np.roots(polynomial)
        largest = roots[np.abs(roots.imag) < 1e-9 * np.abs(roots)].real.max()
        assert stationary_ratio(level, layers) == pytest.approx(largest**layers, rel=1e-7)
    assert stationary_ratio(1.001 * existence_limit(layers), layers) == 0


# Collapse.


def decay_at(level, counts, layers):
    """The decay of features and every layer at which b over the smallest class is `level`."""
    total = sum(counts)
    return ((level * min(counts) / (layers * total)) ** layers / total) ** (1 / (layers + 1))


@pytest.mark.parametrize("layers", LAYERS)
def test_a_class_collapses_exactly_at_the_threshold(layers):
    """It jumps there from x^M = M - 1."""
    counts = [200, 100, 50, 10]
    below, above = (decay_at(survival_threshold(layers) * (1 + side), counts, layers) for side in (-1e-9, 1e-9))
    survivor, collapsed = (optimum(counts, decay, decay, layers) for decay in (below, above))
    assert np.all(survivor.p > 0)
    assert survivor.p[3] / (360 * below) == pytest.approx(layers - 1, abs=1e-6)
    assert np.all(collapsed.p[:3] > 0)
    for gone in (collapsed.p, collapsed.row_norms, collapsed.mean_norms, collapsed.partial_products.T):
        assert np.all(gone[3] == 0)
    assert not collapsed.logits[3].any()
    assert collapsed.loss == pytest.approx(survivor.loss, rel=1e-7)


@pytest.mark.parametrize(
    ("layers", "threshold", "limit"), [(1, 1, 1), (3, 0.5291, 0.84), (6, 0.6373, 1.54), (9, 0.7055, 2.28)]
)
def test_thresholds_to_the_digits_given(layers, threshold, limit):
    assert survival_threshold(layers) == pytest.approx(threshold, abs=5e-5)
    assert existence_limit(layers) == pytest.approx(limit, abs=5e-3)


def test_the_published_collapses():
    """n = 200, 100, 50, 10 at 1.5 times the threshold: decays of deep_linear.md, section 7."""
    for layers, decay in ((1, 0.010758), (3, 0.0057623)):
        assert decay_at(1.5 * survival_threshold(layers), [200, 100, 50, 10], layers) == pytest.approx(decay, rel=1e-4)
        assert list(optimum([200, 100, 50, 10], decay, decay, layers).p == 0) == [False, False, False, True]


@pytest.mark.parametrize("layers", LAYERS[1:])
def test_between_threshold_and_limit_the_stationary_point_is_a_local_minimum_alone(layers):
    threshold, limit = survival_threshold(layers), existence_limit(layers)
    assert threshold < limit
    for level in np.linspace(threshold, limit, 7)[1:-1]:
        x = float(stationary_ratio(level, layers)) ** (1 / layers)
        g = 1 / (1 + (x * np.array([0.99, 1, 1.01])) ** layers) + level * x * np.array([0.99, 1, 1.01])
        assert g[1] == min(g)
        assert g[1] > 1
        decay = decay_at(level, [30, 30], layers)
        assert not optimum([30, 30], decay, decay, layers).p.any()
        assert optimum([30, 30], decay, decay, layers).loss == pytest.approx(1 / 2, rel=1e-12)


def test_one_layer_has_no_stationary_point_beyond_its_minimum():
    assert existence_limit(1) == survival_threshold(1) == 1
    assert stationary_ratio(0.999, 1) > 0
    assert stationary_ratio(1.0, 1) == 0


# Direct optimisation of every weight and of every sample's features, which knows nothing of the theory.


class Setting(NamedTuple):
    counts: tuple[float, ...]
    weight_decay: tuple[float, ...]
    feature_decay: float
    width: int
    bias: bool


class Found(NamedTuple):
    loss: float
    weights: list[np.ndarray]  # W_1 to W_M
    features: np.ndarray  # (d, N)
    bias: np.ndarray
    losses: list[float]  # of every start


def unpack(setting, flat):
    counts, decays, _, d, bias = setting
    k, n = len(counts), int(sum(counts))
    shapes = [(d, d)] * (len(decays) - 1) + [(k, d), (d, n)]
    parts = np.split(flat, np.cumsum([a * b for a, b in shapes]))
    *weights, features = (part.reshape(shape) for part, shape in zip(parts, shapes, strict=False))
    return weights, features, parts[-1] if bias else np.zeros(k)


def objective(setting, flat):
    """f and its gradient, by backpropagation."""
    counts, decays, feature_decay, _, bias = setting
    weights, features, b = unpack(setting, flat)
    target = np.repeat(np.eye(len(counts)), np.array(counts, dtype=int), axis=1)
    activations = [features]
    for weight in weights:
        activations.append(weight @ activations[-1])
    error = activations[-1] + b[:, None] - target
    value = (np.sum(error**2) / target.shape[1] + feature_decay * np.sum(features**2)) / 2
    value += sum(decay * np.sum(weight**2) for decay, weight in zip(decays, weights, strict=True)) / 2
    back = error / target.shape[1]
    gradients = [back.sum(1)] if bias else []
    for decay, weight, activation in zip(decays[::-1], weights[::-1], activations[-2::-1], strict=True):
        gradients.insert(0, (back @ activation.T + decay * weight).ravel())
        back = weight.T @ back
    gradients.insert(len(weights), (back + feature_decay * features).ravel())
    return value, np.concatenate(gradients)


@functools.cache
def direct(setting, starts=5):
    """Best of `starts` random starts of L-BFGS."""
    k, layers = len(setting.counts), len(setting.weight_decay)
    size = (layers - 1) * setting.width**2 + (k + int(sum(setting.counts))) * setting.width + k * setting.bias
    runs = []
    for seed in range(starts):
        start = np.random.default_rng(seed).normal(size=size)
        options = {"maxcor": 30, "ftol": 0, "gtol": 1e-10, "maxiter": 4000, "maxfun": 5000}
        runs.append(
            minimize(functools.partial(objective, setting), start, jac=True, method="L-BFGS-B", options=options)
        )
    best = min(runs, key=lambda run: run.fun)
    return Found(best.fun, *unpack(setting, best.x), [run.fun for run in runs])


def theory(setting):
    counts, decays, feature_decay, width, bias = setting
    return optimum(counts, decays, feature_decay, len(decays), bias=bias, width=width)


UNEQUAL, LIGHT = (5, 3, 2), 0.01
DIRECT = {
    **{f"M={m}, no bias": Setting(UNEQUAL, (LIGHT,) * m, LIGHT, 4, False) for m in (1, 2, 3)},
    **{f"M={m}, bias": Setting(UNEQUAL, (LIGHT,) * m, LIGHT, 4, True) for m in (1, 2, 3)},
    "M=2, bias, four classes": Setting((6, 4, 1, 2), (0.004, 0.004), 0.008, 4, True),
    "M=1, bias, collapsed": Setting((7, 3, 1), (0.12,), 0.1, 3, True),
    "M=2, bias, collapsed": Setting((7, 3, 1), (0.05, 0.05), 0.04, 3, True),
    "M=3, no bias, collapsed": Setting((7, 3, 1), (0.03,) * 3, 0.02, 3, False),
    "M=2, a decay a layer": Setting(UNEQUAL, (0.003, 0.02), 0.01, 4, False),
    "M=3, a decay a layer": Setting(UNEQUAL, (0.005, 0.02, 0.01), 0.004, 4, False),
    "M=3, a decay a layer, bias": Setting(UNEQUAL, (0.005, 0.02, 0.01), 0.004, 4, True),
    "M=1, narrow": Setting((2, 5, 3), (LIGHT,), LIGHT, 2, False),
    "M=2, narrow": Setting((2, 5, 3, 4), (LIGHT,) * 2, LIGHT, 2, False),
    "M=3, narrow": Setting((2, 5, 3), (LIGHT, 0.02, LIGHT), LIGHT, 2, False),
    "M=1, narrow, bias": Setting((3, 6, 2, 4), (LIGHT,), LIGHT, 2, True),
    "M=2, narrow, bias": Setting((2, 5, 3), (LIGHT,) * 2, LIGHT, 1, True),
}
settings = pytest.mark.parametrize("setting", DIRECT.values(), ids=DIRECT)


def test_backpropagation_has_the_gradient_of_the_objective():
    setting = DIRECT["M=3, a decay a layer, bias"]
    rng = np.random.default_rng(0)
    point = rng.normal(size=2 * 16 + 12 + 40 + 3)
    _, gradient = objective(setting, point)
    for direction in rng.normal(size=(5, len(point))):
        ahead, behind = (objective(setting, point + h * direction)[0] for h in (1e-6, -1e-6))
        assert gradient @ direction == pytest.approx((ahead - behind) / 2e-6, rel=1e-6)


@settings
def test_no_direct_optimum_is_below_the_loss_and_the_best_reaches_it(setting):
    found, solution = direct(setting), theory(setting)
    assert min(found.losses) > solution.loss - 1e-10
    assert found.loss == pytest.approx(solution.loss, abs=1e-8)


@settings
def test_spectrum_logits_and_bias_are_those_of_the_direct_optimum(setting):
    found, solution = direct(setting), theory(setting)
    product = functools.reduce(lambda p, w: w @ p, found.weights)
    spectrum = np.linalg.eigvalsh(product @ product.T)[::-1]
    np.testing.assert_allclose(spectrum, np.sort(solution.p)[::-1], atol=1e-5)
    if setting.bias:
        assert np.all(np.diff(solution.p) <= 1e-12)
        assert solution.p[-1] == 0
    else:
        np.testing.assert_allclose(product @ product.T, np.diag(solution.p), atol=1e-5)
    first = np.cumsum([0, *setting.counts[:-1]])
    np.testing.assert_allclose((product @ found.features + found.bias[:, None])[:, first], solution.logits, atol=1e-5)
    np.testing.assert_allclose(found.bias, solution.bias, atol=1e-5)


@settings
def test_norms_and_partial_products_are_those_of_the_direct_optimum(setting):
    found, solution = direct(setting), theory(setting)
    product = np.eye(len(setting.counts))
    for weight, expected in zip(found.weights[::-1], solution.partial_products, strict=True):
        product = product @ weight
        spectrum = np.linalg.eigvalsh(product @ product.T)[::-1]
        np.testing.assert_allclose(spectrum, np.sort(expected)[::-1], atol=1e-5)
    np.testing.assert_allclose(np.square(product).sum(1), np.square(solution.row_norms), atol=1e-5)
    first = np.cumsum([0, *setting.counts[:-1]])
    squares = np.square(found.features).sum(0)[first]
    np.testing.assert_allclose(squares, np.square(solution.mean_norms), atol=1e-5)


@settings
def test_neighbouring_layers_of_the_direct_optimum_are_balanced(setting):
    """lambda_(m+1) W_(m+1)^T W_(m+1) = lambda_m W_m W_m^T, on which the partial products rest."""
    found = direct(setting)
    factors = [found.features, *found.weights]
    decays = [setting.feature_decay, *setting.weight_decay]
    for inner, outer, a, b in zip(factors[:-1], factors[1:], decays[:-1], decays[1:], strict=True):
        np.testing.assert_allclose(b * outer.T @ outer, a * inner @ inner.T, atol=1e-7)


def test_the_direct_settings_collapse_where_they_are_meant_to():
    """Each has a direction that survives; a bias and a narrow head take others away, and so does collapse."""
    survivors = {name: np.count_nonzero(theory(setting).p) for name, setting in DIRECT.items()}
    for name, setting in DIRECT.items():
        places = min(len(setting.counts) - setting.bias, setting.width)
        expected = range(1, places) if "collapsed" in name else [places]
        assert survivors[name] in expected, name


# Narrow heads.


def test_a_narrow_head_keeps_the_largest_classes():
    counts = [20, 80, 40, 60]
    wide = optimum(counts, 1e-3, 1e-3, 3)
    for width, kept in ((1, [1]), (2, [1, 3]), (3, [1, 2, 3]), (4, [0, 1, 2, 3]), (9, [0, 1, 2, 3])):
        narrow = optimum(counts, 1e-3, 1e-3, 3, width=width)
        assert list(np.flatnonzero(narrow.p)) == kept
        np.testing.assert_array_equal(narrow.p[kept], wide.p[kept])
    assert optimum([10, 10, 10], 1e-3, 1e-3, 2, width=2).p[2] == 0
    with_bias = [optimum(counts, 1e-3, 1e-3, 3, bias=True, width=width).p for width in (2, 3, 4)]
    assert [np.count_nonzero(p) for p in with_bias] == [2, 3, 3]


# Per-layer decays, scales and the interface.


def test_only_the_product_of_the_layers_decays_matters_to_the_product_of_the_layers():
    apart, equal = optimum([9, 5, 2], [1e-3, 4e-3, 2e-3], 1e-3, 3), optimum([9, 5, 2], 2e-3, 1e-3, 3)
    for name in ("p", "loss", "logits", "row_norms", "mean_norms"):
        np.testing.assert_allclose(getattr(apart, name), getattr(equal, name), rtol=1e-12)
    np.testing.assert_allclose(apart.partial_products[-1], equal.p, rtol=1e-12)
    np.testing.assert_allclose(apart.partial_products[0], equal.partial_products[0], rtol=1e-12)  # 2e-3 in both
    np.testing.assert_allclose(apart.partial_products[1], equal.partial_products[1] / 2, rtol=1e-12)
    np.testing.assert_allclose(equal.partial_products, equal.p ** (np.array([[1], [2], [3]]) / 3), rtol=1e-12)
    np.testing.assert_array_equal(partial_products(equal.p, [2e-3] * 3), equal.partial_products)


def test_ranks_of_row_norms_follow_the_counts_and_those_of_class_means_do_not():
    for layers in LAYERS:
        solution = optimum([50, 40, 30, 20], 1e-4, 1e-4, layers)
        assert np.all(np.diff(solution.row_norms) < 0)
        assert np.all(np.diff(solution.mean_norms) > 0)


def test_the_order_of_the_classes_is_that_of_the_counts():
    counts, order = np.array([50, 20, 40, 30]), np.array([2, 0, 3, 1])
    for bias in (False, True):
        one, other = (optimum(c, 1e-4, 1e-4, 2, bias=bias) for c in (counts, counts[order]))
        np.testing.assert_allclose(other.logits, one.logits[order][:, order], atol=1e-12)
        for name in ("row_norms", "mean_norms", "bias"):
            np.testing.assert_allclose(getattr(other, name), getattr(one, name)[order], rtol=1e-10)


@pytest.mark.parametrize("layers", LAYERS)
def test_levels_are_the_decays_cost_in_the_loss(layers):
    """A collapsed head has loss 1/2, with a bias that of predicting the classes' frequencies."""
    counts, decay = np.array([6.0, 3.0, 1.0]), 10.0
    assert np.all(decay_level(counts, 10, decay, decay, layers) > existence_limit(layers))
    assert optimum(counts, decay, decay, layers).loss == pytest.approx(1 / 2, rel=1e-12)
    biased = optimum(counts, decay, decay, layers, bias=True)
    assert biased.loss == pytest.approx((1 - 0.36 - 0.09 - 0.01) / 2, rel=1e-12)
    np.testing.assert_allclose(biased.logits, np.tile([[0.6], [0.3], [0.1]], 3), rtol=1e-12)


def test_many_layers_do_not_underflow():
    """lambda_W^100 is no floating point number: the decays' mean logarithm is."""
    solution = optimum([50, 20], 1e-5, 1e-5, 100)
    assert np.all(solution.p > 0)
    assert solution.partial_products.shape == (100, 2)
    np.testing.assert_allclose(solution.partial_products[-1], solution.p, rtol=1e-10)


def test_one_class_with_a_bias_needs_no_weights():
    solution = optimum([7], 1e-3, 1e-3, 2, bias=True)
    assert (solution.loss, solution.p[0], solution.bias[0], solution.logits[0, 0]) == (0, 0, 1, 1)


GOOD = {"counts": [5, 3], "weight_decay": 1e-3, "feature_decay": 1e-3, "layers": 2}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"counts": [5, 0]}, "class counts have to be positive and finite"),
        ({"counts": [5, -1]}, "class counts have to be positive and finite"),
        ({"counts": [5, math.nan]}, "class counts have to be positive and finite"),
        ({"counts": []}, r"one number a class, not of shape \(0,\)"),
        ({"counts": [[5, 3]]}, r"one number a class, not of shape \(1, 2\)"),
        ({"weight_decay": 0}, "weight decays have to be positive and finite, not 0"),
        ({"weight_decay": [1e-3, -1]}, "weight decays have to be positive"),
        ({"weight_decay": math.inf}, "weight decays have to be positive and finite"),
        ({"weight_decay": [1e-3] * 3}, r"one number or one a layer \(2\), not of shape \(3,\)"),
        ({"feature_decay": 0}, "the feature decay has to be positive and finite, not 0"),
        ({"feature_decay": math.nan}, "the feature decay has to be positive"),
        ({"layers": 0}, "layers has to be a whole number, 1 or more, not 0"),
        ({"layers": 1.5}, r"layers has to be a whole number, 1 or more, not 1\.5"),
        ({"width": 0}, "width has to be a whole number, 1 or more, not 0"),
        ({"width": 1.5}, r"width has to be a whole number, 1 or more, not 1\.5"),
    ],
)
def test_what_has_no_optimum_says_why(wrong, message):
    with pytest.raises(ValueError, match=message):
        optimum(**GOOD | wrong)


@pytest.mark.parametrize("function", [survival_threshold, existence_limit])
def test_thresholds_check_the_layers(function):
    with pytest.raises(ValueError, match="layers has to be"):
        function(0)


def test_one_decay_is_that_of_every_layer():
    np.testing.assert_array_equal(layer_decays(2e-3, 3), [2e-3] * 3)
    np.testing.assert_array_equal(layer_decays([1, 2], 2), [1, 2])
