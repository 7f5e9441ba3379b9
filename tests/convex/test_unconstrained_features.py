"""The minimiser of the unconstrained-feature model against direct optimisation of all its parameters."""

import functools
import math
from typing import NamedTuple

import numpy as np
import pytest
from scipy.optimize import minimize

from collapse.theory import positive_layer_peeled
from collapse.theory.unconstrained_features import minimiser


class Setting(NamedTuple):
    """Arguments of `minimiser`, in their order."""

    num_classes: int
    samples: int
    weight_decay: float
    feature_decay: float
    nonnegative: bool = False
    squared_error: float | None = None


def parts(setting, flat):
    """W (K, d), b (K,), H (d, Kn) with d = K + 1; the samples of a class follow each other."""
    k, n = setting.num_classes, setting.samples
    weight, bias, features = np.split(flat, [k * (k + 1), k * (k + 2)])
    return weight.reshape(k, k + 1), bias, features.reshape(k + 1, k * n)


def objective(setting, flat):
    """f as its definition has it, and its gradient."""
    k, n, weight_decay, feature_decay, _, scale = setting
    weight, bias, features = parts(setting, flat)
    logits = weight @ features + bias[:, None]
    target = np.repeat(np.eye(k), n, axis=1)
    if scale is None:
        shifted = logits - logits.max(0)
        log_p = shifted - np.log(np.exp(shifted).sum(0))
        loss, back = -(target * log_p).sum(), np.exp(log_p) - target
    else:
        loss, back = scale * np.square(logits - target).sum(), 2 * scale * (logits - target)
    back = back / (k * n)
    value = loss / (k * n) + weight_decay / 2 * np.square(weight).sum() + feature_decay / 2 * np.square(features).sum()
    to_weight = back @ features.T + weight_decay * weight
    to_features = weight.T @ back + feature_decay * features
    return value, np.concatenate([to_weight.ravel(), back.sum(1), to_features.ravel()])


@functools.cache
def direct(setting, starts=3):
    """The best of some random starts of L-BFGS-B, H >= 0 being its bounds."""
    k, n = setting.num_classes, setting.samples
    bounds = [(None, None)] * (k * (k + 2)) + [(0 if setting.nonnegative else None, None)] * ((k + 1) * k * n)
    runs = []
    for seed in range(starts):
        start = np.abs(np.random.default_rng(seed).normal(size=len(bounds)))
        start[: k * (k + 2)] = np.random.default_rng(seed + 10).normal(size=k * (k + 2))
        options = {"maxcor": 30, "ftol": 0, "gtol": 1e-11, "maxiter": 20000, "maxfun": 40000}
        runs.append(minimize(functools.partial(objective, setting), start, jac=True, method="L-BFGS-B", bounds=bounds,
                             options=options))  # fmt: skip
    return min(runs, key=lambda run: run.fun)


SETTINGS = [
    Setting(k, n, *decays, nonnegative, scale)
    for k, n, decays in ((3, 4, (5e-3, 1e-3)), (4, 2, (2e-2, 5e-3)), (10, 1, (5e-3, 1e-3)))
    for nonnegative in (False, True)
    for scale in (None, 1 / k)
]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_direct_optimisation_ends_at_the_closed_form(setting):
    """Margin, norms and objective to 1e-6; no wrong class is likelier than another; the bias is 0, or 1/K."""
    found, solution = direct(setting), minimiser(*setting)
    weight, bias, features = parts(setting, found.x)
    k, n = setting.num_classes, setting.samples
    assert found.fun == pytest.approx(solution.objective, abs=1e-9)
    expected = np.repeat(solution.margin * (np.eye(k) - 1 / k), n, axis=1)
    np.testing.assert_allclose(weight @ features, expected, atol=1e-6)
    np.testing.assert_allclose(np.square(weight).sum(1), solution.weight_energy, rtol=1e-6)
    np.testing.assert_allclose(np.square(features).sum(0), solution.feature_energy, rtol=1e-6)
    # Cross-entropy does not see a common shift.
    shift = bias.mean() if setting.squared_error is None else 1 / k
    np.testing.assert_allclose(bias, shift, atol=1e-6)
    means = features.reshape(-1, k, n).mean(2)
    off = 0 if setting.nonnegative else -1 / (k - 1)
    gram = solution.feature_energy * ((1 - off) * np.eye(k) + off)
    np.testing.assert_allclose(means.T @ means, gram, atol=1e-5 * solution.feature_energy)


@pytest.mark.parametrize("nonnegative", [False, True])
@pytest.mark.parametrize("scale", [None, 0.25])
def test_from_the_threshold_on_nothing_is_learned_and_below_it_something_is(nonnegative, scale):
    """In closed form from both sides, and by direct optimisation a twentieth from it."""
    threshold = minimiser(4, 2, 1, 1, nonnegative, scale).threshold
    for factor, learned in ((1 - 1e-9, True), (1 + 1e-9, False)):
        found = minimiser(4, 2, 4 * factor * threshold, factor * threshold / 4, nonnegative, scale)
        assert (found.margin > 0, found.weight_energy > 0) == (learned, learned)
        assert found.margin < 1e-7
    for factor, learned in ((0.95, True), (1.05, False)):
        setting = Setting(4, 2, factor * threshold, factor * threshold, nonnegative, scale)
        weight, _, features = parts(setting, direct(setting).x)
        assert (np.abs(weight @ features).max() > 0.01) == learned


def test_free_features_with_cross_entropy_have_the_closed_form_of_the_notes():
    """zhu.md, section 11: with c = sqrt(n lambda_W lambda_H), all in c."""
    k, n, weight_decay, feature_decay = 10, 14, 5e-3, 1e-3
    c = math.sqrt(n * weight_decay * feature_decay)
    found = minimiser(k, n, weight_decay, feature_decay)
    margin = math.log(1 / c - k + 1)
    assert found.margin == pytest.approx(margin, rel=1e-12)
    assert found.weight_energy == pytest.approx(margin * 0.9 * math.sqrt(n * feature_decay / weight_decay), rel=1e-12)
    assert found.feature_energy == pytest.approx(
        margin * 0.9 * math.sqrt(weight_decay / (n * feature_decay)), rel=1e-12
    )
    assert found.cross_entropy == pytest.approx(-math.log(1 - (k - 1) * c), rel=1e-12)
    assert found.threshold == pytest.approx(1 / (k * math.sqrt(n)), rel=1e-12)


@pytest.mark.parametrize("nonnegative", [False, True])
def test_it_is_the_positive_layer_peeled_model_without_smoothing_at_half_the_decays(nonnegative):
    found = minimiser(5, 3, 4e-3, 6e-3, nonnegative)
    other = positive_layer_peeled.minimiser(5, 3, 0, 2e-3, 3e-3, nonnegative)
    assert (found.margin, found.objective) == pytest.approx((other.margin, other.objective), rel=1e-12)
    assert found.weight_energy == pytest.approx(other.classifier_norm**2, rel=1e-12)
    assert found.feature_energy == pytest.approx(other.mean_norm**2, rel=1e-12)
    assert found.threshold == pytest.approx(2 * other.threshold, rel=1e-12)


@pytest.mark.parametrize(("changed", "message"), [
    ({"num_classes": 1}, "num_classes has to be a whole number, 2 or more, not 1"),
    ({"samples": 0}, "samples has to be positive and finite, not 0"),
    ({"weight_decay": -1}, "weight_decay has to be positive and finite, not -1"),
    ({"feature_decay": math.inf}, "feature_decay has to be positive and finite, not inf"),
    ({"squared_error": 0}, "squared_error has to be positive and finite, not 0"),
])  # fmt: skip
def test_what_has_no_minimiser_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        minimiser(**{"num_classes": 3, "samples": 2, "weight_decay": 1, "feature_decay": 1} | changed)
