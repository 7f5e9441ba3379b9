"""One run: from prepared data and a recipe to recipe.json, history.csv, checkpoints/ and run.json."""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from collapse.atomic_io import DamagedFile, read_json, replacing, sha256, write_csv, write_json
from collapse.data.images import normalise
from collapse.data.labels import changed_labels
from collapse.data.store import read_split
from collapse.models.network import Network, Shape, build
from collapse.recipe import Recipe
from collapse.training.device import provenance
from collapse.training.diagnosis import untrained
from collapse.training.loop import Diverged, Epoch, Training, oversampled
from collapse.training.state import CURRENT, PREVIOUS, load_state, locked, save_state

CONTIGUOUS = torch.contiguous_format
# Files of a finished run beside its checkpoints; run.json is written last, as it says that the others are complete.
RESULTS = ("recipe.json", "history.csv", "run.json")


@dataclass(frozen=True)
class RunContext:
    """Surroundings of a training: prepared data, its state folder, its device, and when to save or stop."""

    dataset: Path
    rows: np.ndarray
    state: Path
    device: torch.device
    save_every: float = 30.0  # seconds between saved states
    stop: Callable[[], bool] = lambda: False  # asked at the end of each epoch
    on_epoch: Callable[[Epoch], None] = lambda epoch: None
    log: Callable[[str], None] = field(default=print)


class Stopped(RuntimeError):
    """The training was asked to stop; its state is saved."""


def network_of(recipe: Recipe) -> Network:
    """The recipe's network, freshly initialised, on the CPU."""
    spec = recipe.dataset_entry
    shape = Shape(spec.channels, recipe.image_size, recipe.num_labels())
    return build(recipe.model, shape, recipe.options(), recipe.seeds.stream("init"))


def load_images(
    recipe: Recipe, dataset: Path, split: str, rows: np.ndarray | None, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Images (n, channels, side, side) float32 and labels (n,) int64 of a split, prepared as the recipe says."""
    images, labels = read_split(dataset, split)
    spec = recipe.dataset_entry
    if rows is not None:
        images, labels = images[rows], labels[rows]
    if split == "train":
        labels = changed_labels(labels, recipe.labels, spec.num_classes, recipe.seeds.noise)
    pixels = normalise(images, recipe.image_size, spec.max_pixel, recipe.mean, recipe.std, device)
    return pixels, torch.from_numpy(labels).to(device)


def load_true_labels(recipe: Recipe, dataset: Path, rows: np.ndarray, device: torch.device) -> Tensor:
    """Labels (n,) of the train subset before noise and latent classes changed some of them."""
    unchanged = recipe.labels.model_copy(update={"noise": 0.0, "latent": 0.0})
    labels = read_split(dataset, "train")[1][rows]
    num_classes = recipe.dataset_entry.num_classes
    return torch.from_numpy(changed_labels(labels, unchanged, num_classes, recipe.seeds.noise)).to(device)


def state_folder(states: Path, run: Path) -> Path:
    """Folder of a run's state: paper/dataset/model/variant/seed-<s> below `states`, as the run's folder below runs/."""
    return states.joinpath(*run.parts[-5:])


def train_run(recipe: Recipe, work: RunContext) -> None:
    """Train one recipe, or go on where an earlier call was cut off; the results stay in the state folder.

    A training that fails is a result, and is measured like any other. run.json has its `status` and the reason:
    untrained (the network learned nothing), or diverged (loss or weights are not finite: the run is measured at its
    last finite epoch, and has no value at the end). Raises Stopped, with the state saved, when `work.stop` says so;
    Locked when another process trains the same run.
    """
    dataset_sha256 = read_json(work.dataset / "manifest.json")["splits"]["train"]["sha256"]
    identity = f"{recipe.sha256()} {dataset_sha256}"
    with locked(work.state):
        if finished(work.state, identity):
            return
        began, cpu_began = time.perf_counter(), time.process_time()
        training = _start(recipe, work)
        resumed_at = _resume(training, work, identity)
        status, reason = _train(recipe, training, work, identity)
        write_json(work.state / "recipe.json", recipe.model_dump(mode="json"))
        write_csv(
            work.state / "history.csv", tuple(f.name for f in fields(Epoch)), list(map(astuple, training.history))
        )
        run = {
            "status": status,
            "reason": reason,
            "identity": identity,
            "recipe_sha256": recipe.sha256(),
            "dataset_sha256": dataset_sha256,
            "checkpoints": _checkpoints(work.state / "checkpoints"),
            "first_zero_error_epoch": first_fit(training.history),
            "resumed_at_epoch": resumed_at,
            "train_seconds": training.history[-1].seconds if training.history else 0.0,
            "seconds": time.perf_counter() - began,
            "cpu_seconds": time.process_time() - cpu_began,
        }
        write_json(work.state / "run.json", run | provenance(work.device, recipe.protocol.dtype))


def publish(state: Path, folder: Path) -> None:
    """Copy a finished run from its state folder to the results.

    The state folder keeps the finished run (its checkpoints as hard links): if another run of the same job, or another
    job of its group on a cluster, fails later, Snakemake deletes the published files.
    """
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    shutil.copytree(state / "checkpoints", folder / "checkpoints", copy_function=_link)
    for name in RESULTS:
        with replacing(folder / name) as part:
            shutil.copy2(state / name, part)
    for name in (CURRENT, PREVIOUS):
        (state / name).unlink(missing_ok=True)


def _link(source: str, target: str) -> None:
    """Give a file a second name (a hard link) at no cost in space; copy it if the two places are on different disks."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def forget(state: Path) -> None:
    """Delete the state of a published run, if it exists; raises Locked if a process is training the run again."""
    if state.exists():
        with locked(state):
            shutil.rmtree(state)


def finished(state: Path, identity: str) -> bool:
    """Whether the state folder holds the finished run of that identity, undamaged."""
    if not (state / "run.json").exists():
        return False
    run = read_json(state / "run.json")
    return run["identity"] == identity and all(_undamaged(state, entry) for entry in run["checkpoints"].values())


def _undamaged(folder: Path, entry: dict[str, str]) -> bool:
    """Whether the file of a checkpoint entry of run.json exists and has the entry's checksum."""
    path = folder / "checkpoints" / entry["file"]
    return path.exists() and sha256(path) == entry["sha256"]


def _start(recipe: Recipe, work: RunContext) -> Training:
    images, labels = load_images(recipe, work.dataset, "train", work.rows, work.device)
    positions = oversampled(labels, recipe.imbalance.k_major, recipe.imbalance.oversampling)
    network = network_of(recipe).to(work.device)
    return Training(network, images, labels, positions, recipe.protocol, recipe.seeds.stream("order"))


def _resume(training: Training, work: RunContext, identity: str) -> int:
    """Restore the newest usable state; returns the number of its epochs, 0 if there is no state."""
    state = load_state(work.state, identity, work.log)
    if state is None:
        # Without a state, checkpoints that lie here are of another recipe or an unknown history.
        shutil.rmtree(work.state / "checkpoints", ignore_errors=True)
        return 0
    training.restore(state)
    work.log(f"resumed after epoch {len(training.history)}")
    return len(training.history)


def _train(recipe: Recipe, training: Training, work: RunContext, identity: str) -> tuple[str, str]:
    """Train to the end, keeping checkpoints; returns the status and, where it is not ok, its reason."""
    folder, wanted, saved = work.state / "checkpoints", recipe.checkpoint_epochs(), time.perf_counter()
    folder.mkdir(exist_ok=True)
    if 0 in wanted and not training.history:
        _save_checkpoint(training.network, folder, 0)
    try:
        while len(training.history) < recipe.protocol.total_epochs:
            epoch = training.run_epoch()
            work.on_epoch(epoch)
            if epoch.epoch in wanted or (
                recipe.keep_checkpoints != "last" and first_fit(training.history) == epoch.epoch
            ):
                _save_checkpoint(training.network, folder, epoch.epoch)
            stop = work.stop()
            if stop or time.perf_counter() - saved >= work.save_every:
                save_state(work.state, training.state(), identity)
                saved = time.perf_counter()
            if stop:
                raise Stopped(f"stopped after epoch {epoch.epoch}; run again to go on from there")
    except Diverged as error:
        _save_checkpoint(training.network, folder, len(training.history) - 1)
        return "diverged", str(error)
    reason = untrained(training.network, training.images, training.labels, recipe.imbalance.k_major)
    return ("untrained", reason) if reason else ("ok", "")


def _checkpoints(folder: Path) -> dict[int, dict[str, str]]:
    """Entries of run.json: file and checksum of each checkpoint, by epoch."""
    names = {int(path.stem.removeprefix("epoch-")): path for path in sorted(folder.glob("epoch-*.safetensors"))}
    return {epoch: {"file": path.name, "sha256": sha256(path)} for epoch, path in names.items()}


def first_fit(history: list[Epoch]) -> int | None:
    """First epoch of zero training error, in which every step's predictions were right; None if there is none yet."""
    return next((epoch.epoch for epoch in history if epoch.accuracy == 1), None)


def _save_checkpoint(network: torch.nn.Module, folder: Path, epoch: int) -> None:
    # Clone the parameters: they are views of one vector, and safetensors refuses tensors that share memory.
    weights = {name: tensor.cpu().clone(memory_format=CONTIGUOUS) for name, tensor in network.state_dict().items()}
    with replacing(folder / f"epoch-{epoch:04d}.safetensors") as part:
        save_file(weights, part)


def load_run(folder: Path) -> tuple[Recipe, dict[str, Any]]:
    """Recipe and run.json of a finished run; raises DamagedFile."""
    return Recipe.recorded(read_json(folder / "recipe.json")), read_json(folder / "run.json")


def load_checkpoint(folder: Path, recipe: Recipe, entry: dict[str, str]) -> Network:
    """The network of one checkpoint entry of run.json, on the CPU; raises DamagedFile."""
    path = folder / "checkpoints" / entry["file"]
    if not _undamaged(folder, entry):
        raise DamagedFile(f"{path} is not the checkpoint that run.json describes: delete {folder}, and run again")
    network = network_of(recipe)
    try:
        network.load_state_dict(load_file(path))
    except SafetensorError as error:
        raise DamagedFile(f"{path} can not be read ({error}): delete {folder}, and run again") from None
    return network
