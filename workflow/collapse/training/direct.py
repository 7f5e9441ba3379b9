"""Direct optimisation: SGD on unconstrained features and a deep linear head. Dang et al. 2023, B-direct and I-direct.

Problem, notation and the columns X that stand for the features H are those of `direct_problem`. Full batches, SGD with
momentum mu as torch.optim.SGD, float64:

    v <- mu v + gradient,   theta <- theta - learning_rate v

Gradients (derived). From the classifier inwards, A_m = W_M ... W_(m+1), A_M = I, has K rows, not d. With the residual S
(K, C) of the outputs P X + b u^T, u = U^T 1, and the loss's factor a,

    C_1 = a S X^T   C_(m+1) = C_m W_m^T   gradient of W_m: A_m^T C_m + lambda_W W_m   X: a P^T S + lambda_H X   b: a S u

All runs of a batch have one shape. They advance together, each with matrix products of its own, and have the iterates
of the runs alone: to the last bit where each run's matrices begin at multiples of 64 bytes (d a multiple of 8, K and N
of 4), otherwise up to rounding, as the kernels of MKL depend on the alignment.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from collapse.training.direct_problem import (
    Problem,
    Weights,
    check_weights,
    column_counts,
    labels,
    targets,
    to_columns,
    to_samples,
)

State = Mapping[str, Tensor]


class Parts(NamedTuple):
    """Views of one vector: a value for each parameter, of all runs. Weights come first: they share their decay.

    hidden (M - 1, R, d, d): W_1 to W_(M-1). classifier (R, K, d). columns (R, d, C). bias (R, K, 1), or (R, 0, 1).
    """

    hidden: Tensor
    classifier: Tensor
    columns: Tensor
    bias: Tensor

    def of_run(self, run: int) -> "Parts":
        """The parts of one run, without the axis R."""
        return Parts(self.hidden[:, run], self.classifier[run], self.columns[run], self.bias[run])


@dataclass(frozen=True)
class DataLoss:
    """A loss without its factor a: outputs (R, K, C), targets (K, C) -> value (R,), and gradient, over the outputs."""

    value: Callable[[Tensor, Tensor], Tensor]
    residual: Callable[[Tensor, Tensor], Tensor]


SQUARED = DataLoss(
    value=lambda outputs, target: (outputs - target).square().sum((1, 2)) / 2,
    residual=lambda outputs, target: outputs.sub_(target),
)
CROSS_ENTROPY = DataLoss(
    value=lambda outputs, target: (outputs.logsumexp(1) - (outputs * target).sum(1)).sum(1),
    residual=lambda outputs, target: outputs.softmax(1).sub_(target),
)


class DirectOptimisation:
    """R runs of one shape, optimised side by side.

    starts: the weights of each run. ValueError if there are none, if their shapes differ or do not fit the problem,
    or if they are not finite and float64.
    """

    def __init__(self, problem: Problem, starts: Sequence[Weights]):
        self._continue(problem, [_initial_state(problem, start) for start in starts])

    @classmethod
    def restored(cls, problem: Problem, states: Sequence[State]) -> "DirectOptimisation":
        """Runs that continue from their states, from whichever batches these come. ValueError as for starts."""
        restored = cls.__new__(cls)
        restored._continue(problem, states)
        return restored

    def _continue(self, problem: Problem, states: Sequence[State]) -> None:
        if not states:
            raise ValueError("direct optimisation needs a run")
        shapes = [{name: tensor.shape for name, tensor in state.items()} for state in states]
        if any(shape != shapes[0] for shape in shapes):
            raise ValueError("runs of different shapes can not be optimised side by side")
        _check_state(problem, states[0])
        self.problem = problem
        self._loss = SQUARED if problem.squared else CROSS_ENTROPY
        self._theta_vector, self._theta = _joined([_parts(state, "") for state in states])
        self._velocity_vector, self._velocity = _joined([_parts(state, "_velocity") for state in states])
        self._basis = torch.stack([state["basis"] for state in states])
        self._targets, self._ones = targets(problem, self._theta.columns)
        self._allocate()

    def _allocate(self) -> None:
        """Buffers of a step, and views of them, as making a view takes as long as a small product."""
        hidden, classifier, columns, _ = self._theta
        layers, runs = len(hidden) + 1, len(classifier)
        self._outer = classifier.new_empty(layers, *classifier.shape)  # A_0 = P to A_(M-1) = W_M
        self._inner = torch.empty_like(self._outer)  # C_1 to C_M
        self._outputs = classifier.new_empty(runs, self.problem.num_classes, columns.shape[-1])
        self._transposed = hidden.mT.unbind()
        self._hidden_velocity = self._velocity.hidden.flatten(0, 1)
        self._hidden_factors = self._outer[1:].flatten(0, 1).mT, self._inner[:-1].flatten(0, 1)
        decayed = hidden.numel() + classifier.numel()
        self._weights, self._weights_velocity = self._theta_vector[:decayed], self._velocity_vector[:decayed]

    @torch.inference_mode()
    def advance(self, steps: int, learning_rate: float) -> None:
        """Take that many steps of SGD. A run that diverges does not disturb the others, see `finite`."""
        for _ in range(steps):
            self._forward()
            self._backward(self._loss.residual(self._outputs, self._targets))
            self._velocity.columns.add_(self._theta.columns, alpha=self.problem.feature_decay)
            self._weights_velocity.add_(self._weights, alpha=self.problem.weight_decay)
            self._theta_vector.add_(self._velocity_vector, alpha=-learning_rate)

    def _forward(self) -> None:
        """Fill A_0 to A_(M-1), and the outputs P X + b u^T."""
        hidden, classifier, columns, bias = self._theta
        outer = self._outer
        outer[-1].copy_(classifier)
        for layer in range(len(hidden), 0, -1):
            torch.bmm(outer[layer], hidden[layer - 1], out=outer[layer - 1])
        torch.bmm(outer[0], columns, out=self._outputs)
        if bias.numel():
            self._outputs.addcmul_(bias, self._ones)

    def _backward(self, residual: Tensor) -> None:
        """v <- mu v + gradient of the loss, of residual S (R, K, C). Fills C_1 to C_M."""
        velocity, inner = self._velocity, self._inner
        momentum, scale = self.problem.momentum, self.problem.scale
        torch.baddbmm(inner[0], residual, self._theta.columns.mT, beta=0, alpha=scale, out=inner[0])
        for layer, transposed in enumerate(self._transposed):
            torch.bmm(inner[layer], transposed, out=inner[layer + 1])
        velocity.columns.baddbmm_(self._outer[0].mT, residual, beta=momentum, alpha=scale)
        self._hidden_velocity.baddbmm_(*self._hidden_factors, beta=momentum)
        velocity.classifier.mul_(momentum).add_(inner[-1])
        if velocity.bias.numel():
            # Not baddbmm: its product with one column rounds otherwise in a batch than alone.
            velocity.bias.mul_(momentum).add_((residual * self._ones).sum(2, keepdim=True), alpha=scale)

    def weights(self, run: int) -> Weights:
        """The iterate of a run, a copy."""
        hidden, classifier, columns, bias = self._theta.of_run(run)
        features = to_samples(self.problem, columns, self._basis[run])
        head = (*hidden.clone().unbind(), classifier.clone())
        return Weights(features.clone(), head, bias[:, 0].clone() if bias.numel() else None)

    def data_losses(self) -> Tensor:
        """The loss of each run without the decays (R,), scaled as the problem's loss."""
        self._forward()
        return self._loss.value(self._outputs, self._targets) * self.problem.scale

    def accuracies(self) -> Tensor:
        """Fraction of the samples whose largest logit is their label's (R,); nan for a run that is not finite."""
        self._forward()
        logits = to_samples(self.problem, self._outputs, self._basis)  # (R, K, N)
        right = (logits.argmax(1) == labels(self.problem, logits.device)).to(logits).mean(1)
        return torch.where(self.finite(), right, torch.nan)

    def finite(self) -> Tensor:
        """Whether all parameters of a run are finite (R,): a run that diverged stays False."""
        runs_first = [self._theta.hidden.movedim(1, 0), *self._theta[1:]]
        return torch.stack([part.isfinite().flatten(1).all(1) for part in runs_first]).all(0)

    def state(self, run: int) -> dict[str, Tensor]:
        """A copy of all that a run's remaining steps depend on, for `restored`: parameters, velocities, basis."""
        theta, velocity = self._theta.of_run(run)._asdict(), self._velocity.of_run(run)._asdict()
        state = {**theta, **{f"{name}_velocity": part for name, part in velocity.items()}, "basis": self._basis[run]}
        return {name: tensor.clone() for name, tensor in state.items()}


def _initial_state(problem: Problem, start: Weights) -> State:
    """The state of a run before its first step."""
    check_weights(problem, start)
    columns, basis = to_columns(problem, start.features)
    classifier = start.head[-1]
    hidden = torch.stack(start.head[:-1]) if start.head[1:] else classifier.new_empty(0, *[classifier.shape[1]] * 2)
    bias = classifier.new_empty(0, 1) if start.bias is None else start.bias[:, None]
    theta = Parts(hidden, classifier, columns, bias)._asdict()
    return {**theta, **{f"{name}_velocity": torch.zeros_like(part) for name, part in theta.items()}, "basis": basis}


def _check_state(problem: Problem, state: State) -> None:
    """ValueError if the state belongs to a problem of other counts, or of the other kind of loss."""
    width, columns = state["columns"].shape
    rank, samples = state["basis"].shape
    found = len(state["classifier"]), samples, columns, rank
    wanted = problem.num_classes, problem.num_samples, *column_counts(problem, width)
    if found != wanted:
        raise ValueError(f"the state of a run has (K, N, C, rank of the basis) = {found}, the problem {wanted}")


def _parts(state: State, suffix: str) -> Parts:
    return Parts(*(state[name + suffix] for name in Parts._fields))


def _joined(runs: Sequence[Parts]) -> tuple[Tensor, Parts]:
    """One vector of all runs' parts, and its views."""
    hidden, *others = zip(*runs, strict=True)
    stacked = [torch.stack(hidden, dim=1), *(torch.stack(parts) for parts in others)]
    vector = torch.cat([part.flatten() for part in stacked])
    views = vector.split([part.numel() for part in stacked])
    return vector, Parts(*(view.view(part.shape) for view, part in zip(views, stacked, strict=True)))
