"""The state of a training in progress: kept outside the results, written whole or not at all, never a pickle."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from collapse.atomic_io import NotWritten
from collapse.runs import link
from collapse.tensors import replacing_tensors
from collapse.training.locks import kernel_lock

CURRENT, PREVIOUS = "state.safetensors", "previous.safetensors"


@contextmanager
def locked(run: Path, log: Callable[[str], None] = print) -> Iterator[None]:
    """Hold the lock of a run's folder; the kernel releases it when the process ends, however it ends.

    Waits while another process holds the lock, as two jobs on one run would overwrite each other's state. Raises
    NotWritten if the lock's file can not be written.
    """
    lock = kernel_lock(run / ".lock")
    try:
        run.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            log(f"{run}: another process works on this run; waiting until it has ended")
            lock.acquire(blocking=True)
    except OSError as error:
        raise NotWritten(f"{run} can not be written ({error}): mend that, and run again") from None
    try:
        yield
    finally:
        lock.release()


def save_state(folder: Path, tree: Any, identity: str) -> None:
    """Write `tree` (nested dicts, lists, tensors, numbers, strings) as the run's state; keep the previous state too.

    The present state stays in its place until the new one is there.
    """
    tensors: dict[str, Tensor] = {}
    skeleton = json.dumps(_take_tensors(tree, tensors))
    with replacing_tensors(folder / CURRENT) as part:
        save_file(tensors, part, {"identity": identity, "skeleton": skeleton})
        if (folder / CURRENT).exists():
            link(folder / CURRENT, folder / PREVIOUS)


def load_state(folder: Path, identity: str, log: Any = print) -> Any | None:
    """The newest usable state of the run of that identity, or None; `log` is told the reason of each refusal."""
    for path in (folder / CURRENT, folder / PREVIOUS):
        if path.exists():
            try:
                with safe_open(path, framework="pt") as file:
                    metadata = file.metadata()
                    if metadata["identity"] == identity:
                        return _put_tensors(json.loads(metadata["skeleton"]), file)
                log(f"{path} is of another recipe or dataset: not used")
            except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
                log(f"{path} is damaged ({error}): not used")
    return None


def _take_tensors(tree: Any, tensors: dict[str, Tensor]) -> Any:
    """A JSON skeleton of `tree`; its tensors go into `tensors` by number. Dicts keep keys that are no strings."""
    if isinstance(tree, Tensor):
        name = str(len(tensors))
        # A copy: safetensors refuses tensors that share memory.
        tensors[name] = tree.detach().cpu().clone(memory_format=torch.contiguous_format)
        return {"tensor": name}
    if isinstance(tree, dict):
        return {"dict": [[key, _take_tensors(value, tensors)] for key, value in tree.items()]}
    if isinstance(tree, list | tuple):
        return {"list": [_take_tensors(value, tensors) for value in tree]}
    return {"value": tree}


def _put_tensors(skeleton: dict[str, Any], file: Any) -> Any:
    (kind, content), *_ = skeleton.items()
    if kind == "tensor":
        # Copy to torch's alignment: torch sums an unaligned tensor in another order, with other last bits.
        return file.get_tensor(content).clone()
    if kind == "dict":
        return {key: _put_tensors(value, file) for key, value in content}
    if kind == "list":
        return [_put_tensors(value, file) for value in content]
    return content
