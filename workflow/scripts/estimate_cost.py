"""Recipes on standard input, as list_recipes prints them -> what each paper costs at each scale, as a CSV table.

torch counts the FLOPs of each network, forward and backward. Hours are these FLOPs at the measured training rate of
ResNet18 in float32: on one CPU core (benchmarks/train_resnet18), and alone on an H200 (benchmarks/gpu). On small
networks a GPU is slower: its steps wait for kernel launches.
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

from collapse.cost import training_passes
from collapse.models.entries import NETWORKS
from collapse.models.network import Shape, build
from collapse.recipe import Recipe

ROOT = Path(__file__).parents[2]
COLUMNS = ("paper", "scale", "runs", "images", "PFLOP", "core_hours", "gpu_hours")


@cache
def flops_per_image(model: str, options: str, shape: Shape) -> float:
    """FLOPs of a training step on one image, forward and backward, by torch's counter on the device meta."""
    with torch.device("meta"):
        network = build(model, shape, NETWORKS[model].options.model_validate_json(options), seed=0)
        images = torch.empty(2, shape.channels, shape.image_size, shape.image_size)
    with FlopCounterMode(display=False) as counter:
        network.train()(images).sum().backward()
    return counter.get_total_flops() / 2


def flops(recipe: Recipe) -> float:
    """FLOPs of one run."""
    shape = Shape(recipe.dataset_entry.channels, recipe.image_size, recipe.num_labels())
    each = flops_per_image(recipe.model, json.dumps(recipe.architecture), shape)
    return each * training_passes(recipe)


def measured_rate(path: Path, column: str, **row: str) -> float:
    """FLOP/s at which a benchmark trained ResNet18 on 3x32x32 images, from images/s: the column `column` of the first
    line of `path` that has the values of `row`.
    """
    with path.open(newline="") as file:
        lines = (line for line in csv.DictReader(file) if row.items() <= line.items())
        images = float(next(lines)[column])
    return images * flops_per_image("resnet18", "{}", Shape(3, 32, 10))


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    alone = {"network": "resnet18", "loop": "ours", "dtype": "float32", "processes": "1"}
    rates = (
        measured_rate(ROOT / "benchmarks" / "results" / "train_resnet18.csv", "reference"),
        measured_rate(ROOT / "benchmarks" / "gpu" / "results" / "throughput.csv", "images_per_s", **alone),
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
        hours = [f"{work / rate / 3600:.3g}" for rate in rates]
        writer.writerow((paper, scale, runs, f"{images:.3g}", f"{work / 1e15:.3g}", *hours))
