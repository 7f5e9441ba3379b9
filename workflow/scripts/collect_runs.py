"""run.json of every run of a paper -> one table: how each went, how long it took, where and with what it was made."""

import argparse
import json
from pathlib import Path

import pandas as pd

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--runs", type=Path, nargs="*", required=True, help="run.json files")
parser.add_argument("--root", type=Path, required=True, help="folder above dataset/model/variant")
parser.add_argument("--out", type=Path, required=True)

KEYS = ("status", "reason", "train_seconds", "seconds", "cpu_seconds", "device", "dtype", "threads", "finished", "git")
PLACE = ("dataset", "model", "variant", "seed")

if __name__ == "__main__":
    args = parser.parse_args()
    rows = []
    for path in args.runs:
        run = json.loads(path.read_text())
        place = dict(zip(PLACE, path.relative_to(args.root).parts[:4], strict=True))
        rows.append(place | {key: run[key] for key in KEYS} | run["versions"])
    pd.DataFrame(rows).round({"train_seconds": 2, "seconds": 2, "cpu_seconds": 2}).to_csv(args.out, index=False)
