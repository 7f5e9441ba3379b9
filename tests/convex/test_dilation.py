"""The memorization-dilation model: its optimum against plain evaluations, and the formula for little noise."""

import math

import numpy as np
import pytest
from scipy.special import log_expit

from collapse.theory.dilation import model_at, optimal_dilation, small_noise_dilation
from collapse.theory.positive_layer_peeled import minimiser

CELLS = [(decay, slope, noise) for decay in (1e-4, 1e-3) for slope in (0.1, 1.0) for noise in (1e-3, 1e-2, 0.05, 0.1)]


def loss(margin, smoothing):
    """Cross-entropy of two logits that differ by `margin`, against (1 - alpha, 0) + alpha / 2."""
    return -(1 - smoothing / 2) * log_expit(margin) - smoothing / 2 * log_expit(-margin)


def objective(smoothing, decay, slope, noise, dilation):
    """R of class 1, over both coordinates of v, and over all u of a grid of the disc."""
    least = minimiser(2, 1, smoothing, decay, decay)
    scale, rho = math.sqrt(2) * least.classifier_norm, least.mean_norm
    w = scale * np.array([[0.5, -0.5], [-0.5, 0.5]])
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    v = dilation / math.sqrt(2) * np.stack(np.meshgrid(nodes, nodes), -1)
    chance = np.outer(weights, weights) / weights.sum() ** 2
    h = np.array([rho, 0]) + v
    spread = (chance * (loss(h @ (w[0] - w[1]), smoothing) + decay * (h**2).sum(-1))).sum()
    radius = slope * dilation / (rho * math.sqrt(2))
    angles, radii = np.meshgrid(np.linspace(-np.pi, np.pi, 2001), radius * np.linspace(0, 1, 81))
    u = np.stack([radii * np.cos(angles), rho + radii * np.sin(angles)], -1)
    memorized = loss(u @ (w[0] - w[1]), smoothing) + decay * (u**2).sum(-1)
    return spread + noise * memorized[(u >= -1e-12).all(-1)].min()


@pytest.mark.parametrize(("smoothing", "expected"), [(0, 0.00556), (0.1, 0.00062), (0.2, 0.00040)])
def test_the_derived_values(smoothing, expected):
    found = optimal_dilation(smoothing, 1e-3, 0.1, 1e-3)
    assert found.dilation == pytest.approx(expected, abs=5e-6)
    assert small_noise_dilation(smoothing, 1e-3, 0.1, 1e-3) == pytest.approx(expected, abs=5e-6)


@pytest.mark.parametrize("smoothing", [0, 0.1])
@pytest.mark.parametrize(("decay", "slope", "noise"), [(1e-3, 0.1, 0.05), (1e-3, 1.0, 0.1), (1e-2, 3.0, 0.3)])
def test_no_other_dilation_is_lower(smoothing, decay, slope, noise):
    found = optimal_dilation(smoothing, decay, slope, noise)
    least = objective(smoothing, decay, slope, noise, found.dilation)
    for factor in (0, 0.5, 0.95, 1.05, 2):
        assert objective(smoothing, decay, slope, noise, factor * found.dilation) > least


def test_what_is_memorized_is_the_best_of_the_disc_and_not_negative():
    for radius in (0.01, 0.5, 1.5, 3.0, 10.0):  # from a small move to the other class's own place
        model = model_at(0.1, 1e-2)
        point, change = model.memorized(radius)
        rho = model.norm
        x, y = np.meshgrid(np.linspace(0, 4, 801), np.linspace(0, 4, 801))
        inside = x**2 + (y - rho) ** 2 <= radius**2
        cost = loss(model.scale * (x - y), 0.1) + 1e-2 * (x**2 + y**2)
        here = loss(-model.scale * rho, 0.1) + 1e-2 * rho**2
        assert change <= cost[inside].min() - here + 1e-12
        assert change == pytest.approx(cost[inside].min() - here, abs=2e-2)
        assert (point >= -1e-12).all()
        assert np.hypot(point[0], point[1] - rho) <= radius * (1 + 1e-9)
        assert loss(model.scale * (point[0] - point[1]), 0.1) + 1e-2 * (point @ point) - here == pytest.approx(change)


@pytest.mark.parametrize(("decay", "slope", "noise"), CELLS)
def test_label_smoothing_dilates_less(decay, slope, noise):
    """The paper's theorem, in sixteen cells: absolutely, and relative to the distance of the classes."""
    found = [optimal_dilation(smoothing, decay, slope, noise) for smoothing in (0, 0.1, 0.2)]
    dilations = [one.dilation for one in found]
    relative = [one.dilation / one.class_distance for one in found]
    assert dilations == sorted(dilations, reverse=True)
    assert relative == sorted(relative, reverse=True)


def test_relative_memorization_turns_round_where_there_is_much_noise():
    plain, smoothed = (optimal_dilation(smoothing, 1e-3, 1.0, 0.1) for smoothing in (0, 0.1))
    assert plain.relative_memorization == pytest.approx(0.102, abs=5e-4)
    assert smoothed.relative_memorization == pytest.approx(0.113, abs=5e-4)


@pytest.mark.parametrize("smoothing", [0, 0.1, 0.2])
@pytest.mark.parametrize("decay", [1e-4, 1e-3, 1e-2])
@pytest.mark.parametrize("noise", [1e-6, 1e-4, 1e-3])
def test_the_formula_for_little_noise(smoothing, decay, noise):
    found = optimal_dilation(smoothing, decay, 0.1, noise).dilation
    assert found == pytest.approx(small_noise_dilation(smoothing, decay, 0.1, noise), rel=0.02)


def test_the_optimum_does_not_depend_on_the_quadrature():
    for decay, slope, noise in CELLS[8:]:
        few, many = (optimal_dilation(0.1, decay, slope, noise, nodes).dilation for nodes in (40, 80))
        assert few == pytest.approx(many, rel=1e-6)


@pytest.mark.parametrize(("slope", "noise"), [(0.1, 0), (0, 0.1)])
def test_nothing_wrong_dilates_nothing(slope, noise):
    found = optimal_dilation(0.1, 1e-3, slope, noise)
    assert (found.dilation, found.memorization) == (0, 0)
    assert (found.positions[0] == found.positions[3]).all()


def test_places_and_classifier_are_those_of_the_positive_model():
    found = optimal_dilation(0.1, 1e-3, 0.1, 0.05)
    least = minimiser(2, 1, 0.1, 1e-3, 1e-3)
    assert np.linalg.norm(found.positions[:2], axis=1) == pytest.approx([least.mean_norm] * 2)
    assert np.linalg.norm(found.classifier, axis=1) == pytest.approx([least.classifier_norm] * 2)
    logits = found.classifier @ found.positions[0]
    assert logits[0] - logits[1] == pytest.approx(least.margin)
    assert found.memorization == pytest.approx(0.1 * found.dilation / found.class_distance)
    assert np.linalg.norm(found.positions[1] - found.positions[2]) == pytest.approx(found.memorization)


@pytest.mark.parametrize(("arguments", "message"), [
    ((0, 1.0, 0.1, 0.1), "from 0.1768 on, at smoothing 0, classifier and features are zero"),
    ((0, 1e-3, 0.1, 1.5), r"noise has to lie in \[0, 1\], not 1.5"),
    ((0, 1e-3, -1, 0.1), "slope has to be 0 or more and finite, not -1"),
    ((1, 1e-3, 0.1, 0.1), "smoothing has to be 0 or more and below 1"),
    ((0, 0, 0.1, 0.1), "weight_decay has to be positive"),
])  # fmt: skip
def test_what_can_not_be_is_named(arguments, message):
    for function in (optimal_dilation, small_noise_dilation):
        with pytest.raises(ValueError, match=message):
            function(*arguments)
