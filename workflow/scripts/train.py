"""A recipe and seeds -> trained runs: recipe.json, history.csv, checkpoints/, run.json in each run's folder."""

import argparse
from pathlib import Path

import torch

from collapse.data.subsets import read_rows
from collapse.recipe import Recipe
from collapse.training.progress import Progress
from collapse.training.run import choose_device, train_run

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--recipe", type=Recipe.model_validate_json, required=True, help="JSON of collapse.recipe.Recipe")
parser.add_argument("--seeds", type=int, nargs="+", required=True)
parser.add_argument("--dataset", type=Path, required=True, help="folder of the prepared dataset")
parser.add_argument("--rows", type=Path, nargs="+", required=True, help="index files, one a run")
parser.add_argument("--runs", type=Path, nargs="+", required=True, help="folders to write, one a run")
parser.add_argument("--device", required=True)
parser.add_argument("--threads", type=int, required=True)

if __name__ == "__main__":
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device = choose_device(args.device)
    for seed, rows, folder in zip(args.seeds, args.rows, args.runs, strict=True):
        progress = Progress("/".join(folder.parts[-4:]), args.recipe.protocol.epochs)
        train_run(args.recipe.at_seed(seed), args.dataset, read_rows(rows), folder, device, progress)
