"""Prepared dataset -> index files of one class-imbalanced subset, one a seed."""

import argparse
from pathlib import Path

from collapse.data.store import read_split
from collapse.data.subsets import draw, write_rows

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--dataset", type=Path, required=True, help="manifest.json of the prepared dataset")
parser.add_argument("--counts", type=int, nargs="+", required=True, help="samples of each class")
parser.add_argument("--seeds", type=int, nargs="+", required=True)
parser.add_argument("--out", type=Path, nargs="+", required=True, help="index files, one a seed")

if __name__ == "__main__":
    args = parser.parse_args()
    _, labels = read_split(args.dataset.parent, "train")
    for seed, path in zip(args.seeds, args.out, strict=True):
        write_rows(path, draw(labels, tuple(args.counts), seed), labels)
