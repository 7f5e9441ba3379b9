"""One run: from prepared data and a recipe to recipe.json, history.csv, checkpoints/ and run.json."""

import platform
import subprocess
import time
from collections.abc import Callable
from dataclasses import astuple, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from collapse.data.images import normalise
from collapse.data.specs import DATASETS
from collapse.data.store import read_split
from collapse.files import DamagedFile, read_json, replacing, sha256, write_csv, write_json
from collapse.models.network import Network, Shape, build
from collapse.models.zoo import BUILDERS
from collapse.recipe import Recipe
from collapse.training.loop import Epoch, TrainingFailed, fit, oversampled


def choose_device(name: str) -> torch.device:
    """The device of that name; `auto` is a CUDA device where there is one, else the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available[name]:
        raise RuntimeError(f"device {name} is not available here: set device to auto or cpu in config/config.yaml")
    return torch.device(name)


def network_of(recipe: Recipe) -> Network:
    """The recipe's network, freshly initialised, on the CPU."""
    spec = DATASETS[recipe.dataset]
    shape = Shape(spec.channels, recipe.image_size, spec.num_classes)
    return build(BUILDERS[recipe.model], shape, recipe.seeds.stream("init"))


def load_images(recipe: Recipe, dataset: Path, split: str, rows: np.ndarray | None, device: torch.device):
    """Images (n, channels, side, side) float32 and labels (n,) int64 of a split, as the recipe wants them."""
    images, labels = read_split(dataset, split)
    if rows is not None:
        images, labels = images[rows], labels[rows]
    spec = DATASETS[recipe.dataset]
    pixels = normalise(images, recipe.image_size, spec.max_pixel, recipe.mean, recipe.std, device)
    return pixels, torch.from_numpy(labels).to(device)


def train_run(
    recipe: Recipe,
    dataset: Path,
    rows: np.ndarray,
    folder: Path,
    device: torch.device,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> None:
    """Train one recipe on the `rows` of a prepared dataset and write the run's files into `folder`.

    A fit that fails is a result: run.json says so, with the reason, and there is no checkpoint.
    """
    write_json(folder / "recipe.json", recipe.model_dump(mode="json"))
    began, cpu_began = time.perf_counter(), time.process_time()
    images, labels = load_images(recipe, dataset, "train", rows, device)
    positions = oversampled(labels, recipe.imbalance.k_major, recipe.imbalance.oversampling)
    network = network_of(recipe).to(device)
    history: list[Epoch] = []
    failure = ""

    def record(epoch: Epoch) -> None:
        history.append(epoch)
        on_epoch(epoch)

    try:
        fit(network, images, labels, positions, recipe.protocol, recipe.seeds.stream("order"), record)
    except TrainingFailed as error:
        failure = str(error)
    write_csv(folder / "history.csv", tuple(field.name for field in fields(Epoch)), [astuple(row) for row in history])
    (folder / "checkpoints").mkdir(exist_ok=True)
    checkpoints = {} if failure else {recipe.protocol.epochs: _save(network, folder, recipe.protocol.epochs)}
    write_json(
        folder / "run.json",
        {
            "status": "failed" if failure else "ok",
            "reason": failure,
            "recipe_sha256": recipe.sha256(),
            "dataset_sha256": read_json(dataset / "manifest.json")["splits"]["train"]["sha256"],
            "checkpoints": checkpoints,
            "train_seconds": history[-1].seconds if history else 0.0,
            "seconds": time.perf_counter() - began,
            "cpu_seconds": time.process_time() - cpu_began,
            **provenance(device),
        },
    )


def provenance(device: torch.device) -> dict[str, Any]:
    """Where and with what a result was made."""
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "dtype": "float32",
        "threads": torch.get_num_threads(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        "machine": platform.machine(),
        "git": _git_commit(),
    }


def _git_commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"  # an unpacked archive, or no git


def _save(network: Network, folder: Path, epoch: int) -> dict[str, str]:
    path = folder / "checkpoints" / f"epoch-{epoch:04d}.safetensors"
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    with replacing(path) as part:
        save_file(weights, part)
    return {"file": path.name, "sha256": sha256(path)}


def load_run(folder: Path) -> tuple[Recipe, dict[str, Any]]:
    """Recipe and run.json of a finished run; raises DamagedFile."""
    return Recipe.model_validate(read_json(folder / "recipe.json")), read_json(folder / "run.json")


def load_checkpoint(folder: Path, recipe: Recipe, entry: dict[str, str]) -> Network:
    """The network of one checkpoint entry of run.json, on the CPU; raises DamagedFile."""
    path = folder / "checkpoints" / entry["file"]
    if not path.exists() or sha256(path) != entry["sha256"]:
        raise DamagedFile(f"{path} is not the checkpoint that run.json describes: delete {folder}, and run again")
    network = network_of(recipe)
    network.load_state_dict(load_file(path))
    return network
