"""A recipe and seeds -> trained runs: recipe.json, history.csv, checkpoints/, run.json in each run's folder.

Killed and started again, it goes on from the last saved state. On SIGTERM or SIGINT it saves the state at the end of
the epoch and exits with 128 + the signal's number.
"""

import argparse
import signal
import sys
from pathlib import Path

import torch

from collapse.data.subsets import read_rows
from collapse.recipe import Recipe
from collapse.training.device import choose_device, share
from collapse.training.progress import Progress
from collapse.training.run import Stopped, Work, forget, publish, train_run

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--recipe", type=Recipe.model_validate_json, required=True, help="JSON of collapse.recipe.Recipe")
parser.add_argument("--seeds", type=int, nargs="+", required=True)
parser.add_argument("--dataset", type=Path, required=True, help="folder of the prepared dataset")
parser.add_argument("--rows", type=Path, nargs="+", required=True, help="index files, one a run")
parser.add_argument("--runs", type=Path, nargs="+", required=True, help="folders to write, one a run")
parser.add_argument("--states", type=Path, nargs="+", required=True, help="folders of the state in progress, one a run")
parser.add_argument("--save-every", type=float, default=30.0, help="seconds between saved states")
parser.add_argument("--device", required=True)
parser.add_argument("--jobs-per-gpu", type=int, default=1, help="trainings that may share a GPU")
parser.add_argument("--locks", type=Path, required=True, help="folder of the machine's GPU locks")
parser.add_argument("--threads", type=int, required=True)

if __name__ == "__main__":
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    caught: list[int] = []
    try:
        with share(choose_device(args.device), args.jobs_per_gpu, args.locks) as device:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda received, frame: caught.append(received))
            for seed, rows, folder, state in zip(args.seeds, args.rows, args.runs, args.states, strict=True):
                progress = Progress("/".join(folder.parts[-4:]), args.recipe.protocol.epochs)
                work = Work(
                    dataset=args.dataset,
                    rows=read_rows(rows),
                    state=state,
                    device=device,
                    save_every=args.save_every,
                    stop=lambda: bool(caught),
                    on_epoch=progress,
                    tell=progress.tell,
                )
                train_run(args.recipe.at_seed(seed), work)
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(128 + caught[0])
    # Only now: Snakemake deletes every output of a job that did not finish, and with them the runs that did.
    for folder, state in zip(args.runs, args.states, strict=True):
        publish(state, folder)
    for state in args.states:
        forget(state)
