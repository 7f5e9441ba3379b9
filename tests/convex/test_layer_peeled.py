import functools
import math
import subprocess
import sys

import numpy as np
import pytest

from collapse.theory import layer_peeled, predictions
from collapse.theory.layer_peeled import collapse_threshold, solve, vanishing_threshold
from collapse.theory.semidefinite import Programme

SWEEP = 10 ** np.linspace(0, 4, 41)
programme = functools.cache(Programme)


def random_settings(count):
    """k_major, k_minor in 2..20, energy in 0.5..50, ratio in 1..1e4."""
    rng = np.random.default_rng(20210129)
    for k_major, k_minor in rng.integers(2, 21, size=(count, 2)).tolist():
        yield k_major, k_minor, rng.uniform(0.5, 50), 10 ** rng.uniform(0, 4)


def full_logits(k_major, k_minor, solution):
    """The (K, K) logits that a, x, c, y stand for, a row for the samples of each class."""
    a, x, c, y = (float(v) for v in (solution.a, solution.x, solution.c, solution.y))
    logits = np.empty((k_major + k_minor, k_major + k_minor))
    major, minor = slice(None, k_major), slice(k_major, None)
    logits[major, major] = a * (np.eye(k_major) - 1 / k_major) + x / k_major
    logits[major, minor] = -x / k_minor
    logits[minor, major] = -y / k_major
    logits[minor, minor] = c * (np.eye(k_minor) - 1 / k_minor) + y / k_minor
    return logits


def weighted_loss(k_major, ratio, logits):
    """Cross-entropy of logits (K, K) and its gradient, minority rows weighted by 1 / ratio."""
    weights = np.where(np.arange(len(logits)) < k_major, 1, 1 / ratio)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    softmax = exponentials / exponentials.sum(axis=1, keepdims=True)
    gradient = softmax * ~np.eye(len(logits), dtype=bool)  # exact where p - 1 would cancel
    np.fill_diagonal(gradient, -gradient.sum(axis=1))
    return np.sum(weights * -np.log1p(np.diag(gradient))), weights[:, None] * gradient


@pytest.mark.parametrize(("k_major", "k_minor"), [(5, 5), (3, 7), (7, 3), (2, 2), (10, 10), (2, 18)])
@pytest.mark.parametrize("energy", [0.5, 5, 50])
def test_balanced_classes_are_a_simplex_frame(k_major, k_minor, energy):
    """Theorem 1 of the paper."""
    k = k_major + k_minor
    solution = solve(k_major, k_minor, energy, 1)
    assert solution.cos_minor == pytest.approx(-1 / (k - 1), abs=1e-12)
    assert solution.cos_major == pytest.approx(-1 / (k - 1), abs=1e-12)
    loss = math.log1p((k - 1) * math.exp(-k * math.sqrt(energy) / (k - 1)))
    assert solution.objective == pytest.approx(k * loss, rel=1e-12)


def test_the_prediction_for_balanced_classes_is_the_simplex_whatever_the_energies():
    """An identity of the model, which no network could refute: therefore no claim."""
    rng = np.random.default_rng(0)
    for k_major, e_h, e_w in zip(
        rng.integers(2, 9, 300), rng.uniform(0.1, 50, 300), rng.uniform(0.1, 5, 300), strict=True
    ):
        row = {"k_major": k_major, "ratio": 1, "oversampling": 1, "e_h": e_h, "e_h_major": e_h, "e_w": e_w}
        assert predictions.layer_peeled(row, 10) == pytest.approx(-1 / 9, abs=1e-12)


def test_balanced_objective_of_ten_classes():
    assert solve(5, 5, 5, 1).objective == pytest.approx(5.5978, abs=5e-5)


# Optimality, without the reduction: convexity makes the Frank-Wolfe gap a bound on what is left to gain.


def test_solution_is_optimal_among_all_logits():
    """At 1,000 random settings the logits spend the budget, have the stated loss, and no others have a lower one."""
    for k_major, k_minor, energy, ratio in random_settings(1000):
        solution = solve(k_major, k_minor, energy, ratio)
        logits = full_logits(k_major, k_minor, solution)
        rho = (k_major + k_minor) * math.sqrt(energy)
        loss, gradient = weighted_loss(k_major, ratio, logits)
        price = np.linalg.norm(gradient, 2)
        setting = f"{k_major=} {k_minor=} {energy=} {ratio=}"
        assert np.linalg.norm(logits, "nuc") == pytest.approx(rho, rel=1e-12), setting
        assert solution.objective == pytest.approx(loss, rel=1e-9, abs=1e-12), setting
        assert (price * rho + np.sum(gradient * logits)) / (price * rho) < 1e-11, setting
        assert solution.kkt_residual < 1e-9, setting


@pytest.mark.parametrize("ratio", [1, 3, 10, 30])
def test_cosines_are_those_of_the_balanced_factor_of_the_logits(ratio):
    """W = (Z Z^T)^(1/2) up to a rotation, for W and H share the nuclear norm equally."""
    solution = solve(5, 5, 5, ratio)
    left, values, _ = np.linalg.svd(full_logits(5, 5, solution).T)
    gram = left * values @ left.T
    cosines = gram / np.sqrt(np.outer(np.diag(gram), np.diag(gram)))
    assert solution.cos_major == pytest.approx(cosines[0, 1], abs=1e-12)
    assert solution.cos_minor == pytest.approx(cosines[8, 9], abs=1e-12)


@pytest.mark.parametrize(("k_major", "k_minor"), [(5, 5), (7, 3), (3, 7)])
def test_norms_are_those_of_the_balanced_factor_of_the_logits(k_major, k_minor):
    """In units of sqrt(E_W), whose mean square over classes is 1; the majority's are longer."""
    solution = solve(k_major, k_minor, 5, 20)
    left, values, _ = np.linalg.svd(full_logits(k_major, k_minor, solution).T)
    squares = np.diag(left * values @ left.T)
    norms = np.sqrt(squares / squares.mean())
    assert solution.norm_major == pytest.approx(norms[0], abs=1e-12)
    assert solution.norm_minor == pytest.approx(norms[-1], abs=1e-12)
    assert solution.norm_minor < 1 < solution.norm_major
    assert solve(7, 3, 5, math.inf).norm_minor == 0


def test_oversampling_to_balance_restores_the_simplex_and_weighs_like_the_ratio():
    for k_major, k_minor, energy, ratio in random_settings(100):
        restored = solve(k_major, k_minor, energy, ratio, oversampling=ratio)
        assert restored.cos_minor == pytest.approx(-1 / (k_major + k_minor - 1), abs=1e-12)
        assert restored.norm_minor == pytest.approx(1, abs=1e-12)
    assert solve(7, 3, 30, 60, oversampling=4) == solve(7, 3, 30, 15)
    with pytest.raises(ValueError, match="oversampling must be positive and at most the ratio, not 5"):
        solve(5, 5, 5, 4, oversampling=5)


def test_newton_has_the_derivatives_of_its_equations():
    """Wrong ones would only cost time, for the brackets hold: central differences, below and above price ratio = 1."""
    model, log_price, tilt = layer_peeled._model(7, 3, 10), np.array([-3.0, -3.0]), np.array([-0.4, -0.2])
    log_ratio = np.array([2.0, 5.0])
    # phi is fixed while the price moves: beyond price ratio = 1, tilt moves with it.
    directions = {1: (0, np.array([1, 1])), 2: (1, np.array([0, 1]))}
    equations = functools.partial(layer_peeled._equations, model, log_ratio)
    exact = equations(log_price, tilt)
    for order, (by_price, by_tilt) in directions.items():
        ahead, behind = (equations(log_price + h * by_price, tilt + h * by_tilt) for h in (1e-6, -1e-6))
        for equation in (1, 2):
            difference = (ahead[equation][0] - behind[equation][0]) / 2e-6
            assert exact[equation][order] == pytest.approx(difference, rel=1e-7)


# The semidefinite programme knows neither the symmetry nor the reduction.


@pytest.mark.parametrize(
    ("k_major", "k_minor", "e_h", "e_w", "ratio"),
    [
        (5, 5, 5, 1, 1),
        (5, 5, 5, 1, 10**0.5),
        (5, 5, 5, 1, 10),
        (5, 5, 5, 1, 100),
        (5, 5, 5, 1, math.inf),
        (5, 5, 10, 1, 50),
        (3, 7, 10, 1, 1000),
        (7, 3, 10, 1, 10),
        (7, 3, 5, 1, 50),
        (2, 8, 1, 0.5, 4),
        (10, 10, 5, 1, 1),
        (10, 10, 5, 1, 4),
        (10, 10, 20, 1, 30),
        (14, 6, 5, 3, 1000),
    ],
)
def test_reduction_equals_the_full_programme(k_major, k_minor, e_h, e_w, ratio):
    solution = solve(k_major, k_minor, e_h * e_w, ratio)
    optimum = programme(k_major, k_minor, e_h, e_w).solve(ratio)
    assert solution.objective == pytest.approx(optimum.objective, abs=1e-6)
    if solution.status != "vanished":
        assert solution.cos_minor == pytest.approx(optimum.cos_minor, abs=1e-3)


def test_only_the_product_of_the_norms_matters():
    """Swapping E_H and E_W swaps features and classifiers up to their scale."""
    one, other = programme(5, 5, 5, 1).solve(5), programme(5, 5, 1, 5).solve(5)
    assert one.objective == pytest.approx(other.objective, abs=1e-6)
    assert one.objective == pytest.approx(solve(5, 5, 5, 5).objective, abs=1e-6)
    assert one.cos_minor == pytest.approx(other.cos_minor, abs=1e-3)
    np.testing.assert_allclose(one.gram[10:, 10:] * 5, other.gram[10:, 10:], atol=1e-2)
    np.testing.assert_allclose(one.gram[:10, 10:], other.gram[:10, 10:], atol=1e-2)


# Minority collapse.


@pytest.mark.parametrize(("energy", "threshold"), [(1, 1.74), (2, 2.89), (5, 12.19), (10, 81.1)])
def test_collapse_thresholds_of_five_and_five(energy, threshold):
    assert collapse_threshold(5, 5, energy) == pytest.approx(threshold, rel=3e-3)


def test_collapse_threshold_is_its_own_fixed_point():
    """R0 = 1 / (1 - p_s + p_o), with the softmax weights of the full logits at the optimum of ratio R0."""
    for k_major, k_minor, energy, _ in random_settings(100):
        ratio = collapse_threshold(k_major, k_minor, energy)
        logits = full_logits(k_major, k_minor, solve(k_major, k_minor, energy, ratio))[0]
        others = np.exp(logits[1:] - logits[0])
        one_minus_p_s, p_o = others.sum() / (1 + others.sum()), others[0] / (1 + others.sum())
        assert ratio == pytest.approx(1 / (one_minus_p_s + p_o), rel=1e-8)


def test_collapse_threshold_is_where_the_optimum_collapses():
    """Bisection on the status of the optimum, which knows nothing of the fixed point."""
    for k_major, k_minor, energy, _ in random_settings(50):
        r0 = collapse_threshold(k_major, k_minor, energy)
        low, high = 1.0, 10 * r0
        while high / low > 1 + 1e-7:
            middle = math.sqrt(low * high)
            low, high = (middle, high) if solve(k_major, k_minor, energy, middle).status == "ok" else (low, middle)
        assert high == pytest.approx(r0, rel=1e-6)


def test_multipliers_and_thresholds_agree_on_the_status():
    for k_major, k_minor, energy, ratio in random_settings(200):
        r0, r1 = collapse_threshold(k_major, k_minor, energy), vanishing_threshold(k_major, k_minor, energy)
        assert 1 < r0 < r1
        edges = [r * (1 + side) for r in (r0, r1) if r < math.inf for side in (-1e-7, 1e-7)]
        ratios = np.array([ratio, *edges, math.inf])
        expected = np.select([ratios >= r1, ratios >= r0], ["vanished", "collapsed"], "ok")
        if r1 == math.inf:
            expected[-1] = "collapsed"
        assert list(solve(k_major, k_minor, energy, ratios).status) == list(expected)


@pytest.mark.parametrize(("k_major", "k_minor", "energy"), [(5, 5, 5), (5, 5, 10), (3, 7, 5), (7, 3, 20), (15, 5, 50)])
def test_minority_cosine_rises_strictly_until_it_is_one(k_major, k_minor, energy):
    r0, r1 = collapse_threshold(k_major, k_minor, energy), vanishing_threshold(k_major, k_minor, energy)
    ratios = np.geomspace(1, min(10 * r0, 0.999 * r1), 200)
    solution = solve(k_major, k_minor, energy, ratios)
    before = ratios < r0
    assert 0 < before.sum() < len(ratios)
    assert np.all(np.diff(solution.cos_minor[before]) > 0)
    assert np.all(solution.cos_minor[before] < 1)
    assert np.all(solution.cos_minor[~before] == 1)
    assert np.all(solution.c[~before] == 0)


@pytest.mark.parametrize(("energy", "cosines"), [(5, [-0.067, 0.073, 0.518, 1]), (10, [-0.092, -0.054, -0.006, 1])])
def test_minority_cosines_of_five_and_five(energy, cosines):
    assert solve(5, 5, energy, [2, 5, 10, 100]).cos_minor == pytest.approx(cosines, abs=6e-4)


def test_more_majority_classes_or_less_energy_collapse_earlier():
    thresholds = [[collapse_threshold(k_major, 10 - k_major, energy) for k_major in (7, 5, 3)] for energy in (5, 10)]
    assert np.all(np.diff(thresholds, axis=1) > 0)
    assert np.all(np.diff(thresholds, axis=0) > 0)


# Vanishing minority classifiers.


def test_minority_of_seven_and_three_vanishes():
    r0, r1 = collapse_threshold(7, 3, 5), vanishing_threshold(7, 3, 5)
    solution = solve(7, 3, 5, SWEEP)
    beyond = r1 <= SWEEP
    assert 1 < r0 < r1 < 10
    assert np.array_equal(np.isnan(solution.cos_minor), beyond)
    assert np.array_equal(solution.status == "vanished", beyond)
    assert np.all(solution.cos_minor[(r0 <= SWEEP) & ~beyond] == 1)
    assert solution.cos_major[beyond] == pytest.approx(-1 / 6)


def test_full_programme_vanishes_where_the_reduction_does():
    r1 = vanishing_threshold(7, 3, 5)
    minor = [np.diag(programme(7, 3, 5, 1).solve(ratio).gram)[17:].mean() for ratio in (0.8 * r1, 1.2 * r1)]
    assert minor[0] > 1e-2
    assert minor[1] < 1e-5


@pytest.mark.parametrize(("k_major", "energy"), [(3, 0.22), (5, 3.11), (7, 19.03)])
def test_degenerate_zone_ends_at_an_energy(k_major, energy):
    """sqrt(E) <= (k_major - 1) k_major / K ln(k_major / (sqrt(K k_minor) - k_minor)), to the digits given."""
    k_minor = 10 - k_major
    edge = (k_major - 1) * k_major / 10 * math.log(k_major / (math.sqrt(10 * k_minor) - k_minor))
    assert edge**2 == pytest.approx(energy, abs=5e-3)
    assert vanishing_threshold(k_major, k_minor, edge**2 * 0.999) < math.inf
    assert vanishing_threshold(k_major, k_minor, edge**2 * 1.001) == math.inf
    assert solve(k_major, k_minor, edge**2 * 0.999, math.inf).status == "vanished"
    assert solve(k_major, k_minor, edge**2 * 1.001, math.inf).status == "collapsed"


@pytest.mark.parametrize(("k_major", "k_minor", "energy"), [(5, 5, 5), (3, 7, 10), (7, 3, 30), (7, 3, 5), (4, 16, 9)])
def test_infinite_ratio_is_the_limit(k_major, k_minor, energy):
    large, limit = (solve(k_major, k_minor, energy, ratio) for ratio in (1e12, math.inf))
    assert limit.y == 0
    assert limit.c == 0
    assert limit.kkt_residual < 1e-9
    for name in ("a", "x", "objective", "cos_minor", "cos_major"):
        assert getattr(large, name) == pytest.approx(getattr(limit, name), rel=1e-6, abs=1e-9, nan_ok=True)


def test_majority_cosine_at_collapse_and_in_the_limit():
    solution = solve(5, 5, 5, [collapse_threshold(5, 5, 5), math.inf])
    assert solution.cos_major == pytest.approx([-0.170, -0.230], abs=5e-4)


# The interface.


def test_arrays_have_the_shape_of_ratio():
    solution = solve(5, 5, 5, SWEEP[:40].reshape(5, 8))
    assert all(value.shape == (5, 8) for value in vars(solution).values())
    assert solve(5, 5, 5, 2).cos_minor.shape == ()
    assert solve(7, 3, 5, []).a.shape == (0,)
    assert solve(5, 5, 5, SWEEP).cos_minor[7] == pytest.approx(float(solve(5, 5, 5, SWEEP[7]).cos_minor), rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 5, 5, 2), "k_major=1"),
        ((5, 1, 5, 2), "k_minor=1"),
        ((5, 5, 0, 2), "energy"),
        ((5, 5, -1, 2), "energy"),
        ((5, 5, math.nan, 2), "energy"),
        ((5, 5, 5, 0.5), r"ratio .* not 0\.5"),
        ((5, 5, 5, [2, math.nan]), "ratio .* not nan"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        solve(*arguments)


@pytest.mark.parametrize("threshold", [collapse_threshold, vanishing_threshold])
@pytest.mark.parametrize("arguments", [(1, 5, 5), (5, 1, 5), (5, 5, 0)])
def test_thresholds_check_their_arguments(threshold, arguments):
    with pytest.raises(ValueError, match=r"two classes|energy"):
        threshold(*arguments)


def test_programme_checks_its_arguments():
    with pytest.raises(ValueError, match="two classes"):
        Programme(5, 1, 5, 1)
    with pytest.raises(ValueError, match="norms"):
        Programme(5, 5, 5, 0)
    with pytest.raises(ValueError, match="ratio"):
        programme(5, 5, 5, 1).solve(0.5)


@pytest.mark.parametrize(
    ("module", "needed"), [("layer_peeled", set()), ("deep_linear", set()), ("cross_entropy_frames", {"scipy"})]
)
def test_theory_needs_numpy_and_scipy_alone(module, needed):
    absent = {"cvxpy", "scipy", "pandas", "pydantic", "torch"} - needed
    code = f"import sys, collapse.theory.{module}; assert not {absent} & {{*sys.modules}}"
    path = {"PYTHONPATH": "workflow"}
    assert subprocess.run([sys.executable, "-c", code], env=path, check=False).returncode == 0
