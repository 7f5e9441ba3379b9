"""Unconstrained features under a deep linear head: the problem, its weights, and the columns that suffice to solve it.

    f = loss(P H + b 1^T) + lambda_W/2 sum_m ||W_m||^2 + lambda_H/2 ||H||^2,   P = W_M ... W_1     (Dang et al. 2023)

K classes of n_k samples, N in all, in class order; H (d, N) a column a sample, free; Y (K, N) one-hot targets.

Columns of a squared loss a ||P H + b 1^T - Y||^2 / 2 (derived). H has the gradient a P^T (P H + b 1^T - Y) + lambda_H
H. Its rows lie in the span of the rows of H, Y and 1: H never leaves the span of its start. In an orthonormal basis
U (N, C) of this span, X = H U has the same objective and iterates, with targets Y U for Y and u = U^T 1 for 1, and has
C = K + min(d, N - K) columns, not N:

    the class means times sqrt(n_k), fitted to sqrt(n_k) e_k, u_k = sqrt(n_k);
    the deviations from the class means in a basis Q of their rows, fitted to zero without a bias.

Cross-entropy is not quadratic in P H and needs every sample: U = I.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from collapse.training.entries import LOSSES
from collapse.training.unconstrained import DIRECT_LOSSES


@dataclass(frozen=True)
class Problem:
    """What is minimised, and the momentum of SGD.

    counts (K,): samples of each class. loss: a name in LOSSES. weight_decay: lambda_W, of every W_m; the bias has none.
    feature_decay: lambda_H. ValueError for a smoothed loss, and for what is out of range.
    """

    counts: tuple[int, ...]
    loss: str
    weight_decay: float
    feature_decay: float
    momentum: float

    def __post_init__(self):
        """Check the fields."""
        if self.loss not in DIRECT_LOSSES:
            raise ValueError(f"direct optimisation knows the losses {', '.join(DIRECT_LOSSES)}, not {self.loss}")
        if not self.counts or not all(isinstance(count, int) and count > 0 for count in self.counts):
            raise ValueError(f"counts have to be whole and positive, one a class, not {self.counts}")
        if not (self.weight_decay >= 0 and self.feature_decay >= 0):
            raise ValueError(f"decays can not be negative: {self.weight_decay}, {self.feature_decay}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum has to be at least 0 and below 1, not {self.momentum}")

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.counts)

    @cached_property
    def num_samples(self) -> int:
        """N."""
        return sum(self.counts)

    @property
    def squared(self) -> bool:
        """Whether the loss is a squared distance to the targets."""
        return LOSSES[self.loss].theory_factor is not None

    @cached_property
    def scale(self) -> float:
        """Factor a of the loss: a ||P H + b 1^T - Y||^2 / 2, or a sum_i -log p_i of cross-entropy."""
        factor = LOSSES[self.loss].theory_factor
        return 1 / (self.num_samples * (factor(self.num_classes) if factor else 1))


@dataclass(frozen=True)
class Weights:
    """An iterate, all float64 on one device.

    features H (d, N), samples in class order. head: W_1, ..., W_(M-1), each (d, d), and W_M (K, d). bias (K,), or None.
    """

    features: Tensor
    head: tuple[Tensor, ...]
    bias: Tensor | None = None


def check_weights(problem: Problem, weights: Weights) -> None:
    """ValueError unless the weights are finite, float64, and of the problem's shapes."""
    if not weights.head:
        raise ValueError("a head needs a layer")
    classes, width = problem.num_classes, len(weights.features)
    wanted = [(width, problem.num_samples), *[(width, width)] * (len(weights.head) - 1), (classes, width)]
    tensors = [weights.features, *weights.head]
    if weights.bias is not None:
        wanted, tensors = [*wanted, (classes,)], [*tensors, weights.bias]
    shapes = [tuple(tensor.shape) for tensor in tensors]
    if shapes != wanted:
        raise ValueError(f"the shapes of features, head and bias have to be {wanted}, not {shapes}")
    if any(tensor.dtype != torch.float64 for tensor in tensors):
        raise ValueError("weights have to be float64")
    if not all(tensor.isfinite().all() for tensor in tensors):
        raise ValueError("weights have to be finite")


def column_counts(problem: Problem, width: int) -> tuple[int, int]:
    """C, and how many of the columns are deviations, for features of dimension d."""
    if not problem.squared:
        return problem.num_samples, 0
    rank = min(width, problem.num_samples - problem.num_classes)
    return problem.num_classes + rank, rank


def to_columns(problem: Problem, features: Tensor) -> tuple[Tensor, Tensor]:
    """The columns X (d, C) of H (d, N), and the basis Q (C - K, N) of the deviations; of cross-entropy H, Q (0, N)."""
    if not problem.squared:
        return features, features.new_empty(0, problem.num_samples)
    classes = _class_basis(problem, features)
    scaled_means = features @ classes
    deviations = features - scaled_means @ classes.T
    _, rank = column_counts(problem, len(features))
    # Singular vectors, for deviations may have a lower rank than their shape says; surplus columns are and stay zero.
    basis = torch.linalg.svd(deviations, full_matrices=False).Vh[:rank].contiguous()
    return torch.cat([scaled_means, deviations @ basis.T], dim=1), basis


def to_samples(problem: Problem, columns: Tensor, basis: Tensor) -> Tensor:
    """The samples A (..., N) of columns A U (..., C): features or logits of the samples. basis Q (..., C - K, N)."""
    if not problem.squared:
        return columns
    means, deviations = columns.tensor_split([problem.num_classes], dim=-1)
    return means @ _class_basis(problem, columns).T + deviations @ basis


def labels(problem: Problem, device: torch.device) -> Tensor:
    """The samples' labels (N,), in class order."""
    counts = torch.tensor(problem.counts, device=device)
    return torch.arange(problem.num_classes, device=device).repeat_interleave(counts)


def targets(problem: Problem, columns: Tensor) -> tuple[Tensor, Tensor]:
    """What columns X (..., C) are fitted to: Y U (K, C), and U^T 1 (C,)."""
    fitted = columns.new_zeros(problem.num_classes, columns.shape[-1])
    if problem.squared:
        fitted.diagonal().copy_(columns.new_tensor(problem.counts).sqrt())
    else:
        fitted.scatter_(0, labels(problem, columns.device)[None], 1)
    return fitted, fitted.sum(0)  # as the rows of Y, and hence of Y U, add up to 1 and 1^T U


def _class_basis(problem: Problem, like: Tensor) -> Tensor:
    """Orthonormal indicators of the classes, 1 / sqrt(n_k) at the samples of class k: (N, K)."""
    counts = like.new_tensor(problem.counts)
    return torch.diag(counts.rsqrt()).repeat_interleave(counts.long(), dim=0)
