"""A recipe and seeds -> trained runs: recipe.json, history.csv, checkpoints/, run.json in each run's folder.

Killed and started again, it goes on from the last saved state. On SIGTERM or SIGINT it saves the state at the end of
the epoch and exits with 128 + the signal's number.
"""

import argparse
import json
import sys
from pathlib import Path

from collapse.recipe import Recipe
from collapse.training.run import state_folder
from collapse.training.workers import Machine, Task, train_tasks

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--recipe", type=json.loads, required=True, help="identity of a collapse.recipe.Recipe")
parser.add_argument("--seeds", type=int, nargs="+", required=True)
parser.add_argument("--dataset", type=Path, required=True, help="manifest.json of the prepared dataset")
parser.add_argument("--rows", type=Path, nargs="+", required=True, help="index files, one a run")
parser.add_argument("--out", type=Path, nargs="+", required=True, help="run.json to write beside the rest, one a run")
parser.add_argument("--state", type=Path, required=True, help="folder of the trainings in progress")
parser.add_argument("--save-every", type=float, default=30.0, help="seconds between saved states")
parser.add_argument("--device", required=True)
parser.add_argument("--gpus", type=int, default=1, help="GPUs the job asked for; 0: auto is the CPU")
parser.add_argument("--jobs-per-gpu", type=int, default=1, help="trainings that may share a GPU")
parser.add_argument("--locks", type=Path, required=True, help="folder of the machine's GPU locks")
parser.add_argument("--workers", type=int, default=1, help="runs trained side by side, each on a GPU of its own")
parser.add_argument("--threads", type=int, required=True, help="CPU threads, of all workers together")

if __name__ == "__main__":
    args = parser.parse_args()
    machine = Machine(args.device, args.gpus, args.jobs_per_gpu, args.locks, args.workers, args.threads)
    recipe = Recipe.recorded(args.recipe)
    tasks = [
        Task(recipe.at_seed(seed), args.dataset.parent, rows, state_folder(args.state, run.parent), run.parent)
        for seed, rows, run in zip(args.seeds, args.rows, args.out, strict=True)
    ]
    sys.exit(train_tasks(tasks, machine, args.save_every))
