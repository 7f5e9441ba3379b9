"""Passes of a split through a network: what each batch leaves, kept for the next sweep as far as memory allows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import torch
from torch import Tensor

# What a split may keep between its sweeps; a larger one is sent through the network again.
KEPT_BYTES = 2**30


@dataclass(frozen=True)
class Batch:
    """What a batch of n samples leaves: activations (n, ...) by layer, in order, logits (n, K) and labels (n,).

    `logits` is None where the network gives none. `true_labels` (n,), where some labels were changed: what they were
    before.
    """

    activations: dict[str, Tensor]
    logits: Tensor | None
    labels: Tensor
    true_labels: Tensor | None = None

    def nbytes(self) -> int:
        """Bytes of all of it."""
        tensors = [*self.activations.values(), *(getattr(self, field.name) for field in fields(self)[1:])]
        return sum(tensor.nbytes for tensor in tensors if tensor is not None)


class Passes:
    """A split's batches, as often as wanted: from memory where they fit in `budget` bytes, else computed anew.

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
    """Where batches of `size` begin: the last takes a single sample left over, on which batch norm is undefined."""
    starts = list(range(0, count, size))
    return starts[:-1] if len(starts) > 1 and count % size == 1 else starts


def batched(size: int, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Tensors of the same length, cut alike into batches of `size` (chunk_starts)."""
    starts = chunk_starts(len(tensors[0]), size)
    cuts = [torch.tensor_split(tensor, starts[1:]) for tensor in tensors]
    return zip(*cuts, strict=True)
