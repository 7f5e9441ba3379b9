"""Losses of a batch: (logits (n, K), labels (n,)) -> scalar, and the penalty on features and weights.

K classes, z logits of a sample of label y, p = softmax(z), e_y one-hot. Labels lie in 0..K-1.
"""

import math
from collections.abc import Callable, Iterable
from functools import partial
from pkgutil import resolve_name

import torch
import torch.nn.functional as F
from torch import Tensor

from collapse.training.entries import LOSSES

Loss = Callable[[Tensor, Tensor], Tensor]


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over the batch of -log p_y. logits (n, K), labels (n,) -> scalar."""
    return F.cross_entropy(logits, labels)


def label_smoothing(alpha: float) -> Loss:
    """Cross-entropy against the target (1 - alpha) e_y + alpha / K, mean over the batch.

    Nguyen et al. 2023 (Memorization-Dilation), and Szegedy et al. 2016. Raises ValueError unless 0 < alpha < 1.
    """
    return partial(F.cross_entropy, label_smoothing=_inside("label_smoothing", alpha))


def label_relaxation(alpha: float) -> Loss:
    """Distance of the prediction from the set {t : t_y >= 1 - alpha}, mean over the batch; Lienen, Hüllermeier 2021.

    Zero if p_y > 1 - alpha, else KL(t || p) at its nearest point: t_y = 1 - alpha, t_j = alpha p_j / (1 - p_y), without
    gradient through t. As every t_j / p_j with j != y is the same, that is the binary divergence

        (1 - alpha) log((1 - alpha) / p_y) + alpha log(alpha / (1 - p_y)),

    a function of the margin log(p_y / (1 - p_y)) = z_y - logsumexp_{j != y} z_j alone. Its full gradient p - t is that
    of the fixed target (t minimises KL(. || p) over the set), so nothing needs detaching, and no probability is formed.
    Needs K >= 2. Raises ValueError unless 0 < alpha < 1.
    """
    _inside("label_relaxation", alpha)
    enough = math.log((1 - alpha) / alpha)  # the margin at p_y = 1 - alpha
    entropy = -(1 - alpha) * math.log(1 - alpha) - alpha * math.log(alpha)

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        own = labels[:, None]
        others = logits.scatter(1, own, -torch.inf).logsumexp(1)  # (n,)
        margin = logits.gather(1, own)[:, 0] - others
        divergence = -(1 - alpha) * F.logsigmoid(margin) - alpha * F.logsigmoid(-margin) - entropy
        return torch.where(margin > enough, 0, divergence).mean()

    return loss


def mse(logits: Tensor, labels: Tensor) -> Tensor:
    """sum ||z - e_y||^2 / (n K): Zhu et al. 2021, Memorization-Dilation, balanced Deep Linear (their code).

    logits (n, K), labels (n,) -> scalar.
    """
    return F.mse_loss(logits, _one_hot(logits, labels))


def half_mse(logits: Tensor, labels: Tensor) -> Tensor:
    """sum ||z - e_y||^2 / (2 n K): imbalanced Deep Linear as coded; lambda acts in the theory as K lambda.

    logits (n, K), labels (n,) -> scalar.
    """
    return mse(logits, labels) / 2


def mse_per_sample(logits: Tensor, labels: Tensor) -> Tensor:
    """sum ||z - e_y||^2 / (2 n): the loss of the theory, Dang et al. 2023. logits (n, K), labels (n,) -> scalar."""
    return mse(logits, labels) * (logits.shape[1] / 2)


def loss_named(name: str, alpha: float | None = None) -> Loss:
    """The loss of that name, smoothed by `alpha` where it is smoothed; raises ValueError for an alpha out of range."""
    entry = LOSSES[name]
    function = resolve_name(entry.function)
    return function(alpha) if entry.smoothed else function


def penalty(
    features: Tensor, weights: Iterable[Tensor], feature_decay: float, weight_decay: float, *, batch_mean: bool = False
) -> Tensor:
    """lambda_W / 2 sum_m ||W_m||_F^2 + lambda_H / 2 ||H||_F^2, to be added to a loss (`sep_decay` of the papers).

    features H (n, d) of the batch, weights: the matrices W_m of the linear head (Zhu et al. also its bias) -> scalar.

    ||H||^2 is the sum over the batch, as in Zhu et al. 2021 and Dang et al. 2023: over a full batch it is the penalty
    of the theory; relative to a loss that is a mean, it grows with the batch size. With `batch_mean` it is the mean
    (1 / n) sum_i ||h_i||^2, of the same strength at any batch size.

    H is the raw input of the head. The released code of Zhu et al. penalises h / ||h||, a constant without gradient.
    """
    energies = features.square().sum(1)  # (n,)
    feature_energy = energies.mean() if batch_mean else energies.sum()
    weight_energy = sum((weight.square().sum() for weight in weights), start=features.new_zeros(()))
    return feature_decay / 2 * feature_energy + weight_decay / 2 * weight_energy


def _one_hot(logits: Tensor, labels: Tensor) -> Tensor:
    return torch.zeros_like(logits).scatter_(1, labels[:, None], 1)


def _inside(name: str, alpha: float) -> float:
    if not 0 < alpha < 1:
        raise ValueError(f"{name}: alpha is {alpha}, but must lie strictly between 0 and 1")
    return alpha
