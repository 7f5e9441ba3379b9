"""One run: from prepared data and a recipe to recipe.json, history.csv, checkpoints/ and run.json."""

import shutil
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from collapse.atomic_io import DamagedFile, read_json, sha256, write_csv, write_json
from collapse.data.images import normalise, pad, resize
from collapse.data.labels import changed_labels, taken_classes
from collapse.data.store import read_split
from collapse.data.subsets import draw, read_rows, write_rows
from collapse.identity import digest
from collapse.models.network import Network, build_entry
from collapse.recipe import Recipe
from collapse.runs import dataset_checksum, finished, link, resume_key, state_folder, undamaged, whole
from collapse.strict import UserError
from collapse.tensors import replacing_tensors
from collapse.training.device import provenance
from collapse.training.diagnosis import untrained
from collapse.training.loop import Diverged, Epoch, Training, oversampled
from collapse.training.state import CURRENT, PREVIOUS, load_state, locked, save_state

CONTIGUOUS = torch.contiguous_format


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


def network_of(recipe: Recipe) -> Network:
    """The recipe's network, freshly initialised, on the CPU."""
    return build_entry(recipe.network_entry, recipe.shape, recipe.options(), recipe.seeds.stream("init"))


def load_images(
    recipe: Recipe, dataset: Path, split: str, rows: np.ndarray | None, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Images (n, channels, side, side) float32 and labels (n,) int64 of a split, prepared as the recipe says."""
    images, labels = read_classes(recipe, dataset, split)
    rows = np.flatnonzero(labels >= 0) if rows is None else rows
    images, labels = images[rows], labels[rows]
    if split == "train":
        labels = changed_labels(labels, recipe.labels, recipe.num_classes, recipe.seeds.noise)
    fit, max_pixel = {"resize": resize, "pad": pad}[recipe.fit_by], recipe.dataset_entry.max_pixel
    pixels = normalise(images, recipe.image_size, max_pixel, recipe.mean, recipe.std, device, fit)
    pixels = pixels.expand(-1, recipe.channels, -1, -1).contiguous() if recipe.channels else pixels
    return pixels, torch.from_numpy(labels).to(device)


def read_classes(recipe: Recipe, dataset: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Images of a split, and their labels by the classes that the recipe takes: -1 for other classes."""
    images, labels = read_split(dataset, split)
    return images, taken_classes(labels, recipe.classes)


def load_true_labels(recipe: Recipe, dataset: Path, rows: np.ndarray, device: torch.device) -> Tensor:
    """Labels (n,) of the train subset before noise and latent classes changed some of them."""
    unchanged = recipe.labels.model_copy(update={"noise": 0.0, "latent": 0.0})
    labels = read_classes(recipe, dataset, "train")[1][rows]
    return torch.from_numpy(changed_labels(labels, unchanged, recipe.num_classes, recipe.seeds.noise)).to(device)


def train_run(recipe: Recipe, work: RunContext) -> None:
    """Train one recipe, or go on where an earlier call was cut off. All results but run.json go to the run's folder.

    run.json stays in its state folder until `publish`. A training that fails is a result, and is measured like any
    other. run.json has its `status` and the reason: untrained (the network learned nothing), or diverged (loss or
    weights are not finite: the run is measured at its last finite epoch, and has no value at the end).
    Waits while another process trains the same run, and trains nothing that is finished. Raises Stopped, with the state
    saved, when `work.stop` says so; OtherVersion where the code is not that of the recipe's `versions`.
    """
    if recipe.versions != recipe.current_versions():
        raise OtherVersion(
            f"{work.folder}: its recipe is of versions {recipe.versions or 1} of the code, which is now of "
            f"{recipe.current_versions() or 1}: run.json names the commit that made it"
        )
    key = resume_key(recipe, dataset_checksum(work.dataset))
    state = state_folder(work.folder)
    with locked(work.folder, work.log):
        if finished(work.folder, recipe, work.dataset) or trained(work.folder, recipe, work.dataset):
            return
        began, cpu_began = time.perf_counter(), time.process_time()
        _clear(work.folder)
        write_json(work.folder / "recipe.json", recipe.model_dump(mode="json"))
        _draw_rows(recipe, work)
        training = _start(recipe, work)
        resumed_at = _resume(training, work, key)
        status, reason = _train(recipe, training, work, key)
        write_csv(
            work.folder / "history.csv", tuple(f.name for f in fields(Epoch)), list(map(astuple, training.history))
        )
        run = {
            "status": status,
            "reason": reason,
            "recipe_sha256": digest(recipe),
            "dataset_sha256": dataset_checksum(work.dataset),
            "files": {name: sha256(work.folder / name) for name in ("recipe.json", "rows.csv", "history.csv")},
            "checkpoints": _checkpoints(work.folder / "checkpoints"),
            "first_zero_error_epoch": first_fit(training.history),
            "resumed_at_epoch": resumed_at,
            "train_seconds": training.history[-1].seconds if training.history else 0.0,
            "seconds": time.perf_counter() - began,
            "cpu_seconds": time.process_time() - cpu_began,
        }
        write_json(state / "run.json", run | provenance(work.device, recipe.protocol.dtype))


def trained(folder: Path, recipe: Recipe, dataset: Path) -> bool:
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


def _draw_rows(recipe: Recipe, work: RunContext) -> None:
    """Write rows.csv, the run's train subset."""
    _, labels = read_classes(recipe, work.dataset, "train")
    write_rows(work.folder / "rows.csv", draw(labels, recipe.class_counts(), recipe.seeds.data), labels)


def _start(recipe: Recipe, work: RunContext) -> Training:
    images, labels = load_images(recipe, work.dataset, "train", read_rows(work.folder / "rows.csv"), work.device)
    positions = oversampled(labels, recipe.imbalance.k_major, recipe.imbalance.oversampling)
    network = network_of(recipe).to(work.device)
    return Training(network, images, labels, positions, recipe.protocol, recipe.seeds.stream("order"))


def _resume(training: Training, work: RunContext, key: str) -> int:
    """Restore the newest usable state; returns the number of its epochs, 0 if there is no state."""
    state = load_state(state_folder(work.folder), key, work.log)
    if state is None:
        # Without a state, checkpoints that lie here are of an unknown history.
        shutil.rmtree(work.folder / "checkpoints", ignore_errors=True)
        return 0
    training.restore(state)
    work.log(f"resumed after epoch {len(training.history)}")
    return len(training.history)


def _train(recipe: Recipe, training: Training, work: RunContext, key: str) -> tuple[str, str]:
    """Train to the end, keeping checkpoints; returns the status and, where it is not ok, its reason."""
    folder, wanted, saved = work.folder / "checkpoints", recipe.checkpoint_epochs(), time.perf_counter()
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
                save_state(state_folder(work.folder), training.state(), key)
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
    with replacing_tensors(folder / f"epoch-{epoch:04d}.safetensors") as part:
        save_file(weights, part)


def load_checkpoint(folder: Path, recipe: Recipe, entry: dict[str, str]) -> Network:
    """The network of one checkpoint entry of run.json, on the CPU; raises DamagedFile."""
    path = folder / "checkpoints" / entry["file"]
    if not path.exists():
        raise DamagedFile(
            f"{path} is gone, as with keep_checkpoints: none: new statistics need the training again. Delete {folder}, "
            f"and run again"
        )
    if not undamaged(folder, entry):
        raise DamagedFile(f"{path} is not the checkpoint that run.json describes: delete {folder}, and run again")
    network = network_of(recipe)
    try:
        network.load_state_dict(load_file(path))
    except SafetensorError as error:
        raise DamagedFile(f"{path} can not be read ({error}): delete {folder}, and run again") from None
    return network
