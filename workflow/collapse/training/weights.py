"""A run's network and its checkpoints."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from collapse.atomic_io import DamagedFile, sha256
from collapse.models.network import Network, build_entry
from collapse.recipe import Recipe
from collapse.runs import undamaged
from collapse.tensors import replacing_tensors

CONTIGUOUS = torch.contiguous_format


def network_of(recipe: Recipe) -> Network:
    """The recipe's network, freshly initialised, on the CPU."""
    network = build_entry(recipe.network_entry, recipe.shape, recipe.options(), recipe.seeds.stream("init"))
    return network.double() if recipe.protocol.dtype == "float64" else network


def save_checkpoint(network: torch.nn.Module, folder: Path, epoch: int) -> None:
    """Write the network's weights as the checkpoint of that epoch."""
    # Clone the parameters: they are views of one vector, and safetensors refuses tensors that share memory.
    weights = {name: tensor.cpu().clone(memory_format=CONTIGUOUS) for name, tensor in network.state_dict().items()}
    with replacing_tensors(folder / f"epoch-{epoch:04d}.safetensors") as part:
        save_file(weights, part)


def checkpoint_entries(folder: Path) -> dict[int, dict[str, str]]:
    """Entries of run.json: file and checksum of each checkpoint, by epoch."""
    names = {int(path.stem.removeprefix("epoch-")): path for path in folder.glob("epoch-*.safetensors")}
    return {epoch: {"file": path.name, "sha256": sha256(path)} for epoch, path in sorted(names.items())}


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
