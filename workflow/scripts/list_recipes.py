"""Recipes, a line of JSON each: paper, scale, recipe, seeds, and how many of its runs are to train and to measure.

By default those of every paper and scale, where nothing was made yet; with --target those of a target of the workflow.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from snakemake.cli import parse_config

from collapse.plan import Plan
from collapse.project import plans_of, read_project, tables_of_target
from collapse.strict import ConfigError

CONFIG = Path(__file__).parents[2] / "config"

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--target", help="all, a paper, <paper>_<figure>, or a figure of the configuration's paper")
parser.add_argument("--config", nargs="+", default=[], help="keys of config.yaml, as for Snakemake: scale=paper")


def print_recipes(paper: str, scale: str, tables: Iterable[tuple[Plan, str]], runs: Path | None) -> None:
    """Print each cell of some tables; `runs` is the folder of the runs there are."""
    cells: dict[str, dict[int, set[str]]] = {}
    recipes = {}
    for plan, table in tables:
        recipes |= plan.recipes
        for run in plan.runs(table):
            cells.setdefault(run.cell, {}).setdefault(run.seed, set()).add(run.measuring)
    for cell, seeds in cells.items():
        folders = {seed: None if runs is None else runs / cell / f"seed-{seed}" for seed in seeds}
        train = [seed for seed, at in folders.items() if at is None or not (at / "run.json").exists()]
        measure = [
            seed
            for seed, at in folders.items()
            if at is None or not all((at / name / "metrics.csv").exists() for name in seeds[seed])
        ]
        line = {"paper": paper, "scale": scale, "seeds": len(seeds), "train": len(train), "measure": len(measure)}
        print(json.dumps(line | {"recipe": recipes[cell].model_dump(mode="json")}))


if __name__ == "__main__":
    args = parser.parse_args()
    try:
        config, papers = read_project(CONFIG, parse_config(args.config))
        if args.target:
            tables = tables_of_target(args.target, config, papers)
            print_recipes(args.target, config.scale, tables, Path(config.results, "runs"))
        else:
            for plan in plans_of(config, papers):
                print_recipes(plan.paper.name, plan.scale_name, [(plan, table) for table in plan.points], None)
    except ConfigError as error:
        sys.exit(f"error: {error}")
