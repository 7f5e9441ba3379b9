"""Recipes, as list_recipes prints them, on standard input -> what each paper costs at each scale, as a CSV table.

FLOPs are counted by torch on the network itself, forward and backward. Hours are these FLOPs at the rate measured by
benchmarks/train_resnet18 on one CPU core, and by benchmarks/gpu where a GPU's results are there.
"""

import argparse
import csv
import json
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from collapse.data.specs import DATASETS
from collapse.models.network import Shape, build
from collapse.models.options import OPTIONS
from collapse.recipe import Recipe

ROOT = Path(__file__).parents[2]
COLUMNS = ("paper", "scale", "runs", "images", "PFLOP", "core_hours", "gpu_hours")


@cache
def flops_per_image(model: str, options: str, shape: Shape) -> float:
    """FLOPs of a training step on one image: forward and backward, by torch's own counter, without computing them."""
    with torch.device("meta"):
        network = build(model, shape, OPTIONS[model].model_validate_json(options), seed=0)
        images = torch.empty(2, shape.channels, shape.image_size, shape.image_size)
    with FlopCounterMode(display=False) as counter:
        network.train()(images).sum().backward()
    return counter.get_total_flops() / 2


def flops(recipe: Recipe) -> float:
    """FLOPs of one run."""
    shape = Shape(DATASETS[recipe.dataset].channels, recipe.image_size, recipe.num_labels())
    each = flops_per_image(recipe.model, json.dumps(recipe.architecture), shape)
    return each * recipe.epoch_length() * recipe.protocol.total_epochs


def measured_rate(path: Path, column: str) -> float | None:
    """FLOP/s at which a benchmark of ResNet18 on 3x32x32 images trained; None where it was not run."""
    if not path.exists():
        return None
    with path.open(newline="") as file:
        images = float(next(csv.DictReader(file))[column])
    return images * flops_per_image("resnet18", "{}", Shape(3, 32, 10))


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    rates = (
        measured_rate(ROOT / "benchmarks" / "results" / "train_resnet18.csv", "reference"),
        measured_rate(ROOT / "benchmarks" / "gpu" / "train_resnet18.csv", "ours"),
    )
    totals: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0, 0, 0])
    for line in map(json.loads, sys.stdin):
        recipe, runs = Recipe.model_validate(line["recipe"]), line["seeds"]
        total = totals[line["paper"], line["scale"]]
        seen = recipe.epoch_length() * recipe.protocol.total_epochs
        for i, amount in enumerate((1, seen, flops(recipe))):
            total[i] += runs * amount
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    for (paper, scale), (runs, images, work) in totals.items():
        hours = [f"{work / rate / 3600:.3g}" if rate else "not measured" for rate in rates]
        writer.writerow((paper, scale, runs, f"{images:.3g}", f"{work / 1e15:.3g}", *hours))
