import functools
import math
from typing import NamedTuple

import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar

from collapse.theory.positive_layer_peeled import minimiser, optimal_margin


class Setting(NamedTuple):
    """Arguments of `minimiser`, in their order."""

    num_classes: int
    samples: int
    smoothing: float
    weight_decay: float
    feature_decay: float
    nonnegative: bool = True


class Found(NamedTuple):
    """Best run of the direct optimisation: W (N, M), H (M, N, K), and the losses of all runs."""

    loss: float
    weight: np.ndarray
    features: np.ndarray
    losses: list


# Numbers of the specification (memorization_dilation.md, section 7.1).


@pytest.mark.parametrize(
    ("setting", "objective", "margin"),
    [
        (Setting(2, 3, 0, 1e-3, 1e-3), 0.03094330, 5.3138),
        (Setting(2, 3, 0.1, 1e-3, 1e-3), 0.21269481, 2.8458),
        (Setting(3, 2, 0.1, 0.095, 0.095), math.log(3), 0),
    ],
)
def test_minimum_and_margin_of_the_specification(setting, objective, margin):
    solution = minimiser(*setting)
    assert solution.objective == pytest.approx(objective, abs=5.1e-9)
    assert solution.margin == pytest.approx(margin, abs=5.1e-5)


def test_free_features_survive_decays_that_nonnegative_ones_do_not():
    settings = (Setting(3, 2, 0.1, 0.095, 0.095, nonnegative) for nonnegative in (True, False))
    positive, free = (minimiser(*setting) for setting in settings)
    assert free.objective == pytest.approx(1.09003570, abs=5.1e-9)
    assert positive.threshold < 0.095 < free.threshold
    assert (positive.margin, positive.classifier_norm, positive.mean_norm) == (0, 0, 0)
    assert min(free.margin, free.classifier_norm, free.mean_norm) > 0


# The closed form against direct optimisation of f.


def objective(setting, flat):
    """f and its gradient, by backpropagation. Here features have one dimension more than classes."""
    n, k, alpha, weight_decay, feature_decay, _ = setting
    weight, features = unpack(setting, flat)
    logits = np.einsum("jm,mnk->jnk", weight, features)
    shifted = logits - logits.max(0)
    log_p = shifted - np.log(np.exp(shifted).sum(0))
    target = ((1 - alpha) * np.eye(n) + alpha / n)[:, :, None]
    value = -(target * log_p).sum() / (n * k)
    value += weight_decay * np.sum(weight**2) + feature_decay * np.sum(features**2)
    back = (np.exp(log_p) - target) / (n * k)
    to_weight = np.einsum("jnk,mnk->jm", back, features) + 2 * weight_decay * weight
    to_features = np.einsum("jm,jnk->mnk", weight, back) + 2 * feature_decay * features
    return value, np.concatenate([to_weight.ravel(), to_features.ravel()])


def unpack(setting, flat):
    n, m = setting.num_classes, setting.num_classes + 1
    return flat[: n * m].reshape(n, m), flat[n * m :].reshape(m, n, setting.samples)


@functools.cache
def direct(setting, starts=6):
    """Best of `starts` random starts of L-BFGS-B; H >= 0 are its bounds."""
    size = setting.num_classes * (setting.num_classes + 1)
    lowest = 0 if setting.nonnegative else None
    bounds = [(None, None)] * size + [(lowest, None)] * (size * setting.samples)
    options = {"maxcor": 30, "ftol": 0, "gtol": 1e-10, "maxiter": 3000, "maxfun": 4000}
    runs = []
    for seed in range(starts):
        start = np.random.default_rng(seed).normal(size=len(bounds))
        start[size:] = np.abs(start[size:])
        f = functools.partial(objective, setting)
        runs.append(minimize(f, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options))
    best = min(runs, key=lambda run: run.fun)
    return Found(best.fun, *unpack(setting, best.x), [run.fun for run in runs])


POSITIVE = {
    "two classes": Setting(2, 3, 0, 1e-3, 1e-3),
    "two classes, smoothed": Setting(2, 3, 0.1, 1e-3, 1e-3),
    "three classes": Setting(3, 2, 0, 5e-3, 5e-3),
    "three classes, smoothed": Setting(3, 2, 0.1, 0.01, 0.002),
    "three classes, unequal decays": Setting(3, 1, 0.2, 0.002, 0.03),
    "four classes, smoothed": Setting(4, 2, 0.3, 5e-3, 5e-3),
    "five classes": Setting(5, 1, 0, 0.01, 0.01),
    "above, in smoothing": Setting(2, 2, 0.8, 0.03, 0.03),
    "above, in decay": Setting(3, 2, 0.1, 0.095, 0.095),
    "above, four classes": Setting(4, 1, 0, 0.11, 0.11),
}
BELOW = {name: setting for name, setting in POSITIVE.items() if "above" not in name}
DIRECT = POSITIVE | {f"{name}, free": setting._replace(nonnegative=False) for name, setting in POSITIVE.items()}


def survivors(settings):
    return pytest.mark.parametrize("setting", settings.values(), ids=settings)


def test_backpropagation_has_the_gradient_of_the_objective():
    setting = POSITIVE["three classes, smoothed"]
    rng = np.random.default_rng(0)
    point = rng.normal(size=12 + 24)
    _, gradient = objective(setting, point)
    for direction in rng.normal(size=(5, len(point))):
        ahead, behind = (objective(setting, point + h * direction)[0] for h in (1e-6, -1e-6))
        assert gradient @ direction == pytest.approx((ahead - behind) / 2e-6, rel=1e-6)


@survivors(DIRECT)
def test_no_direct_optimum_is_below_the_objective_and_the_best_reaches_it(setting):
    found, solution = direct(setting), minimiser(*setting)
    assert min(found.losses) > solution.objective - 1e-10
    assert found.loss == pytest.approx(solution.objective, abs=1e-8)


@survivors(DIRECT)
def test_logits_and_norms_are_those_of_the_direct_optimum(setting):
    found, solution = direct(setting), minimiser(*setting)
    n, tolerance = setting.num_classes, 1e-4 if solution.margin else 1e-3  # zero is a flat minimum
    frame = solution.margin * (np.eye(n) - 1 / n)
    logits = np.einsum("jm,mnk->jnk", found.weight, found.features)
    np.testing.assert_allclose(logits, np.repeat(frame[:, :, None], setting.samples, 2), atol=tolerance)
    np.testing.assert_allclose(np.linalg.norm(found.weight, axis=1), solution.classifier_norm, atol=tolerance)
    np.testing.assert_allclose(np.linalg.norm(found.features, axis=0), solution.mean_norm, atol=tolerance)


@survivors(BELOW)
def test_nonnegative_class_means_are_orthogonal_and_the_classifier_is_centred(setting):
    found, solution = direct(setting), minimiser(*setting)
    means = found.features.mean(2)
    gram = means.T @ means
    assert np.all(found.features >= 0)
    np.testing.assert_allclose(gram, solution.mean_norm**2 * np.eye(setting.num_classes), atol=1e-4)
    np.testing.assert_allclose(found.weight.sum(0), 0, atol=1e-4)


@survivors({name: DIRECT[f"{name}, free"] for name in BELOW})
def test_free_class_means_are_a_simplex(setting):
    found, n = direct(setting), setting.num_classes
    means = found.features.mean(2)
    simplex = (n * np.eye(n) - 1) / (n - 1)
    np.testing.assert_allclose(means.T @ means, minimiser(*setting).mean_norm ** 2 * simplex, atol=1e-4)


def test_the_direct_settings_are_on_the_sides_of_the_threshold_they_say():
    for name, setting in POSITIVE.items():
        solution = minimiser(*setting)
        above = math.sqrt(setting.weight_decay * setting.feature_decay) >= solution.threshold
        assert above == ("above" in name) == (solution.margin == 0), name


# Parts of the closed form.


@pytest.mark.parametrize("nonnegative", [True, False])
def test_an_explicit_frame_has_the_objective(nonnegative):
    """The matrices of the module's proof, at norms and margin of the solution, and no other scale is better."""
    setting = Setting(4, 3, 0.15, 2e-3, 5e-3, nonnegative)
    solution, n = minimiser(*setting), 4
    centred = np.eye(n) - 1 / n
    means = np.eye(n) if nonnegative else centred * math.sqrt(n / (n - 1))
    rows = centred * math.sqrt(n / (n - 1))
    padding = np.zeros((n, 1))
    weight = np.hstack([solution.classifier_norm * rows, padding])
    features = np.repeat(np.vstack([solution.mean_norm * means, padding.T])[:, :, None], 3, 2)

    def at(row_scale, mean_scale):
        return objective(setting, np.concatenate([row_scale * weight.ravel(), mean_scale * features.ravel()]))[0]

    assert at(1, 1) == pytest.approx(solution.objective, rel=1e-12)
    np.testing.assert_allclose(weight @ features[:, :, 0], solution.margin * centred, atol=1e-12)
    assert min(at(a, b) for a in (0.99, 1, 1.01) for b in (0.99, 1, 1.01)) == at(1, 1)


@pytest.mark.parametrize("num_classes", [2, 3, 10])
@pytest.mark.parametrize("price", [1e-4, 0.03, 0.3, 0.49])
def test_the_margin_minimises_phi(num_classes, price):
    def phi(m):
        return math.log1p((num_classes - 1) * math.exp(-m)) + price * m

    best = minimize_scalar(phi, bounds=(0, 30), method="bounded", options={"xatol": 1e-9})
    assert optimal_margin(num_classes, price) == pytest.approx(best.x, abs=1e-5)


@pytest.mark.parametrize("nonnegative", [True, False])
@pytest.mark.parametrize("num_classes", [2, 3, 10])
def test_the_margin_falls_to_zero_at_the_threshold(num_classes, nonnegative):
    """It is continuous there: alpha + 2N sqrt(lambda_W lambda_H K N/(N-1)) = 1, without the last root if free."""
    threshold = minimiser(num_classes, 5, 0.2, 1, 1, nonnegative).threshold
    factor = num_classes / (num_classes - 1) if nonnegative else 1
    assert 0.2 + 2 * num_classes * threshold * math.sqrt(5 * factor) == pytest.approx(1, rel=1e-14)
    below, above = (
        minimiser(num_classes, 5, 0.2, 4 * decay, decay / 4, nonnegative)
        for decay in (threshold * (1 - 1e-6), threshold * (1 + 1e-6))
    )
    assert 0 < below.margin < 1e-4
    assert (above.margin, above.objective) == (0, pytest.approx(math.log(num_classes), rel=1e-15))


def test_without_decay_the_margin_is_that_of_the_smoothed_target():
    """lambda -> 0: softmax is the target, e^m = (1 - alpha + alpha/N) / (alpha/N), and its entropy the objective."""
    solution = minimiser(4, 10, 0.2, 1e-18, 1e-18)
    own, other = 0.85, 0.05
    assert solution.margin == pytest.approx(math.log(own / other), rel=1e-12)
    entropy = -own * math.log(own) - 3 * other * math.log(other)
    assert solution.objective == pytest.approx(entropy, rel=1e-12)


def test_tiny_decays_do_not_underflow():
    solution = minimiser(2, 1, 0, 1e-200, 1e-200)
    assert solution.margin == pytest.approx(-math.log(2 * math.sqrt(2) * 1e-200), rel=1e-12)


def test_only_the_product_of_samples_and_decays_matters_to_the_margin():
    one, other = minimiser(3, 8, 0.1, 1e-3, 2e-3), minimiser(3, 1, 0.1, 4e-3, 4e-3)
    assert one.margin == pytest.approx(other.margin, rel=1e-14)
    assert one.objective == pytest.approx(other.objective, rel=1e-14)
    assert one.classifier_norm / one.mean_norm == pytest.approx(4, rel=1e-14)
    assert other.classifier_norm == pytest.approx(other.mean_norm, rel=1e-14)


def test_the_sign_costs_less_with_more_classes():
    """The orthogonal frame, centred, is a simplex: what H >= 0 costs is the mean of the class means."""
    gaps = []
    for num_classes in (2, 5, 20, 100):
        positive, free = (minimiser(num_classes, 1, 0.1, 1e-4, 1e-4, sign) for sign in (True, False))
        assert positive.objective > free.objective
        assert positive.threshold / free.threshold == pytest.approx(math.sqrt(1 - 1 / num_classes), rel=1e-14)
        gaps.append(positive.objective / free.objective - 1)
    assert gaps == sorted(gaps, reverse=True)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_classes": 1}, "num_classes has to be a whole number, 2 or more, not 1"),
        ({"num_classes": 2.5}, r"num_classes has to be a whole number, 2 or more, not 2\.5"),
        ({"smoothing": 1}, "smoothing has to be 0 or more and below 1, not 1"),
        ({"smoothing": -0.1}, r"smoothing has to be 0 or more and below 1, not -0\.1"),
        ({"smoothing": math.nan}, "smoothing has to be 0 or more and below 1, not nan"),
        ({"samples": 0}, "samples has to be positive and finite, not 0"),
        ({"samples": math.inf}, "samples has to be positive and finite, not inf"),
        ({"weight_decay": 0}, "weight_decay has to be positive and finite, not 0"),
        ({"weight_decay": math.nan}, "weight_decay has to be positive and finite, not nan"),
        ({"feature_decay": -1}, "feature_decay has to be positive and finite, not -1"),
    ],
)
def test_what_has_no_minimiser_says_why(wrong, message):
    good = {"num_classes": 3, "samples": 2, "smoothing": 0.1, "weight_decay": 1e-3, "feature_decay": 1e-3}
    with pytest.raises(ValueError, match=message):
        minimiser(**good | wrong)
