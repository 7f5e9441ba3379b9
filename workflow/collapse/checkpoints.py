"""Measure every checkpoint in a folder: neural collapse of one network over its training.

    python -m collapse.checkpoints network.py checkpoints/ --out collapse.csv

network.py defines model(), which returns the network as it was trained, and loader(), which returns the `loader` of
collapse.measure. It may define test(), for the `test` of collapse.measure, and OPTIONS, a dict of its other arguments.
A checkpoint is a .safetensors file, or a torch.save file (.pt, .pth, .ckpt, .bin) that holds tensors alone: a
state_dict, or a dict with a state_dict in it. The last number in a checkpoint's name is its epoch.
"""

import argparse
import importlib.util
import pickle
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from collapse.api import measure
from collapse.atomic_io import NotWritten
from collapse.monitoring import EpochTable

ENDINGS = (".safetensors", ".pt", ".pth", ".ckpt", ".bin")
INSIDE = ("state_dict", "model_state_dict", "model", "net", "network", "weights")  # where a state_dict may be
PREFIXES = ("module.", "_orig_mod.", "model.", "net.")  # of a model that was wrapped when it was saved


def find_checkpoints(folder: Path) -> dict[int, Path]:
    """The checkpoints of a folder by epoch, in order. Raises ValueError for none, or where names do not give epochs."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder")
    found: dict[int, Path] = {}
    for path in sorted(path for path in folder.iterdir() if path.suffix in ENDINGS):
        numbers = re.findall(r"\d+", path.stem)
        if not numbers:
            raise ValueError(f"{path} has no number in its name: the last one is taken for the epoch")
        if (epoch := int(numbers[-1])) in found:
            raise ValueError(f"{found[epoch]} and {path} are both of epoch {epoch}")
        found[epoch] = path
    if not found:
        raise ValueError(f"{folder} holds no checkpoint: none of its files ends in {', '.join(ENDINGS)}")
    return dict(sorted(found.items()))


def load_weights(model: nn.Module, path: Path) -> None:
    """Load a checkpoint's weights into the model; raises ValueError where they are another model's."""
    try:
        loaded = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(f"{path} is no file of tensors: {str(error).splitlines()[0]}") from None
    weights, wanted = state_dict(path, loaded), model.state_dict().keys()
    for prefix in PREFIXES * 2:  # as torch.compile of DataParallel has two
        if weights.keys() != wanted and all(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): tensor for name, tensor in weights.items()}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"{path} does not fit the model: {error}") from None


def state_dict(path: Path, loaded: Any) -> dict[str, Tensor]:
    """The state_dict in what a file holds; raises ValueError."""
    if isinstance(loaded, Mapping):
        for name in INSIDE:
            if isinstance(loaded.get(name), Mapping):
                return state_dict(path, loaded[name])
        if loaded and all(isinstance(value, Tensor) for value in loaded.values()):
            return dict(loaded)
    kind = f"the keys {list(loaded)[:8]}" if isinstance(loaded, Mapping) else f"a {type(loaded).__name__}"
    raise ValueError(f"{path} holds {kind}: a state_dict is wanted, or a dict with one as {', '.join(INSIDE)}")


def load_definitions(path: Path) -> dict[str, Any]:
    """What network.py defines; raises ValueError where model or loader is missing."""
    spec = importlib.util.spec_from_file_location(path.stem, path) if path.is_file() else None
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is no Python file")
    sys.path.insert(0, str(path.parent.resolve()))  # network.py may import files beside it
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    missing = [name for name in ("model", "loader") if not callable(getattr(module, name, None))]
    if missing:
        raise ValueError(f"{path} defines no function {' and no '.join(missing)}: model() and loader() are wanted")
    return vars(module)


def measure_checkpoints(
    network: Path, folder: Path, out: Path, device: str | None = None, log: Callable[[str], None] = print
) -> None:
    """Measure every checkpoint in the folder, writing the table after each; raises ValueError and NotWritten."""
    found, table, definitions = find_checkpoints(folder), EpochTable(out), load_definitions(network)
    model, loader = definitions["model"](), definitions["loader"]()
    test = definitions["test"]() if callable(definitions.get("test")) else None
    model = model if device is None else model.to(device)
    for epoch, path in found.items():
        load_weights(model, path)
        measured = measure(model, loader, test, **definitions.get("OPTIONS", {}))
        table.add(epoch, measured)
        at = (measured.split == "train") & (measured.layer == "features") & (measured.bn_mode == "eval")
        nc1 = measured[at & (measured.classes == "all") & (measured.metric == "nc1")].value.item()
        log(f"epoch {epoch}: nc1 {nc1:.3g}  ({path.name})")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line above."""
    parser = argparse.ArgumentParser(
        prog="python -m collapse.checkpoints", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("network", type=Path, help="Python file that defines model(), loader() and test()")
    parser.add_argument("checkpoints", type=Path, help="folder of checkpoints")
    parser.add_argument("--out", type=Path, default=Path("collapse.csv"), help="the table (default: collapse.csv)")
    parser.add_argument("--device", help="where to measure, as cuda (default: where model() is)")
    given = parser.parse_args(arguments)
    try:
        measure_checkpoints(given.network, given.checkpoints, given.out, given.device)
    except (ValueError, NotWritten) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
