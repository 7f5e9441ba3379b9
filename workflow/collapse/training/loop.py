"""The training loop: data lives on the device, an epoch is a permutation of positions."""

import math
import time
from dataclasses import astuple, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from collapse.recipe import Protocol
from collapse.training.losses import LOSSES
from collapse.training.optimizers import OPTIMIZERS, step


@dataclass(frozen=True)
class Epoch:
    """What one pass over the train set did; loss and accuracy are those of the steps, in train mode."""

    epoch: int
    learning_rate: float
    loss: float
    accuracy: float
    seconds: float


class TrainingFailed(RuntimeError):
    """A fit that can not go on, or went nowhere; the message is its reason."""


def oversampled(labels: Tensor, k_major: int, oversampling: int) -> Tensor:
    """Positions of an epoch: every sample once, each of a minority class (label >= k_major) `oversampling` times.

    labels (n,) -> positions (epoch length,). Fang et al. 2021, section "How to Mitigate Minority Collapse?".
    """
    return torch.arange(len(labels)).repeat_interleave(torch.where(labels.cpu() < k_major, 1, oversampling))


class Training:
    """A network in training.

    1. Shuffle the positions, with a generator of its own on the CPU: the same order on every device.
    2. Batches of `batch_size`, the last one short.
    3. A step of the optimizer on the loss; weight decay on every parameter.
    4. The step size follows the schedule, epoch by epoch.

    images (n, channels, side, side), labels (n,) are on the network's device; positions (epoch length,) on the CPU.
    """

    def __init__(
        self, network: nn.Module, images: Tensor, labels: Tensor, positions: Tensor, protocol: Protocol, order_seed: int
    ):
        self.network, self.images, self.labels, self.positions = network, images, labels, positions
        self.protocol = protocol
        self.generator = torch.Generator().manual_seed(order_seed)
        self.optimizer = OPTIMIZERS[protocol.optimizer](network.parameters(), protocol)
        self.loss = LOSSES[protocol.loss](protocol.smoothing)
        self.history: list[Epoch] = []

    def run_epoch(self) -> Epoch:
        """Train for one epoch; raises TrainingFailed when its loss is not finite."""
        started, number = time.perf_counter(), len(self.history)
        rate = self.protocol.learning_rate_at(number)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        device, self.network = self.images.device, self.network.train()
        order = self.positions[torch.randperm(len(self.positions), generator=self.generator)].to(device)
        loss_sum = torch.zeros((), device=device)
        correct = torch.zeros((), dtype=torch.int64, device=device)
        for batch in order.split(self.protocol.batch_size):
            target = self.labels[batch]
            loss, logits = step(self.network, self.optimizer, self.loss, self.images[batch], target, self.protocol)
            loss_sum += loss * len(batch)
            correct += (logits.argmax(1) == target).sum()
        mean_loss, accuracy = loss_sum.item() / len(order), correct.item() / len(order)
        seconds = time.perf_counter() - started + (self.history[-1].seconds if self.history else 0.0)
        self.history.append(Epoch(number + 1, rate, mean_loss, accuracy, seconds))
        if not math.isfinite(mean_loss):
            raise TrainingFailed(f"the loss is not finite in epoch {number + 1}")
        return self.history[-1]

    def state(self) -> dict[str, Any]:
        """Everything the epochs still to come depend on."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "history": [astuple(epoch) for epoch in self.history],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.history = [Epoch(*row) for row in state["history"]]
