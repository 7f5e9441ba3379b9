"""From a run's checkpoints to its statistics file: the only stage that sees both networks and images."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from collapse.files import write_tensors
from collapse.models.network import Network
from collapse.statistics.classes import class_statistics
from collapse.training.run import load_checkpoint, load_images, load_run

BATCH = 512


def extract_run(folder: Path, dataset: Path, rows: np.ndarray, path: Path, device: torch.device) -> None:
    """Write the statistics of every checkpoint of the run in `folder` to `path`.

    Tensors are named epoch-<e>/<split>/<layer>/<statistic> and epoch-<e>/classifier/{weight,bias}. Features are taken
    in eval mode, over the train subset without repetition and over the whole test split. A failed run has none.
    """
    recipe, run = load_run(folder)
    tensors: dict[str, np.ndarray] = {}
    if run["status"] == "ok":
        splits = {split: load_images(recipe, dataset, split, chosen, device) for split, chosen in _splits(rows)}
        for epoch, entry in run["checkpoints"].items():
            network = load_checkpoint(folder, recipe, entry).to(device).eval()
            named = network_statistics(network, splits, recipe.num_labels())
            tensors |= {f"epoch-{int(epoch):04d}/{name}": tensor.cpu().numpy() for name, tensor in named.items()}
    write_tensors(path, tensors, {"status": run["status"], "reason": run["reason"], "recipe_sha256": recipe.sha256()})


def _splits(rows: np.ndarray) -> tuple[tuple[str, np.ndarray | None], ...]:
    return ("train", rows), ("test", None)


@torch.inference_mode()
def network_statistics(
    network: Network, splits: dict[str, tuple[Tensor, Tensor]], num_classes: int
) -> dict[str, Tensor]:
    """Statistics of the classifier, and per split those of the features and of the decisions."""
    result = {
        "classifier/weight": network.classifier.weight.double(),
        "classifier/bias": network.classifier.bias.double(),
    }
    for split, (images, labels) in splits.items():
        features = torch.cat([network.features(batch) for batch in images.split(BATCH)])
        decisions = torch.cat([network.head(batch).argmax(1) for batch in features.split(BATCH)])
        statistics = class_statistics(features, labels, num_classes)
        result |= {f"{split}/features/{name}": tensor for name, tensor in statistics.items()}
        result[f"{split}/network/correct"] = torch.bincount(labels[decisions == labels], minlength=num_classes)
    return result
