"""Where a job computes: its device, its place on a shared GPU, and the record of hardware and software."""

import os
import platform
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout

from collapse.cpu import read_cpu
from collapse.strict import UserError
from collapse.training.locks import kernel_lock


class NoDevice(UserError, RuntimeError):
    """A device that this machine lacks."""


def choose_device(name: str, gpus: int = 1) -> torch.device:
    """The device of that name; `auto` is CUDA if it is available and the job asked for a GPU, else the CPU.

    Raises NoDevice.
    """
    if name == "auto":
        name = "cuda" if gpus and torch.cuda.is_available() else "cpu"
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available[name]:
        raise NoDevice(
            f"device={name} is not available on {platform.node()}: set device to auto or cpu in config/config.yaml, or "
            f"run where there is one"
        )
    return torch.device(name)


@contextmanager
def share(device: torch.device, jobs_per_gpu: int, folder: Path) -> Iterator[torch.device]:
    """Hold a place on one of the machine's GPUs: no two jobs take the same place, and a killed job frees its place.

    Snakemake counts GPUs but assigns none to jobs. A cluster's scheduler does: there, each job has places of its own.
    """
    if device.type != "cuda":
        yield device
        return
    scope = os.environ.get("SLURM_JOB_ID", platform.node())
    places = [(gpu, job) for job in range(jobs_per_gpu) for gpu in range(torch.cuda.device_count())]
    with acquire_slot([f"{scope}-gpu-{gpu}-{job}" for gpu, job in places], folder) as chosen:
        yield torch.device("cuda", places[chosen][0])


@contextmanager
def acquire_slot(places: list[str], folder: Path, wait: float = 0.5) -> Iterator[int]:
    """Wait for a free place and hold it; gives its index. The kernel frees the place when the process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    locks = [kernel_lock(folder / f"{place}.lock") for place in places]
    index = _lock_first_free(locks, wait)
    try:
        yield index
    finally:
        locks[index].release()


def _lock_first_free(locks: list[FileLock], wait: float) -> int:
    while True:
        for index, lock in enumerate(locks):
            with suppress(Timeout):
                lock.acquire()
                return index
        time.sleep(wait)


def provenance(device: torch.device, dtype: str) -> dict[str, Any]:
    """The machine, device, versions and commit that a result was made with."""
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "dtype": dtype,
        "threads": torch.get_num_threads(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        "machine": platform.machine(),
        "processor": {"name": (cpu := read_cpu()).name, "vectors": cpu.vectors},
        "git": _git_commit(),
    }


def _git_commit() -> str:
    git = ["git", "-C", str(Path(__file__).parent)]
    describe = [*git, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        # An installed library can lie inside the repository of another project, whose commit says nothing about it.
        subprocess.run([*git, "ls-files", "--error-unmatch", Path(__file__).name], capture_output=True, check=True)
        return subprocess.run(describe, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"  # an installed library, an unpacked archive, or no git
