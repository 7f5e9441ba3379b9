"""statistics.safetensors -> metrics.csv, for each run."""

import argparse
from pathlib import Path

from collapse.metrics.measure import measure_file

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--statistics", type=Path, nargs="+", required=True)
parser.add_argument("--out", type=Path, nargs="+", required=True)

if __name__ == "__main__":
    args = parser.parse_args()
    for statistics, path in zip(args.statistics, args.out, strict=True):
        measure_file(statistics, path)
