"""Passes of a split through a network; batches are kept for the next sweep if they fit in memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import torch
from torch import Tensor

# Bytes that a split may keep between sweeps; a larger split passes through the network again.
KEPT_BYTES = 2**30


@dataclass(frozen=True)
class Batch:
    """A batch of n samples after its pass: activations (n, ...) by layer, in order, logits (n, K) and labels (n,).

    `logits` is None if the network gives none. `true_labels` (n,), if some labels were changed: the original labels.
    """

    activations: dict[str, Tensor]
    logits: Tensor | None
    labels: Tensor
    true_labels: Tensor | None = None

    def by_true_labels(self, layer: str) -> "Batch":
        """The activations of one layer alone, and the original labels as labels."""
        assert self.true_labels is not None  # asked of splits with changed labels
        return Batch({layer: self.activations[layer]}, None, self.true_labels)

    def nbytes(self) -> int:
        """Bytes of all tensors."""
        tensors = [*self.activations.values(), *(getattr(self, field.name) for field in fields(self)[1:])]
        return sum(tensor.nbytes for tensor in tensors if tensor is not None)


class Passes:
    """A split's batches, for any number of sweeps: kept in memory if they fit in `budget` bytes, else computed again.

    Every call of `run` has to give the same batches.
    """

    def __init__(self, run: Callable[[], Iterator[Batch]], budget: int = KEPT_BYTES):
        self.run, self.budget = run, budget
        self.kept: list[Batch] | None = None

    def __iter__(self) -> Iterator[Batch]:
        """One sweep."""
        if self.kept is not None:
            yield from self.kept
            return
        kept, size = [], 0
        for batch in self.run():
            size += batch.nbytes()
            if size <= self.budget:
                kept.append(batch)
            else:
                kept.clear()
            yield batch
        if size <= self.budget:
            self.kept = kept


def chunk_starts(count: int, size: int) -> list[int]:
    """Starts of batches of `size`. A single last sample joins the batch before, as batch norm needs two samples."""
    starts = list(range(0, count, size))
    return starts[:-1] if len(starts) > 1 and count % size == 1 else starts


def batched(size: int, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Tensors of the same length, all cut at the same rows into batches of `size` (chunk_starts)."""
    starts = chunk_starts(len(tensors[0]), size)
    cuts = [torch.tensor_split(tensor, starts[1:]) for tensor in tensors]
    return zip(*cuts, strict=True)
