"""Metrics at configurations whose values are known, and what must not change them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collapse.metrics import answers, duality, geometry, linear_head, memorization, orthogonal_frame, variability
from collapse.metrics.groups import class_groups, group_name
from collapse.metrics.layers import decay, two_segment_error
from collapse.metrics.undefined import Undefined
from collapse.theory.deep_linear import optimum

EXACT = 1e-12


def rotation(d, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0]


def simplex(k, d):
    """Simplex equiangular tight frame: k unit vectors in d >= k dimensions, in a random orientation."""
    return (np.eye(k) - 1 / k) * math.sqrt(k / (k - 1)) @ rotation(d)[:k]


def optimal_frame(counts, decay, layers=1):
    """Where a head without a bias is optimal, with the same decay of weights and features."""
    found = optimum(counts, decay, decay, layers)
    return orthogonal_frame.Frame.of(found, sum(counts) * decay, bias=False)


@pytest.mark.parametrize("k", [2, 3, 10, 100])
def test_a_simplex_is_perfectly_collapsed(k):
    frame = 2.5 * simplex(k, k + 3)
    assert geometry.cosine_mean(frame) == pytest.approx(-1 / (k - 1), abs=EXACT)
    assert geometry.energy(frame) == pytest.approx(2.5**2, rel=EXACT)
    assert geometry.effective_rank(frame) == pytest.approx(k - 1, rel=1e-10)
    for quantile in (0, 0.5, 1):
        assert geometry.singular_quantile(frame, quantile) == pytest.approx(1, rel=1e-10)
    distance = math.sqrt(2 * k / (k - 1))  # of unit vectors at that angle
    assert geometry.uniformity(frame)[0] == pytest.approx(-math.log(distance), abs=EXACT)
    assert geometry.uniformity(frame, "riesz")[0] == pytest.approx(1 / distance, abs=EXACT)
    for zero in (
        geometry.equiangularity(frame), geometry.maximal_angle(frame), geometry.equinorm(frame),
        geometry.equinorm(frame, ddof=1), geometry.etf_distance(frame), geometry.uniformity(frame)[1],
        geometry.uniformity(frame, "riesz")[1], duality.self_duality(3 * frame, frame),
        duality.alignment_distance(3 * frame, frame), duality.simplex_duality(3 * frame, frame),
        duality.uniform_duality(3 * frame, frame),
    ):  # fmt: skip
        assert zero == pytest.approx(0, abs=EXACT)


def test_the_margin_of_class_means_is_the_mean_over_samples_of_own_less_other_logits():
    generator = np.random.default_rng(0)
    weights, bias, samples = generator.normal(size=(4, 6)), generator.normal(size=4), generator.normal(size=(4, 9, 6))
    logits = samples @ weights.T + bias  # (class, sample, logit)
    expected = [np.mean([z[k] - np.delete(z, k).mean() for z in logits[k]]) for k in range(4)]
    assert duality.margin(weights, bias, samples.mean(1)) == pytest.approx(np.mean(expected), rel=1e-12)
    assert duality.margin(weights, bias + 5, samples.mean(1)) == pytest.approx(np.mean(expected), rel=1e-12)
    energy = variability.feature_energy(samples.mean(1), samples.var(1).sum(1), np.zeros(6))
    assert energy == pytest.approx(np.square(samples).sum(2).mean(), rel=1e-12)


def test_singular_values_of_centred_rows_are_relative_to_their_root_mean_square():
    """Three centred rows with singular values 3 and 4, in a random orientation: rms sqrt(12.5)."""
    left = np.linalg.qr(np.eye(3)[:, :2] - 1 / 3)[0]
    rows = left @ np.diag([4, 3]) @ rotation(6)[:2]
    for quantile, value in ((1, 4), (0.5, 3.5), (0, 3)):
        assert geometry.singular_quantile(rows, quantile) == pytest.approx(value / math.sqrt(12.5))
    assert geometry.singular_quantile(np.array([[1.0], [2.0], [-3.0]]), 0) == 0  # one dimension for three classes
    with pytest.raises(Undefined, match="every vector is zero"):
        geometry.singular_quantile(np.zeros((3, 2)), 0)


@pytest.mark.parametrize("k", [3, 10, 100])
def test_an_orthogonal_frame_has_its_closed_forms(k):
    """metrics.md, section 8: Papyan's Fig 4 is 1/(K-1), Zhu's NC2 sqrt(2 - 2 sqrt((K-1)/K))."""
    frame = 1.7 * rotation(k + 2)[:k]
    apart = math.sqrt(2 - 2 * math.sqrt((k - 1) / k))
    assert geometry.cosine_mean(frame) == pytest.approx(0, abs=EXACT)
    assert geometry.maximal_angle(frame) == pytest.approx(1 / (k - 1), abs=EXACT)
    assert geometry.etf_distance(frame) == pytest.approx(apart, abs=EXACT)
    assert geometry.orthogonal_distance(frame) == pytest.approx(0, abs=EXACT)
    assert geometry.orthogonal_distance(simplex(k, k)) == pytest.approx(apart, abs=EXACT)
    assert duality.orthogonal_duality(frame, 0.3 * frame) == pytest.approx(0, abs=EXACT)
    assert geometry.effective_rank(frame) == pytest.approx(k, rel=1e-10)
    centred = frame - frame.mean(0)
    assert geometry.cosine_mean(centred) == pytest.approx(-1 / (k - 1), abs=EXACT)
    assert geometry.etf_distance(centred) == pytest.approx(0, abs=EXACT)


def test_equal_rows_have_cosine_one():
    rows = np.tile(np.random.default_rng(0).normal(size=5), (4, 1))
    assert geometry.cosine_mean(rows) == pytest.approx(1, abs=EXACT)
    with pytest.raises(Undefined, match="same direction"):
        geometry.uniformity(rows)


def test_norms_of_one_and_three_vary_by_a_half():
    rows = np.array([[1.0, 0.0], [0.0, 3.0]])
    assert geometry.equinorm(rows) == pytest.approx(1 / 2, abs=EXACT)
    assert geometry.equinorm(rows, ddof=1) == pytest.approx(math.sqrt(2) / 2, abs=EXACT)


def test_opposite_and_orthogonal_classifiers_are_as_far_from_dual_as_can_be():
    frame = simplex(10, 20)
    orthogonal = frame @ np.roll(np.eye(20), 1, axis=1)
    assert duality.self_duality(-frame, frame) == pytest.approx(4, abs=EXACT)
    assert duality.alignment_distance(-frame, frame) == pytest.approx(2, abs=EXACT)
    cosine = (frame * orthogonal).sum() / np.square(frame).sum()
    assert duality.self_duality(orthogonal, frame) == pytest.approx(2 - 2 * cosine, abs=EXACT)


def test_a_bias_that_undoes_the_mean_is_collapsed():
    """Zhu et al. 2021: at a minimiser b = -W mu; the code of Nguyen et al. 2023 has the other sign."""
    rng = np.random.default_rng(0)
    weights, centre = rng.normal(size=(4, 6)), rng.normal(size=6)
    assert duality.bias_collapse(weights, -weights @ centre, centre) == pytest.approx(0, abs=EXACT)
    assert duality.bias_collapse(weights, weights @ centre, centre, sign=-1) == pytest.approx(0, abs=EXACT)
    assert duality.bias_collapse(np.eye(2), np.array([3.0, 4.0]), np.zeros(2)) == pytest.approx(5, abs=EXACT)


def test_other_data_orthogonal_to_the_classes_has_no_cosine():
    means = np.eye(4)[:3]
    assert duality.ood_orthogonality(means, np.eye(4)[3]) == pytest.approx(0, abs=EXACT)
    assert duality.ood_orthogonality(means, -means[0]) == pytest.approx(1 / 3, abs=EXACT)


def scatter_of(k, spread, d):
    """Class means of a simplex of norm 2, spread along every direction of its subspace."""
    coordinates = 2 * simplex(k, d)
    _, _, basis = np.linalg.svd(coordinates, full_matrices=False)
    return coordinates @ basis[: k - 1].T, spread**2 * np.eye(k - 1)


@pytest.mark.parametrize("k", [2, 10])
def test_variability_about_a_simplex_is_in_closed_form(k):
    """Sigma_B = 4/(K-1) on K-1 directions, so NC1 = (K-1)^2 s^2 / (4K), and D = K NC1."""
    coordinates, within = scatter_of(k, 0.3, d=k + 2)
    count, trace = np.full(k, 7), np.full(k, 0.09 * (k - 1))
    exact = (k - 1) ** 2 * 0.09 / 4
    assert variability.nc1(coordinates, within, count, k + 2) == pytest.approx(exact / k, rel=EXACT)
    assert variability.nc1(coordinates, within, count, k + 2, "sample") == pytest.approx(exact / k, rel=EXACT)
    assert variability.separation_fuzziness(coordinates, within, count, k + 2) == pytest.approx(exact, rel=EXACT)
    assert variability.nc1_trace_ratio(coordinates, trace, count) == pytest.approx(0.09 * (k - 1) / 4, rel=EXACT)
    squared = 4 * 2 * k / (k - 1)
    assert variability.cdnv(coordinates, trace, count) == pytest.approx(0.09 * (k - 1) / squared, rel=EXACT)
    assert variability.nc1(coordinates, 0 * within, count, k + 2) == 0


def test_imbalance_weighs_the_classes_as_each_convention_says():
    """Two classes at -1 and 1 on a line, three samples to one: SS_b = 4 p q, but 1 for class-centred means."""
    coordinates, within, count = np.array([[-1.0], [1.0]]), np.array([[0.5]]), np.array([3, 1])
    assert variability.separation_fuzziness(coordinates, within, count, 1) == pytest.approx(
        0.5 / (4 * 0.75 * 0.25), rel=EXACT
    )
    assert variability.nc1(coordinates, within, count, 1) == pytest.approx(0.5 / 2, rel=EXACT)
    # About the sample mean -1/2: (1/4 + 9/4)/2 = 5/4.
    assert variability.nc1(coordinates, within, count, 1, "sample") == pytest.approx(0.5 / 1.25 / 2, rel=EXACT)


@given(st.integers(0, 2**31), st.floats(0.1, 10))
def test_geometry_is_invariant_to_rotation_scale_and_class_order(seed, scale):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(5, 8))
    turned = scale * rows[rng.permutation(5)] @ rotation(8, seed)
    for metric in (
        geometry.cosine_mean, geometry.equiangularity, geometry.maximal_angle, geometry.equinorm,
        geometry.etf_distance, geometry.orthogonal_distance, geometry.effective_rank,
        lambda rows: geometry.uniformity(rows)[0], lambda rows: geometry.uniformity(rows, "riesz")[1],
    ):  # fmt: skip
        assert metric(turned) == pytest.approx(metric(rows), abs=1e-10)


@given(st.integers(0, 2**31), st.floats(0.1, 10))
def test_duality_is_invariant_to_a_common_rotation_class_order_and_scale(seed, scale):
    rng = np.random.default_rng(seed)
    weights, means = rng.normal(size=(2, 5, 8))
    order, turn = rng.permutation(5), rotation(8, seed)
    for metric in (
        duality.self_duality, duality.alignment_distance, duality.simplex_duality, duality.orthogonal_duality,
    ):  # fmt: skip
        turned = metric(scale * weights[order] @ turn, means[order] @ turn)
        assert turned == pytest.approx(metric(weights, means), abs=1e-10)


@pytest.mark.parametrize(
    ("metric", "arguments", "reason"),
    [
        (geometry.cosine_mean, [np.array([[1.0, 0], [0, 0]])], "a vector is zero"),
        (geometry.cosine_mean, [np.array([[1.0, 0], [0, 1], [1e-14, -1e-15]])], "a vector is zero"),
        (geometry.cosine_mean, [np.ones((1, 4))], "fewer than 2 classes"),
        (geometry.cosine_mean, [np.array([[1.0], [np.nan]])], "a class without samples"),
        (geometry.equinorm, [np.zeros((3, 4))], "every vector is zero"),
        (geometry.etf_distance, [np.zeros((3, 4))], "every vector is zero"),
        (geometry.effective_rank, [np.zeros((3, 4))], "every vector is zero"),
        (duality.self_duality, [np.zeros((3, 4)), np.ones((3, 4))], "every classifier is zero"),
        (duality.self_duality, [np.ones((3, 4)), np.zeros((3, 4))], "every class mean is zero"),
        (variability.nc1, [np.zeros((3, 0)), np.zeros((0, 0)), np.ones(3), 4], "rank lost: .* 0 dimensions, not 2"),
        (variability.cdnv, [np.zeros((2, 1)), np.ones(2), np.ones(2)], "two class means coincide"),
        (variability.nc1_trace_ratio, [np.zeros((2, 1)), np.ones(2), np.ones(2)], "all class means coincide"),
        (answers.fraction, [np.zeros(2), np.zeros(2)], "no samples of these classes"),
        (memorization.memorization, [np.zeros(2), np.zeros(2)], "no label was changed"),
        (memorization.class_distance, [np.ones((2, 3))], "all class means coincide"),
        (decay, [[1.0, 0.5]], "fewer than 3 layers"),
        (decay, [[1.0, 0.5, np.nan]], "a layer's separation is undefined"),
        (orthogonal_frame.gof_nc2_w, [np.eye(2), optimal_frame([1, 1], 9.0)], "every class is collapsed"),
        (linear_head.rank_order, [np.eye(2), np.array([5, 5])], "every class has as many samples"),
        (linear_head.rank_order, [np.eye(2), np.array([5, 6])], "all norms are the same"),
        (linear_head.balancedness, [np.zeros(0)], "a head of one layer"),
        (linear_head.rank, [np.zeros((2, 3))], "every vector is zero"),
    ],
)  # fmt: skip
def test_what_has_no_value_says_why(metric, arguments, reason):
    with pytest.raises(Undefined, match=reason):
        metric(*arguments)


def test_feature_energy_is_the_mean_squared_distance_to_the_centre():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(3, 7, 5))  # classes, samples, d
    mean = x.mean(1)
    trace = np.square(x - mean[:, None]).sum(2).mean(1)
    centre = variability.global_mean(mean, np.array([7, 7, 7]))
    np.testing.assert_allclose(centre, x.reshape(-1, 5).mean(0), rtol=EXACT)
    expected = np.square(x - centre).sum(2).mean(1).mean()
    assert variability.feature_energy(mean, trace, centre) == pytest.approx(expected, rel=EXACT)


def test_the_sample_mean_weighs_classes_by_their_counts_and_skips_absent_ones():
    mean = np.array([[1.0], [4.0], [np.nan]])
    assert variability.global_mean(mean, np.array([3, 1, 0])) == pytest.approx(7 / 4)


def test_a_geometric_fall_is_fitted_exactly():
    fit = decay(37 * 0.6 ** np.arange(8))
    assert fit.ratio == pytest.approx(0.6, rel=EXACT)
    assert fit.r == pytest.approx(-1, abs=EXACT)
    assert fit.r2 == pytest.approx(1, abs=EXACT)
    assert decay([1.0, 2.0, 4.0]).r == pytest.approx(1, abs=EXACT)


def test_calibration_error_is_the_gap_between_right_and_sure():
    """Two bins: 10 samples at confidence 0.6, 5 right; 10 at 0.9, all right: (1 + 1)/20."""
    count, right, sure = np.array([10, 10]), np.array([5, 10]), np.array([6.0, 9.0])
    assert answers.calibration_error(count, right, sure) == pytest.approx(0.1, abs=EXACT)


def test_memorization_in_each_unit():
    """Two changed samples 3 and 5 away, test means 4 apart, 100 train samples."""
    distance, count, means = np.array([3.0, 5.0]), np.array([1, 1]), np.array([[0.0, 0.0], [0.0, 4.0]])
    assert memorization.memorization(distance, count) == 8
    assert memorization.relative_memorization(distance, count, means) == pytest.approx(1, abs=EXACT)
    assert memorization.memorized_fraction(distance, count, means, 100) == pytest.approx(0.02, abs=EXACT)
    assert memorization.corruption_bias(np.array([0.5, 1.0]), count) == pytest.approx(0.75, abs=EXACT)


def test_the_general_orthogonal_frame_is_at_its_optimum_and_an_orthogonal_frame_is_not():
    target = optimal_frame([200, 100, 50], 5e-4)
    p, shift, turn = target.p, target.shift, rotation(6)[:3]
    product, means = np.sqrt(p)[:, None] * turn, (np.sqrt(p) / (p + shift))[:, None] * turn
    zeros = (
        orthogonal_frame.gof_nc2_w(product, target), orthogonal_frame.gof_nc2_h(means, target),
        orthogonal_frame.gof_nc3(product, means, target), orthogonal_frame.gof_alignment(product, means, target),
        orthogonal_frame.gof_ratio(product, means, target) / p.max() ** 2, linear_head.spectrum_error(product, target),
    )  # fmt: skip
    np.testing.assert_allclose(zeros, 0, atol=EXACT)
    assert geometry.orthogonal_distance(product) > 0.2
    assert orthogonal_frame.gof_nc2_w(turn, target) == pytest.approx(geometry.orthogonal_distance(product), abs=EXACT)
    assert linear_head.rank_order(product, np.array([200, 100, 50])) == pytest.approx(1)
    assert linear_head.rank_order(means, np.array([200, 100, 50])) == pytest.approx(-1)


# What the imbalanced perceptrons of Dang et al. 2023 can not go below as coded, on CIFAR-10 and EMNIST letters
# (deep_linear.md, section 6): K, counts, and by number of layers the floors of NC2 (weights, features) and NC3.
CIFAR10 = [count for count in (100, 200, 300, 400, 500) for _ in range(2)]
EMNIST = [1500, *[600] * 5, *[50] * 20]
FLOORS = [
    (CIFAR10, 1, (0.0040, 0.0060, 0.0054), 5e-5),
    (CIFAR10, 3, (0.0019, 0.0012, 0.0022), 5e-5),
    (CIFAR10, 6, (0.0013, 0.0004, 0.0014), 5e-5),
    (EMNIST, 1, (0.062, 0.026, 0.072), 5e-4),
    (EMNIST, 3, (0.023, 0.003, 0.030), 5e-4),
    (EMNIST, 6, (0.013, 0.001, 0.020), 5e-4),
]


@pytest.mark.parametrize(("counts", "layers", "floors", "digits"), FLOORS)
def test_the_codes_targets_are_as_far_from_the_optimum_as_the_missing_factor_puts_them(counts, layers, floors, digits):
    trained = optimal_frame(counts, len(counts) * 1e-5, layers)
    coded = optimal_frame(counts, 1e-5, layers)
    found = [orthogonal_frame.frames_apart(trained, coded, of) for of in ("products", "means", "logits")]
    np.testing.assert_allclose(found, floors, atol=digits)


def test_the_rank_counts_directions_that_are_not_given_up():
    assert linear_head.rank(np.diag([1.0, 0.5, 0.02])) == 3
    assert linear_head.rank(np.diag([1.0, 0.5, 0.005])) == 2


def test_groups_are_heads_and_tails():
    groups = class_groups(10)
    assert groups["7-9"] == slice(7, 10)
    assert groups["0-6"] == slice(0, 7)
    assert group_name("minority", 7, 10) == "7-9"
    assert group_name("majority", 7, 10) == "0-6"
    assert group_name("all", 7, 10) == "all"


def test_a_broken_line_is_two_lines_without_error():
    """ln D of slopes ln 0.5, then ln 0.8, that meet in one layer: each fit is exact, a single line is not."""
    first, second = 9 * 0.5 ** np.arange(5), 9 * 0.5**4 * 0.8 ** np.arange(6)
    assert two_segment_error(first, second) == pytest.approx(0, abs=EXACT)
    assert decay(first).error == pytest.approx(0, abs=EXACT)
    assert decay(second).ratio == pytest.approx(0.8, rel=EXACT)
    assert decay(np.concatenate([first, second[1:]])).error > 0.1


def test_two_lines_pay_for_their_parameters():
    """The error estimates the noise's standard deviation whichever way it is fitted, where the line is one."""
    rng = np.random.default_rng(0)
    noisy = [np.exp(-0.3 * np.arange(41) + 0.2 * rng.normal(size=41)) for _ in range(400)]
    one = np.mean([decay(values).error ** 2 for values in noisy])
    two = np.mean([two_segment_error(values[:21], values[20:]) ** 2 for values in noisy])
    assert one == pytest.approx(0.04, rel=0.05)
    assert two == pytest.approx(0.04, rel=0.05)
