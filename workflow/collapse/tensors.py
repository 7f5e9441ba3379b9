"""Reading and writing safetensors: whole files or none, and one clear error for a damaged one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from collapse.atomic_io import DamagedFile, replacing


@contextmanager
def replacing_tensors(path: Path) -> Iterator[Path]:
    """`replacing`, for a file that safetensors writes: it has an error of its own for a full disk, and lets nobody else
    read the file.
    """
    with replacing(path) as part:
        try:
            yield part
        except SafetensorError as error:
            raise OSError(str(error)) from error
        os.umask(umask := os.umask(0))
        part.chmod(0o666 & ~umask)


def write_tensors(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str] | None = None) -> None:
    """Write named arrays as safetensors."""
    with replacing_tensors(path) as part:
        save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, part, metadata)


def read_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Arrays and metadata of a safetensors file; raises DamagedFile."""
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise DamagedFile(f"{path} can not be read ({error}): delete it, and run again to make it anew") from None
