"""Direct optimisation against autograd and torch.optim.SGD on all of H, in float64, and against the known optimum."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from collapse.theory.deep_linear import optimum
from collapse.training.direct import DirectOptimisation
from collapse.training.direct_problem import Problem, Weights
from collapse.training.losses import loss_named, penalty

LOSSES = ["mse_per_sample", "half_mse", "mse", "cross_entropy"]
# d and the class counts: balanced, unbalanced, d < K, N - K < d, one sample a class (no deviations).
SHAPES = [(8, (5, 5, 5)), (6, (7, 4, 2, 1)), (2, (3, 5, 2, 4)), (12, (2, 1, 2)), (4, (1, 1, 1))]
SCHEDULE = ((200, 0.1), (100, 0.05))  # steps, step size


def problem_of(counts, loss="mse_per_sample"):
    return Problem(counts, loss, weight_decay=5e-3, feature_decay=2e-3, momentum=0.9)


def start_of(problem, width, layers, bias, seed=0):
    """Weights ~ N(0, 0.3^2)."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return 0.3 * torch.randn(shape, generator=generator, dtype=torch.float64)

    classes = len(problem.counts)
    head = (*(normal(width, width) for _ in range(layers - 1)), normal(classes, width))
    return Weights(normal(width, sum(problem.counts)), head, normal(classes) if bias else None)


def starts_of(problem, width, layers, bias, runs=3):
    return [start_of(problem, width, layers, bias, seed) for seed in range(runs)]


def labels_of(problem):
    return torch.arange(len(problem.counts)).repeat_interleave(torch.tensor(problem.counts))


def tensors(weights):
    return [weights.features, *weights.head, *([] if weights.bias is None else [weights.bias])]


def logits_of(weights):
    """(N, K)"""
    outputs = weights.features.T
    for weight in weights.head:
        outputs = outputs @ weight.T
    return outputs if weights.bias is None else outputs + weights.bias


def decay_of(problem, weights):
    return penalty(weights.features.T, weights.head, problem.feature_decay, problem.weight_decay)


def obvious(problem, start, schedule=SCHEDULE):
    """The iterate of the full problem, by autograd."""
    iterate = Weights(
        start.features.clone().requires_grad_(),
        tuple(weight.clone().requires_grad_() for weight in start.head),
        None if start.bias is None else start.bias.clone().requires_grad_(),
    )
    optimizer = torch.optim.SGD(tensors(iterate), momentum=problem.momentum)
    loss, labels = loss_named(problem.loss, 0), labels_of(problem)
    for steps, optimizer.param_groups[0]["lr"] in schedule:
        for _ in range(steps):
            optimizer.zero_grad()
            (loss(logits_of(iterate), labels) + decay_of(problem, iterate)).backward()
            optimizer.step()
    return iterate


def advanced(problem, starts, schedule=SCHEDULE):
    batch = DirectOptimisation(problem, starts)
    for steps, learning_rate in schedule:
        batch.advance(steps, learning_rate)
    return batch


def distance(found, expected):
    """The largest relative distance of a tensor."""
    pairs = zip(tensors(found), tensors(expected), strict=True)
    return max(((a - b).norm() / b.norm()).item() for a, b in pairs)


def same(found, expected):
    return all(torch.equal(a, b) for a, b in zip(tensors(found), tensors(expected), strict=True))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_iterates_are_those_of_the_full_problem(loss, layers, bias):
    for width, counts in SHAPES:
        problem = problem_of(counts, loss)
        start = start_of(problem, width, layers, bias)
        slow = obvious(problem, start)
        assert distance(slow, start) > 0.1
        assert distance(advanced(problem, [start]).weights(0), slow) < 1e-12


def test_nine_layers_have_the_iterates_of_the_full_problem():
    problem = problem_of((4, 3, 2))
    start = start_of(problem, 5, 9, bias=True)
    assert distance(advanced(problem, [start]).weights(0), obvious(problem, start)) < 1e-12


def test_a_start_is_kept_as_it_is():
    problem = problem_of((3, 4, 2))
    start = start_of(problem, 3, 3, bias=True)
    assert distance(DirectOptimisation(problem, [start]).weights(0), start) < 1e-15


@pytest.mark.parametrize("loss", LOSSES)
def test_features_without_deviations_stay_equal_within_a_class(loss):
    problem = problem_of((4, 3), loss)
    start = start_of(problem, 3, 2, bias=True)
    start = replace(start, features=start.features[:, [0, 0, 0, 0, 4, 4, 4]])
    found = advanced(problem, [start]).weights(0)
    assert distance(found, obvious(problem, start)) < 1e-12
    assert (found.features - found.features[:, [0, 0, 0, 0, 4, 4, 4]]).abs().max() < 1e-14


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_and_accuracies_are_those_of_the_samples(loss):
    problem = problem_of((7, 4, 2, 1), loss)
    starts = starts_of(problem, 3, 2, bias=True)
    batch = advanced(problem, starts, ((3, 0.1),))
    labels, logits = labels_of(problem), [logits_of(batch.weights(run)) for run in range(len(starts))]
    losses = [loss_named(loss, 0)(of_run, labels).item() for of_run in logits]
    assert batch.data_losses().tolist() == pytest.approx(losses, rel=1e-13)
    assert batch.accuracies().tolist() == [(of_run.argmax(1) == labels).double().mean().item() for of_run in logits]
    assert 0 < batch.accuracies().min() < 1


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_run_in_a_batch_is_the_run_alone(loss, bias):
    """To the last bit where every run's matrices begin at multiples of 64 bytes, else up to rounding."""
    for width, counts, aligned in [(16, (40, 30, 20, 10), True), (15, (40, 30, 21), False)]:
        problem = problem_of(counts, loss)
        starts = starts_of(problem, width, 3, bias)
        batch = advanced(problem, starts)
        for run, start in enumerate(starts):
            alone = advanced(problem, [start]).weights(0)
            assert distance(batch.weights(run), alone) < 1e-13
            assert same(batch.weights(run), alone) or not aligned


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_states_continue_in_another_batch_as_if_never_saved(loss, layers, bias):
    problem = problem_of((4, 3, 2, 7), loss)
    starts = starts_of(problem, 8, layers, bias)
    whole = DirectOptimisation(problem, starts)
    whole.advance(20, 0.1)
    apart = [DirectOptimisation(problem, starts[:2]), DirectOptimisation(problem, starts[2:])]
    for batch in apart:
        batch.advance(20, 0.1)
    states = [apart[1].state(0), apart[0].state(1), apart[0].state(0)]
    for batch in (whole, *apart):  # neither a later step nor a measurement changes what was saved
        batch.data_losses()
        batch.accuracies()
        batch.advance(20, 0.1)
    restored = DirectOptimisation.restored(problem, states)
    restored.advance(20, 0.1)
    assert all(same(restored.weights(run), whole.weights(2 - run)) for run in range(3))


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_a_diverging_run_leaves_the_others_alone(loss):
    problem = problem_of((4, 3, 2, 7), loss)
    starts = starts_of(problem, 8, 3, bias=True)
    far = replace(starts[1], features=1e4 * starts[1].features)
    batch, without = advanced(problem, [starts[0], far, starts[2]]), advanced(problem, [starts[0], starts[2]])
    assert batch.finite().tolist() == [True, False, True]
    assert same(batch.weights(0), without.weights(0))
    assert same(batch.weights(2), without.weights(1))
    assert [math.isnan(accuracy) for accuracy in batch.accuracies()] == [False, True, False]
    assert not math.isfinite(batch.data_losses()[1])
    assert batch.data_losses()[[0, 2]].tolist() == without.data_losses().tolist()
    again = DirectOptimisation.restored(problem, [batch.state(run) for run in range(3)])
    assert again.finite().tolist() == [True, False, True]


@pytest.mark.parametrize("parameter", ["hidden", "classifier", "columns", "bias"])
def test_one_number_that_is_not_finite_is_reported(parameter):
    problem = problem_of((4, 3))
    batch = DirectOptimisation(problem, starts_of(problem, 3, 3, bias=True))
    assert batch.finite().tolist() == [True, True, True]
    states = [batch.state(run) for run in range(3)]
    states[1][parameter].view(-1)[0] = torch.inf
    assert DirectOptimisation.restored(problem, states).finite().tolist() == [True, False, True]


@pytest.mark.parametrize(("loss", "factor"), [("mse_per_sample", 1), ("half_mse", 3), ("mse", 3 / 2)])
def test_the_end_is_the_optimum(loss, factor):
    """Unbalanced, with a bias; factor: of the decays in the problem of the theory."""
    problem = problem_of((6, 4, 2), loss)
    batch = advanced(problem, [start_of(problem, 5, 3, bias=True)], ((10_000, 0.1),))
    found = batch.weights(0)
    decays = factor * problem.weight_decay, factor * problem.feature_decay
    expected = optimum(problem.counts, *decays, layers=3, bias=True)
    assert expected.p[1] > 0.1  # no direction has collapsed
    objective = batch.data_losses()[0] + decay_of(problem, found)
    assert factor * objective.item() == pytest.approx(expected.loss, rel=1e-10)
    product = found.head[2] @ found.head[1] @ found.head[0]
    eigenvalues = torch.linalg.eigvalsh(product @ product.T).flip(0)
    np.testing.assert_allclose(eigenvalues, expected.p, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(found.bias, expected.bias, rtol=1e-6)
    assert batch.accuracies().item() == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": "label_smoothing"}, "mse_per_sample, not label_smoothing"),
        ({"loss": "hinge"}, "not hinge"),
        ({"counts": (3, 0)}, "whole and positive"),
        ({"counts": (3, 1.5)}, "whole and positive"),
        ({"counts": ()}, "whole and positive"),
        ({"weight_decay": -1e-3}, "decays"),
        ({"feature_decay": math.nan}, "decays"),
        ({"momentum": 1.0}, "momentum"),
    ],
)
def test_a_problem_out_of_range_is_an_error(change, message):
    with pytest.raises(ValueError, match=message):
        replace(problem_of((3, 2)), **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head": ()}, "needs a layer"),
        ({"features": torch.zeros(4, 6, dtype=torch.float64)}, "shapes"),
        ({"bias": torch.zeros(3, dtype=torch.float64)}, "shapes"),
        ({"bias": torch.zeros(2)}, "float64"),
        ({"features": torch.full((4, 5), torch.inf, dtype=torch.float64)}, "finite"),
    ],
)
def test_a_start_that_does_not_fit_is_an_error(change, message):
    problem = problem_of((3, 2))
    with pytest.raises(ValueError, match=message):
        DirectOptimisation(problem, [replace(start_of(problem, 4, 2, bias=True), **change)])


def test_runs_that_do_not_fit_together_are_an_error():
    problem = problem_of((3, 2))
    start = start_of(problem, 4, 2, bias=True)
    with pytest.raises(ValueError, match="needs a run"):
        DirectOptimisation(problem, [])
    for other in (start_of(problem, 4, 3, bias=True), start_of(problem, 5, 2, bias=True), replace(start, bias=None)):
        with pytest.raises(ValueError, match="different shapes"):
            DirectOptimisation(problem, [start, other])
    state = DirectOptimisation(problem, [start]).state(0)
    for stranger in (problem_of((3, 2, 1)), problem_of((4, 2)), problem_of((3, 2), "cross_entropy")):
        with pytest.raises(ValueError, match="the state of a run"):
            DirectOptimisation.restored(stranger, [state])
