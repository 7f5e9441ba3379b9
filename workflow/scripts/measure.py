"""statistics.safetensors -> metrics.csv, for each run; then, where they are not kept, the run's checkpoints go."""

import argparse
from pathlib import Path

from collapse.metrics.measure import measure_file
from collapse.runs import drop_checkpoints

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--statistics", type=Path, nargs="+", required=True)
parser.add_argument("--out", type=Path, nargs="+", required=True)
parser.add_argument("--keep-checkpoints", choices=("all", "none"), default="all")
parser.add_argument("--results", type=Path, required=True, help="results folder: its plans say what is asked of a run")

if __name__ == "__main__":
    args = parser.parse_args()
    for statistics, path in zip(args.statistics, args.out, strict=True):
        measure_file(statistics, path)
        if args.keep_checkpoints == "none":
            drop_checkpoints(path.parents[1], args.results)
