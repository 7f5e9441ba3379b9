"""Optimizers, and the Stepper that takes their steps."""

from collections.abc import Callable
from pkgutil import resolve_name

import torch
from torch import Tensor, nn

from collapse.models.network import Network
from collapse.training.entries import OPTIMIZERS
from collapse.training.losses import penalty
from collapse.training.protocol import Protocol
from collapse.training.recording import Recorder

Loss = Callable[[Tensor, Tensor], Tensor]

ALIGNMENT = 64  # bytes: a view that starts elsewhere is multiplied more slowly


def flatten(network: nn.Module) -> nn.Parameter:
    """Move the trainable parameters of `network` into one vector; parameters and gradients become views of it.

    An optimizer then updates and clears one tensor, whatever the network: the same arithmetic, element by element, at a
    third of the cost for a small network on the CPU. Gaps between the views stay zero under every optimizer here.
    """
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    step = ALIGNMENT // parameters[0].element_size()
    starts, end = [], 0
    for parameter in parameters:
        starts.append(end)
        end += -(-parameter.numel() // step) * step
    flat = nn.Parameter(parameters[0].new_zeros(end))
    flat.grad = torch.zeros_like(flat)
    for parameter, start in zip(parameters, starts, strict=True):
        shape, stride = parameter.shape, parameter.stride()  # a channels-last weight stays so
        view = flat.data.as_strided(shape, stride, start)
        parameter.data = view.copy_(parameter.data)
        parameter.grad = flat.grad.as_strided(shape, stride, start)
    return flat


def sgd(flat: nn.Parameter, protocol: Protocol) -> torch.optim.Optimizer:
    """Gradient descent with momentum, without Nesterov; weight decay is coupled L2."""
    return torch.optim.SGD(
        [flat], lr=protocol.learning_rate, momentum=protocol.momentum, weight_decay=_own_decay(protocol), fused=True
    )


def adam(flat: nn.Parameter, protocol: Protocol) -> torch.optim.Optimizer:
    """Adam with PyTorch's betas; weight decay is coupled L2, inside the gradient."""
    return torch.optim.Adam([flat], lr=protocol.learning_rate, weight_decay=_own_decay(protocol), fused=True)


def adamw(flat: nn.Parameter, protocol: Protocol) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019): weight decay is decoupled, learning_rate * weight_decay of each parameter."""
    return torch.optim.AdamW([flat], lr=protocol.learning_rate, weight_decay=_own_decay(protocol), fused=True)


def lbfgs(flat: nn.Parameter, protocol: Protocol) -> torch.optim.Optimizer:
    """L-BFGS with strong-Wolfe line search and a history of 10 (Zhu et al. 2021, code)."""
    return torch.optim.LBFGS([flat], lr=protocol.learning_rate, history_size=10, line_search_fn="strong_wolfe")


def _own_decay(protocol: Protocol) -> float:
    """Weight decay that the optimizer applies to every parameter: none where the objective has it."""
    return 0.0 if protocol.separate_decay else protocol.weight_decay


class Stepper:
    """Takes optimization steps on a network by a protocol."""

    def __init__(self, network: Network, protocol: Protocol, loss: Loss):
        self.network, self.protocol, self.loss = network, protocol, loss
        self.flat = flatten(network)
        self.entry = OPTIMIZERS[protocol.optimizer]
        self.optimizer = resolve_name(self.entry.function)(self.flat, protocol)
        self.evaluate = Recorder(self._evaluate, network.recordable)

    def step(self, images: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """One step; returns the loss, a scalar without penalties, and the logits (n, K) before it, both detached."""
        first: list[tuple[Tensor, Tensor]] = []

        def closure() -> Tensor:
            loss, logits, objective = self.evaluate(images, target)
            first.append((loss, logits))
            return objective

        if self.entry.line_search:
            self.optimizer.step(closure)
        else:
            closure()
            self.optimizer.step()
        return first[0]

    def _evaluate(self, images: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Loss, logits and objective, all detached; the objective's gradient goes to the parameters."""
        assert self.flat.grad is not None  # flatten gave it one
        self.flat.grad.zero_()
        loss, logits, objective = self._objective(images, target)
        objective.backward()
        return loss.detach(), logits.detach(), objective.detach()

    def _objective(self, images: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Loss, logits, and the objective to differentiate: loss plus penalties that the optimizer does not apply."""
        if self.protocol.dtype == "bfloat16":
            with torch.autocast(images.device.type, torch.bfloat16):
                return self._penalised(images, target)
        return self._penalised(images, target)

    def _penalised(self, images: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        protocol, features = self.protocol, self.network.features(images)
        logits = self.network.head(features)
        loss = self.loss(logits, target)
        if protocol.separate_decay:
            extra = penalty(features, self.network.head_weights(), protocol.feature_decay, protocol.weight_decay)
        elif self.entry.line_search:
            # The line search evaluates the objective, so weight decay has to be part of it.
            extra = protocol.weight_decay / 2 * self.flat.square().sum()
        else:
            return loss, logits, loss
        return loss, logits, loss + extra
