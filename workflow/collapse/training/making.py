"""A run in the making: its lock, the files that every run has, and what a killed job leaves to go on from."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch

from collapse.atomic_io import read_json, sha256, write_csv, write_json
from collapse.data.subsets import write_rows
from collapse.identity import digest
from collapse.recipe import Recipe
from collapse.runs import dataset_checksum, finished, link, resume_key, state_folder, whole
from collapse.strict import UserError
from collapse.training.device import provenance
from collapse.training.inputs import train_labels, train_rows
from collapse.training.loop import Epoch
from collapse.training.state import CURRENT, PREVIOUS, load_state, locked
from collapse.training.weights import checkpoint_entries


@dataclass(frozen=True)
class RunContext:
    """Surroundings of a training: prepared data, the run's folder, its device, and when to save or stop."""

    dataset: Path
    folder: Path
    device: torch.device
    save_every: float = 30.0  # seconds between saved states
    stop: Callable[[], bool] = lambda: False  # asked at the end of each epoch
    on_epoch: Callable[[Epoch], None] = lambda epoch: None
    log: Callable[[str], None] = field(default=print)


class OtherVersion(UserError, RuntimeError):
    """A recipe that other code is asked to train than it was written for."""


class Stopped(RuntimeError):
    """The training was asked to stop; its state is saved."""


@dataclass(frozen=True)
class Making:
    """A run in the making, whose lock is held; `finish` writes what it came to."""

    recipe: Recipe
    work: RunContext
    began: float = field(default_factory=time.perf_counter)
    cpu_began: float = field(default_factory=time.process_time)

    @property
    def key(self) -> str:
        """What a saved state must agree in."""
        return resume_key(self.recipe, dataset_checksum(self.work.dataset))

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.work.folder / "checkpoints"

    def finish(self, status: str, reason: str, history: list[Epoch], resumed_at: int, beside: int = 1) -> None:
        """Write history.csv, and run.json to the state folder. `beside`: how many runs were made in the same time."""
        folder = self.work.folder
        write_csv(folder / "history.csv", tuple(f.name for f in fields(Epoch)), list(map(astuple, history)))
        run = {
            "status": status,
            "reason": reason,
            "recipe_sha256": digest(self.recipe),
            "dataset_sha256": dataset_checksum(self.work.dataset),
            "files": {name: sha256(folder / name) for name in ("recipe.json", "rows.csv", "history.csv")},
            "checkpoints": checkpoint_entries(self.checkpoints),
            "first_zero_error_epoch": first_fit(history),
            "resumed_at_epoch": resumed_at,
            "train_seconds": history[-1].seconds if history else 0.0,
            "seconds": (time.perf_counter() - self.began) / beside,
            "cpu_seconds": (time.process_time() - self.cpu_began) / beside,
        }
        write_json(state_folder(folder) / "run.json", run | provenance(self.work.device, self.recipe.protocol.dtype))


@contextmanager
def begun(recipe: Recipe, work: RunContext) -> Iterator[Making | None]:
    """Hold the run's lock, and write recipe.json and rows.csv; gives None for a run that is made.

    Waits while another process makes the same run. Raises OtherVersion where the code is not that of the recipe's
    `versions`.
    """
    if recipe.versions != recipe.current_versions():
        raise OtherVersion(
            f"{work.folder}: its recipe is of versions {recipe.versions or 1} of the code, which is now of "
            f"{recipe.current_versions() or 1}: run.json names the commit that made it"
        )
    with locked(work.folder, work.log):
        if finished(work.folder, recipe, work.dataset) or made(work.folder, recipe, work.dataset):
            yield None
            return
        making = Making(recipe, work)
        _clear(work.folder)
        write_json(work.folder / "recipe.json", recipe.model_dump(mode="json"))
        labels = train_labels(recipe, work.dataset)
        write_rows(work.folder / "rows.csv", train_rows(recipe, labels), labels)
        yield making


def saved_state(making: Making) -> Any | None:
    """The newest usable state of a run. Without one, its checkpoints go, for they are of an unknown history."""
    state = load_state(state_folder(making.work.folder), making.key, making.work.log)
    if state is None:
        shutil.rmtree(making.checkpoints, ignore_errors=True)
    making.checkpoints.mkdir(exist_ok=True)
    return state


def first_fit(history: list[Epoch]) -> int | None:
    """First epoch of zero training error, in which every step's predictions were right; None if there is none yet."""
    return next((epoch.epoch for epoch in history if epoch.accuracy == 1), None)


def made(folder: Path, recipe: Recipe, dataset: Path) -> bool:
    """Whether the run of this recipe on this prepared dataset is finished, undamaged, and only not published."""
    path = state_folder(folder) / "run.json"
    if not path.exists():
        return False
    run = read_json(path)
    same = run["recipe_sha256"] == digest(recipe) and run["dataset_sha256"] == dataset_checksum(dataset)
    return same and whole(folder, run)


def publish(folder: Path) -> None:
    """Give run.json its place: the run is finished.

    state/ keeps its second name: if another run of the same job, or another job of its group on a cluster, fails later,
    Snakemake deletes the published file.
    """
    if not (folder / "run.json").exists():
        link(state_folder(folder) / "run.json", folder / "run.json")
    for name in (CURRENT, PREVIOUS):
        (state_folder(folder) / name).unlink(missing_ok=True)


def _clear(folder: Path) -> None:
    """Delete the statistics and metrics of an earlier run."""
    for path in folder.glob("*/metrics.csv"):
        path.unlink()
    for path in folder.glob("*/statistics.safetensors"):
        path.unlink()
