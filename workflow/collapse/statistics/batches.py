"""Batches of a user's loader, as inputs, labels (n,) and a checksum; a ValueError names what does not fit."""

import sys
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from collapse.statistics.classes import CHUNK_BYTES

LABELS = ("labels", "label", "targets", "target", "y")  # keys under which a dict may hold its labels
EVERY = 10.0  # seconds between the lines of a long sweep
WANTED = "batches (inputs, labels) are wanted, as of a DataLoader"


def check_loader(name: str, loader: Any) -> None:
    """Raise ValueError unless a loader gives batches and can be swept more than once."""
    if isinstance(loader, Dataset) and not isinstance(loader, DataLoader):
        raise ValueError(f"{name} is a Dataset ({type(loader).__name__}): give DataLoader({name}, batch_size=...)")
    if not isinstance(loader, Iterable):
        raise ValueError(f"{name} is a {type(loader).__name__}: {WANTED}")
    if isinstance(loader, Tensor | np.ndarray | Mapping):
        raise ValueError(f"{name} is a {type(loader).__name__}: {WANTED}; for one batch, [(inputs, labels)]")
    if isinstance(loader, Iterator):
        raise ValueError(f"{name} can be run through only once: give a DataLoader, or a list of batches")


def with_progress(name: str, loader: Iterable, progress: bool) -> Iterator[Any]:
    """The batches of a loader, with a line on stderr every ten seconds of a long sweep; raises ValueError for none."""
    began = printed = time.monotonic()
    count = f" of {len(loader)}" if isinstance(loader, Sized) else ""
    number = 0
    for number, batch in enumerate(loader, start=1):
        yield batch
        now = time.monotonic()
        if progress and now - printed >= EVERY:
            printed = now
            print(f"{name}: batch {number}{count}, {now - began:.0f} s", file=sys.stderr, flush=True)
    if not number:
        raise ValueError(f"{name} holds no batch")


def split_batch(name: str, batch: Any) -> tuple[Any, Any]:
    """Inputs and labels of a batch (inputs, labels, ...), or of a dict with labels; raises ValueError.

    Inputs have the form of recorder.call: the other keys of a dict become keywords; one other key, the only argument.
    """
    if isinstance(batch, Mapping):
        found = [key for key in LABELS if key in batch]
        if not found:
            raise ValueError(f"a batch of {name} has the keys {list(batch)}: one of {', '.join(LABELS)} is wanted")
        return unlabelled({key: value for key, value in batch.items() if key != found[0]}), batch[found[0]]
    if not isinstance(batch, tuple | list) or len(batch) < 2:
        parts = f" of {len(batch)}" if isinstance(batch, tuple | list) else ""
        raise ValueError(f"a batch of {name} is a {type(batch).__name__}{parts}{_shape(batch)}: {WANTED}")
    return unlabelled(batch[0]), batch[1]


def unlabelled(inputs: Any) -> Any:
    """Inputs without labels, in the form of recorder.call."""
    if isinstance(inputs, Mapping):
        return dict(inputs) if len(inputs) != 1 else next(iter(inputs.values()))
    if isinstance(inputs, list):
        return tuple(inputs) if any(isinstance(part, Tensor | np.ndarray) for part in inputs) else inputs
    return inputs


def inputs_alone(name: str, batch: Any) -> Any:
    """Inputs of a batch; its labels, if it has any, are ignored."""
    if isinstance(batch, Mapping):
        return unlabelled({key: value for key, value in batch.items() if key not in LABELS})
    if isinstance(batch, tuple | list):
        if not batch:
            raise ValueError(f"a batch of {name} is empty: inputs are wanted, or (inputs, labels)")
        batch = batch[0]
    return unlabelled(batch)


def class_labels(name: str, labels: Any, num_classes: int | None = None, ignored: int | None = None) -> Tensor:
    """Labels as int64 (n,), from a tensor, array or list: (n,), (n, 1), or one-hot (n, K). Raises ValueError.

    num_classes: labels have to be below it; None: no bound. ignored: a label that is allowed in any case.
    """
    whose = f"labels of {name}" if name else "labels"
    try:
        tensor = torch.as_tensor(labels)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{whose} are no numbers ({error}): integers (n,) are wanted") from None
    shape = tuple(tensor.shape)
    if tensor.dim() == 2 and shape[1] > 1 and num_classes in (None, shape[1]):
        tensor = _from_one_hot(whose, tensor)
    elif tensor.dim() == 2 and shape[1] == 1:
        tensor = tensor[:, 0]
    if tensor.dim() != 1:
        columns = "K" if num_classes is None else num_classes
        raise ValueError(f"{whose} have shape {shape}: integers (n,), or one-hot (n, {columns}), are wanted")
    if tensor.is_floating_point() or tensor.is_complex():
        raise ValueError(f"{whose} {shape} are {tensor.dtype}: integers, the numbers of classes, are wanted")
    tensor = tensor.long()
    counted = tensor if ignored is None else tensor[tensor != ignored]
    if len(counted) and (counted.min() < 0 or (num_classes is not None and counted.max() >= num_classes)):
        run = f"from {counted.min()}" if counted.min() < 0 else f"to {counted.max()}"
        classes = f"the classifier has {num_classes} classes, from 0 on"
        wanted = "they have to be 0 or more" if num_classes is None else classes
        left_out = "" if ignored is None else f" ({ignored}, ignore_index, would be left out)"
        raise ValueError(f"{whose} run {run}: {wanted}{left_out}")
    return tensor


def _from_one_hot(whose: str, rows: Tensor) -> Tensor:
    one, exact = rows.argmax(1), rows.to(torch.float64)
    if not torch.equal(exact, torch.nn.functional.one_hot(one, rows.shape[1]).to(exact)):
        raise ValueError(f"{whose} {tuple(rows.shape)} are not one-hot: one class a sample is wanted")
    return one


def to_device(inputs: Any, device: torch.device, dtype: torch.dtype | None = None) -> Any:
    """Inputs as tensors on a device; floating-point inputs are converted to `dtype`, if it is given."""
    if isinstance(inputs, Mapping):
        return {key: to_device(value, device, dtype) for key, value in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(to_device(value, device, dtype) for value in inputs)
    inputs = _from_numpy(inputs)
    if not isinstance(inputs, Tensor):
        return inputs
    return inputs.to(device, dtype if inputs.is_floating_point() else None, non_blocking=True)


def one_more(inputs: Any, count: int) -> Any:
    """Inputs of `count` samples with the first sample repeated at the end; parts of another length are not changed."""
    if isinstance(inputs, Mapping):
        return {key: one_more(value, count) for key, value in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(one_more(value, count) for value in inputs)
    if isinstance(inputs, Tensor) and inputs.dim() and len(inputs) == count:
        return torch.cat([inputs, inputs[:1]])
    return [*inputs, inputs[0]] if isinstance(inputs, list) and len(inputs) == count else inputs


def checksum(inputs: Any, labels: Tensor) -> int:
    """A hash of a batch's samples that ignores their order. It is a sum over samples, so batches can be added."""
    total = labels.to(torch.int64)
    parts = inputs.values() if isinstance(inputs, Mapping) else inputs if isinstance(inputs, tuple) else (inputs,)
    for number, part in enumerate(parts):
        part = _from_numpy(part)
        if isinstance(part, Tensor) and part.dim() and len(part) == len(labels):
            total = _mixed(total + _hashes(part).to(total.device) * (2 * number + 1))
        elif isinstance(part, list | tuple | np.ndarray) and len(part) == len(labels):
            total = _mixed(total + torch.tensor([zlib.crc32(repr(value).encode()) for value in part]).to(total.device))
    return int(_mixed(total).sum())


def _hashes(tensor: Tensor) -> Tensor:
    """A 64-bit hash of each sample's bytes, (n,)."""
    flat = tensor.detach().reshape(len(tensor), -1)
    flat = torch.view_as_real(flat).flatten(1) if flat.is_complex() else flat
    if flat.is_floating_point():  # by its bits
        whole = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
        flat = flat.contiguous().view(whole[flat.dtype.itemsize])
    weights = torch.randint(-(2**62), 2**62, (flat.shape[1],), generator=torch.Generator().manual_seed(0)) * 2 + 1
    weights = weights.to(flat.device)
    rows = max(1, CHUNK_BYTES // max(1, 8 * flat.shape[1]))
    return torch.cat([(part.long() * weights).sum(1) for part in flat.split(rows)])


def _mixed(numbers: Tensor) -> Tensor:
    """Mix the bits of numbers (n,), so that sums of them detect swapped pairs. Overflow wraps, as intended."""
    numbers = (numbers ^ (numbers >> 30)) * -0x40A7B892E31B1A47
    return (numbers ^ (numbers >> 27)) * -0x6B2FB644ECCEEE15


def _from_numpy(value: Any) -> Any:
    """An array as a tensor; anything else as it is. Read-only arrays are copied: torch warns of them."""
    if not isinstance(value, np.ndarray) or value.dtype == object:
        return value
    return torch.from_numpy(value if value.flags.writeable else value.copy())


def _shape(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return "" if shape is None else f" of shape {tuple(shape)}"
