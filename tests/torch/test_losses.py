import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from collapse.training.entries import LOSSES
from collapse.training.losses import loss_named, penalty

ALPHAS = st.floats(0.01, 0.99)
SEEDS = st.integers(0, 2**32)


def batch(seed=0, n=12, k=4, scale=3.0):
    """Logits (n, K), some of them confident, and labels (n,)."""
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(n, k, generator=generator, dtype=torch.float64)
    return logits, torch.randint(k, (n,), generator=generator)


def gradient(loss, logits, labels):
    logits = logits.clone().requires_grad_()
    loss(logits, labels).backward()
    return logits.grad


def mean_divergence(target, logits):
    """Mean over samples of KL(target || softmax(logits)), term by term."""
    return (target * (target.log() - logits.log_softmax(1))).sum(1).mean()


def credal_target(logits, labels, alpha):
    """y has mass 1 - alpha, the others share alpha as the predictions do; a constant."""
    others = logits.softmax(1).scatter(1, labels[:, None], 0)
    return (alpha * others / others.sum(1, keepdim=True)).scatter(1, labels[:, None], 1 - alpha).detach()


def relaxed_by_definition(logits, labels, alpha):
    """Label relaxation a sample at a time."""
    losses = []
    for z, y in zip(logits, labels, strict=True):
        zero = z.sum() * 0
        target = credal_target(z[None], y[None], alpha)
        losses.append(zero if z.softmax(0)[y] > 1 - alpha else mean_divergence(target, z[None]))
    return torch.stack(losses).mean()


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_those_of_finite_differences(name):
    logits, labels = batch()
    assert torch.autograd.gradcheck(loss_named(name, 0.1), (logits.requires_grad_(), labels))


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_batch_means(name):
    logits, labels = batch()
    loss = loss_named(name, 0.1)
    each = torch.stack([loss(z[None], y[None]) for z, y in zip(logits, labels, strict=True)])
    torch.testing.assert_close(loss(logits, labels), each.mean(), rtol=1e-12, atol=0)
    assert loss(logits.float(), labels).dtype == torch.float32


def test_cross_entropy_is_the_mean_of_minus_log_p():
    logits, labels = batch()
    expected = -logits.softmax(1)[torch.arange(len(labels)), labels].log().mean()
    torch.testing.assert_close(loss_named("cross_entropy", 0.1)(logits, labels), expected)


@given(ALPHAS, SEEDS)
def test_label_smoothing_is_cross_entropy_against_the_smoothed_target(alpha, seed):
    logits, labels = batch(seed)
    target = (1 - alpha) * F.one_hot(labels, 4).double() + alpha / 4
    expected = -(target * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(loss_named("label_smoothing", alpha)(logits, labels), expected)
    at_optimum = gradient(loss_named("label_smoothing", alpha), target.log(), labels)
    torch.testing.assert_close(at_optimum, torch.zeros_like(at_optimum), rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", ["label_smoothing", "label_relaxation"])
def test_without_alpha_a_label_loss_is_cross_entropy(name):
    logits, labels = batch()
    expected = loss_named("cross_entropy", 0)(logits, labels)
    torch.testing.assert_close(loss_named(name, 1e-12)(logits, labels), expected, rtol=0, atol=1e-9)


@given(ALPHAS, SEEDS)
def test_label_relaxation_is_its_definition(alpha, seed):
    logits, labels = batch(seed)
    target = credal_target(logits, labels, alpha)
    torch.testing.assert_close(target.sum(1), torch.ones(len(labels), dtype=torch.float64))
    loss = loss_named("label_relaxation", alpha)
    torch.testing.assert_close(
        loss(logits, labels), relaxed_by_definition(logits, labels, alpha), rtol=1e-9, atol=1e-12
    )
    expected = gradient(lambda z, y: relaxed_by_definition(z, y, alpha), logits, labels)  # the target is detached there
    torch.testing.assert_close(gradient(loss, logits, labels), expected, rtol=1e-9, atol=1e-12)


@given(st.floats(0.01, 0.6), st.floats(0, 1))
def test_label_relaxation_asks_for_no_more_than_one_minus_alpha(alpha, extra):
    p = torch.tensor([[1 - alpha / (1.001 + extra)]], dtype=torch.float64)  # p_y > 1 - alpha
    logits = torch.cat([p, (1 - p) * 0.3, (1 - p) * 0.7], 1).log()
    loss, labels = loss_named("label_relaxation", alpha), torch.tensor([0])
    assert loss(logits, labels) == 0
    assert not gradient(loss, logits, labels).any()
    less = torch.cat([p - 2 * (p - 1 + alpha), torch.zeros(1, 0)], 1)  # as far below as it was above
    logits = torch.cat([less, (1 - less) * 0.3, (1 - less) * 0.7], 1).log()
    assert loss(logits, labels) > 0
    assert gradient(loss, logits, labels)[0, 0] < 0


@given(ALPHAS, SEEDS)
def test_label_relaxation_is_the_smallest_divergence_from_the_allowed_targets(alpha, seed):
    """No other target that gives y at least 1 - alpha is nearer to the prediction."""
    logits, labels = batch(seed, n=1)
    generator = torch.Generator().manual_seed(seed)
    shares = torch.rand(200, 4, generator=generator, dtype=torch.float64) + 1e-9
    shares = shares.scatter(1, labels.expand(200)[:, None], 0)
    mass = 1 - alpha * torch.rand(200, 1, generator=generator, dtype=torch.float64)  # of y
    targets = (shares / shares.sum(1, keepdim=True) * (1 - mass)).scatter(1, labels.expand(200)[:, None], mass)
    divergence = (torch.special.xlogy(targets, targets) - targets * logits.log_softmax(1)).sum(1)
    assert loss_named("label_relaxation", alpha)(logits, labels) <= divergence.min() + 1e-9


@pytest.mark.parametrize("name", ["cross_entropy", "label_smoothing", "label_relaxation"])
@pytest.mark.parametrize("logit", [-1e4, 1e4])
def test_extreme_logits_are_finite_in_float32(name, logit):
    logits, labels = torch.tensor([[logit, 0.0, 1.0]]), torch.tensor([0])
    loss = loss_named(name, 0.1)
    assert loss(logits, labels).isfinite()
    assert gradient(loss, logits, labels).isfinite().all()
    if logit < 0:
        assert gradient(loss, logits, labels)[0, 0] < -0.8


@given(SEEDS, st.integers(2, 10))
def test_normalisations_of_the_squared_error_differ_by_exact_factors(seed, k):
    logits, labels = batch(seed, n=7, k=k)
    total = sum((z - F.one_hot(y, k)).square().sum() for z, y in zip(logits, labels, strict=True))
    for name, divisor in (("mse", 7 * k), ("half_mse", 2 * 7 * k), ("mse_per_sample", 2 * 7)):
        torch.testing.assert_close(loss_named(name, 0)(logits, labels), total / divisor)


@pytest.mark.parametrize("name", ["label_smoothing", "label_relaxation"])
@pytest.mark.parametrize("alpha", [0, 1, -0.1, 1.5, math.nan])
def test_an_alpha_that_is_no_smoothing_is_refused(name, alpha):
    with pytest.raises(ValueError, match=rf"{name}: alpha is .*strictly between 0 and 1"):
        loss_named(name, alpha)


def test_the_penalty_is_its_definition_with_the_gradient_of_raw_features():
    generator = torch.Generator().manual_seed(0)
    h, first, second = (
        torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
        for shape in ((6, 5), (4, 5), (5, 5))
    )
    for batch_mean, divisor in ((False, 1), (True, 6)):
        value = penalty(h, [first, second], feature_decay=0.3, weight_decay=0.7, batch_mean=batch_mean)
        weights = sum(w.norm() ** 2 for w in (first, second))
        torch.testing.assert_close(value, 0.15 * h.norm() ** 2 / divisor + 0.35 * weights)
        of_h, of_first, of_second = torch.autograd.grad(value, (h, first, second))
        torch.testing.assert_close(of_h, 0.3 / divisor * h)
        torch.testing.assert_close(of_first, 0.7 * first)
        torch.testing.assert_close(of_second, 0.7 * second)
    normalised = F.normalize(h).square().sum() * 0.15  # as released: nothing pulls the features in
    assert torch.autograd.grad(normalised, h)[0].norm() < 1e-12


def test_the_penalty_of_a_head_without_weights_is_that_of_the_features():
    h = torch.full((2, 3), 2.0)
    assert penalty(h, [], feature_decay=0.5, weight_decay=1).item() == 0.25 * 2 * 3 * 4


def test_loss_and_penalty_together_are_stationary_at_the_deep_linear_optimum():
    """Dang et al. 2023 at M = 1 without bias: K 4, N 400, lambda 5e-4 -> p = 9.8, minimum 0.0198."""
    decay, n, p = 5e-4, 400, 9.8
    labels = torch.arange(n) % 4
    frame = torch.eye(4, dtype=torch.float64)
    h = (math.sqrt(p) / (p + n * decay) * frame[labels]).requires_grad_()
    weight = (math.sqrt(p) * frame).requires_grad_()
    value = loss_named("mse_per_sample", 0)(h @ weight.T, labels) + penalty(h, [weight], decay, decay)
    assert value.item() == pytest.approx(0.0198, rel=1e-12)
    for slope in torch.autograd.grad(value, (h, weight)):
        assert slope.abs().max() < 1e-15
