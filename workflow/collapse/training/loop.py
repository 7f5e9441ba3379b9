"""The training loop: data lives on the device, an epoch is a permutation of positions."""

import math
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import update_bn

from collapse.models.network import Network
from collapse.statistics.recorder import all_finite
from collapse.training.augmentation import crop_and_flip, draw_moves
from collapse.training.losses import loss_named
from collapse.training.optimizers import Stepper
from collapse.training.protocol import Protocol

# The loop gathers images in chunks of so many bytes. On the CPU a chunk stays in a core's cache. On a GPU a chunk is
# large, because the end of each chunk waits for the GPU.
CHUNK_BYTES = {"cpu": 4 * 2**20, "cuda": 64 * 2**20}


@dataclass(frozen=True)
class Epoch:
    """One pass over the train set; loss and accuracy are means over samples, each at its own step, in train mode."""

    epoch: int
    learning_rate: float
    loss: float
    accuracy: float
    seconds: float


class Diverged(RuntimeError):
    """A training that can not go on: loss or weights are not finite. The message is the reason."""


def oversampled(labels: Tensor, k_major: int, oversampling: int) -> Tensor:
    """Positions of an epoch: every sample once, each of a minority class (label >= k_major) `oversampling` times.

    labels (n,) -> positions (epoch length,). Fang et al. 2021, section "How to Mitigate Minority Collapse?".
    """
    return torch.arange(len(labels)).repeat_interleave(torch.where(labels.cpu() < k_major, 1, oversampling))


class Training:
    """A network in training.

    1. Shuffle the positions, with a separate generator on the CPU: the same order on every device.
    2. Batches of `batch_size`, the last one short, are cut from chunks: for a small network, gathering a chunk and
       counting its right answers at once costs a fifth of gathering and counting by batch.
    3. A step of the optimizer on the loss; weight decay on every parameter.
    4. The step size follows the schedule, epoch by epoch.
    5. After an epoch of an optimizer with a line search, batch norms' running statistics are estimated anew.
    6. With augmentation, crops and flips of all of an epoch's images are drawn at its start, from the same generator.
    7. A first phase freezes other layers than the second phase, which begins with a new optimizer.

    images (n, channels, side, side), labels (n,) are on the network's device; positions (epoch length,) on the CPU.
    black: the value of a black pixel in each channel, with which augmentation pads.
    """

    def __init__(
        self,
        network: Network,
        images: Tensor,
        labels: Tensor,
        positions: Tensor,
        protocol: Protocol,
        order_seed: int,
        black: Sequence[float] = (0.0,),
    ):
        if images.is_cuda or protocol.dtype == "bfloat16":  # faster convolutions, but not in float32 on the CPU
            network = network.to(memory_format=torch.channels_last)
            images = images.contiguous(memory_format=torch.channels_last)
        self.network, self.images, self.labels, self.positions = network, images, labels, positions
        self.protocol = protocol
        self.black = images.new_tensor(black)
        self.generator = torch.Generator().manual_seed(order_seed)
        self.main_frozen = network.frozen
        self._enter_phase(0)
        at_once = CHUNK_BYTES["cuda" if images.is_cuda else "cpu"]
        self.chunk = protocol.batch_size * max(1, at_once // (protocol.batch_size * images[0].nbytes))
        self.history: list[Epoch] = []

    def _enter_phase(self, epoch: int) -> None:
        """Freeze the layers that are frozen in epoch index `epoch`, and make an optimizer for the others."""
        first = self.protocol.first_phase
        self.network.freeze(first.frozen if first and epoch < first.epochs else self.main_frozen)
        self.stepper = Stepper(self.network, self.protocol, loss_named(self.protocol.loss, self.protocol.smoothing))
        # What an epoch changes, the parameters in one vector, and its copy, to which a diverging training is reset.
        self._tensors = [self.stepper.flat, *self.network.buffers()]
        self._finite = [tensor.detach().clone() for tensor in self._tensors]

    def run_epoch(self) -> Epoch:
        """Train for one epoch. Raises Diverged if the epoch's loss, or a weight after it, is not finite. The network is
        then reset to the end of the epoch before, and the history ends with the failed epoch.
        """
        started, number = time.perf_counter(), len(self.history)
        if self.protocol.first_phase and number == self.protocol.first_phase.epochs:
            self._enter_phase(number)
        self._copy(self._tensors, self._finite)
        rate = self.protocol.learning_rate_at(number)
        for group in self.stepper.optimizer.param_groups:
            group["lr"] = rate
        self.network.train()
        order = self.positions[torch.randperm(len(self.positions), generator=self.generator)].to(self.images.device)
        if self.protocol.drop_last:
            order = order[: len(order) // self.protocol.batch_size * self.protocol.batch_size]
        moves = draw_moves(len(order), self.generator).to(order.device) if self.protocol.augmentation else None
        loss_sum = torch.zeros((), device=order.device)
        correct = torch.zeros((), dtype=torch.int64, device=order.device)
        for start in range(0, len(order), self.chunk):
            here = slice(start, start + self.chunk)
            images = self.images[order[here]]
            if moves is not None:
                images = crop_and_flip(images, moves[here], self.black)
            chunk_loss, chunk_correct = self._run_chunk(images, self.labels[order[here]])
            loss_sum += chunk_loss
            correct += chunk_correct
        mean_loss, accuracy = loss_sum.item() / len(order), correct.item() / len(order)
        seconds = time.perf_counter() - started + (self.history[-1].seconds if self.history else 0.0)
        self.history.append(Epoch(number + 1, rate, mean_loss, accuracy, seconds))
        finite = {"loss": math.isfinite(mean_loss), "weights": all_finite(self.stepper.flat)}
        if not all(finite.values()):
            self._copy(self._finite, self._tensors)
            failed = " and ".join(name for name, is_finite in finite.items() if not is_finite)
            raise Diverged(f"diverged in epoch {number + 1}: {failed} not finite")
        if self.stepper.entry.line_search:
            # Every evaluation of the line search has moved the running statistics, at weights that were not kept.
            batches = order.split(self.protocol.batch_size)
            update_bn((self.images[chosen] for chosen in batches), self.network)
        return self.history[-1]

    @staticmethod
    @torch.no_grad()
    def _copy(source: list[Tensor], target: list[Tensor]) -> None:
        torch._foreach_copy_(target, source)  # one call: a copy a tensor would be 2 % of a small network's epoch

    def _run_chunk(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Train on consecutive batches; returns the sum of the samples' losses, and the number of right answers."""
        size = self.protocol.batch_size
        batches = zip(images.split(size), labels.split(size), strict=True)
        losses, logits = zip(*(self.stepper.step(*batch) for batch in batches), strict=True)
        sizes = torch.tensor([len(part) for part in logits], device=images.device)
        return (torch.stack(losses) * sizes).sum(), (torch.cat(logits).argmax(1) == labels).sum()

    def state(self) -> dict[str, Any]:
        """Everything that the remaining epochs depend on."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.stepper.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "history": [astuple(epoch) for epoch in self.history],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self._enter_phase(len(state["history"]) - 1)  # the state holds the optimizer of its last epoch's phase
        self.network.load_state_dict(state["network"])
        self.stepper.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.history = [Epoch(*row) for row in state["history"]]
