"""run.json of every run in some plans -> one table: each run's status, duration, machine and versions."""

import argparse
import csv
import json
from pathlib import Path

import pandas as pd

parser = argparse.ArgumentParser(description=__doc__)
# Plans instead of the files' names: the names of many runs do not fit on a command line.
parser.add_argument("--plans", type=Path, nargs="+", required=True, help="CSV of the runs of each table")
parser.add_argument("--runs", type=Path, required=True, help="folder of all runs")
parser.add_argument("--out", type=Path, required=True)

KEYS = ("status", "reason", "train_seconds", "seconds", "cpu_seconds", "device", "dtype", "threads", "finished", "git")
PLACE = ("dataset", "model", "run", "seed")

if __name__ == "__main__":
    args = parser.parse_args()
    folders = dict.fromkeys(line["folder"] for plan in args.plans for line in csv.DictReader(plan.open(newline="")))
    rows = []
    for folder in folders:
        run = json.loads((args.runs / folder / "run.json").read_text())
        place = dict(zip(PLACE, folder.split("/"), strict=True))
        rows.append(place | {key: run[key] for key in KEYS} | run["versions"])
    pd.DataFrame(rows).round({"train_seconds": 2, "seconds": 2, "cpu_seconds": 2}).to_csv(args.out, index=False)
