"""run.json of every run of a paper -> one table: each run's status, duration, machine and versions."""

import argparse
import json
from pathlib import Path

import pandas as pd
from pydantic import TypeAdapter

from collapse.grid import Grid

parser = argparse.ArgumentParser(description=__doc__)
# Grids instead of the files' names: the names for a large grid do not fit on a command line.
parser.add_argument("--grids", type=TypeAdapter(list[Grid]).validate_json, required=True, help="JSON of the grids")
parser.add_argument("--runs", type=Path, required=True, help="folder above dataset/model/variant")
parser.add_argument("--out", type=Path, required=True)

KEYS = ("status", "reason", "train_seconds", "seconds", "cpu_seconds", "device", "dtype", "threads", "finished", "git")
PLACE = ("dataset", "model", "variant", "seed")

if __name__ == "__main__":
    args = parser.parse_args()
    points = [(point, seed) for grid in args.grids for point in grid.points() for seed in grid.seeds]
    rows = []
    for place in dict.fromkeys(f"{point.cell}/seed-{seed}" for point, seed in points):
        run = json.loads((args.runs / place / "run.json").read_text())
        rows.append(dict(zip(PLACE, place.split("/"), strict=True)) | {key: run[key] for key in KEYS} | run["versions"])
    pd.DataFrame(rows).round({"train_seconds": 2, "seconds": 2, "cpu_seconds": 2}).to_csv(args.out, index=False)
