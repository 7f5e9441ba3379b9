"""Recipes on standard input, as list_recipes prints them -> what each paper costs at each scale, as a CSV table; with
--plan, what is still to be made of a target, in words.

torch counts the FLOPs of each network, forward and backward. Hours are these FLOPs at the measured training rate of
ResNet18 in float32: on one CPU core (benchmarks/train_resnet18), and alone on an H200 (benchmarks/gpu). Small
networks reach less of a GPU.
"""

import argparse
import csv
import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from collapse.cost import training_passes
from collapse.models.network import build_entry
from collapse.models.own import OwnBuilder, network_entry
from collapse.models.shape import Shape
from collapse.recipe import Recipe

ROOT = Path(__file__).parents[2]
COLUMNS = ("paper", "scale", "runs", "images", "PFLOP", "core_hours", "gpu_hours")


@cache
def counted(model: str, options: str, shape: Shape, own: str = "") -> tuple[float, int]:
    """FLOPs of a training step on one image, forward and backward, by torch's counter on the device meta; and the bytes
    of the network's weights.
    """
    entry = network_entry(model, OwnBuilder.model_validate_json(own) if own else None)
    with torch.device("meta"):
        network = build_entry(entry, shape, entry.options.model_validate_json(options), seed=0)
        images = torch.empty(2, shape.channels, shape.image_size, shape.image_size)
    with FlopCounterMode(display=False) as counter:
        network.train()(images).sum().backward()
    weights = sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())
    return counter.get_total_flops() / 2, weights


def of_recipe(recipe: Recipe) -> tuple[float, int]:
    """FLOPs of one run, and the bytes of the checkpoints it keeps."""
    own = recipe.own_network.model_dump_json() if recipe.own_network else ""
    each, weights = counted(recipe.model, json.dumps(recipe.architecture), recipe.shape, own)
    return each * training_passes(recipe), weights * len(recipe.checkpoint_epochs())


def measured_rate(path: Path, column: str, **row: str) -> float:
    """FLOP/s at which a benchmark trained ResNet18 on 3x32x32 images, from images/s: the column `column` of the first
    line of `path` that has the values of `row`.
    """
    with path.open(newline="") as file:
        lines = (line for line in csv.DictReader(file) if row.items() <= line.items())
        images = float(next(lines)[column])
    return images * counted("resnet18", "{}", Shape(3, 32, 10))[0]


def rates() -> tuple[float, float]:
    """FLOP/s of one CPU core, and of a GPU."""
    alone = {"network": "resnet18", "loop": "ours", "dtype": "float32", "processes": "1"}
    return (
        measured_rate(ROOT / "benchmarks" / "results" / "train_resnet18.csv", "reference"),
        measured_rate(ROOT / "benchmarks" / "gpu" / "results" / "throughput.csv", "images_per_s", **alone),
    )


def print_costs(lines: Iterable[dict[str, Any]]) -> None:
    """Print the table of each paper and scale."""
    totals: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0, 0, 0])
    for line in lines:
        recipe, runs = Recipe.model_validate(line["recipe"]), line["seeds"]
        total = totals[line["paper"], line["scale"]]
        seen = recipe.epoch_length() * recipe.protocol.total_epochs
        for i, amount in enumerate((1, seen, of_recipe(recipe)[0])):
            total[i] += runs * amount
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    for (paper, scale), (runs, images, work) in totals.items():
        hours = [f"{work / rate / 3600:.3g}" for rate in rates()]
        writer.writerow((paper, scale, runs, f"{images:.3g}", f"{work / 1e15:.3g}", *hours))


def print_plan(lines: list[dict[str, Any]]) -> None:
    """Print what is still to be made of a target."""
    if not lines:
        print("this target trains nothing")
        return
    recipes = [Recipe.model_validate(line["recipe"]) for line in lines]
    work = size = 0.0
    for line, recipe in zip(lines, recipes, strict=True):
        each, kept = of_recipe(recipe)
        work, size = work + line["train"] * each, size + line["train"] * kept
    runs, train, measure = (sum(line[name] for line in lines) for name in ("seeds", "train", "measure"))
    core, gpu = (work / rate / 3600 for rate in rates())
    print(f"target:      {lines[0]['paper']} at scale {lines[0]['scale']}")
    for name, values in (("datasets", "dataset"), ("networks", "model")):
        print(f"{name}:    {', '.join(dict.fromkeys(getattr(recipe, values) for recipe in recipes))}")
    print(f"runs:        {runs}, of {len(lines)} recipes")
    print(f"to train:    {train}")
    print(f"to measure:  {measure}")
    print(f"core-hours:  {core:.2g} of training, on one core at the rate of ResNet18 (benchmarks/)")
    print(f"GPU-hours:   {gpu:.2g} of training, at the rate of ResNet18 on an H200; small networks take longer")
    print(f"disk:        {size / 1e6:.3g} MB of checkpoints")


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--plan", action="store_true", help="say what is still to be made")

if __name__ == "__main__":
    args = parser.parse_args()
    read = [json.loads(line) for line in sys.stdin]
    print_plan(read) if args.plan else print_costs(read)
