"""A recipe and seeds -> trained runs: recipe.json, history.csv, checkpoints/, run.json in each run's folder.

Killed and started again, it goes on from the last saved state. On SIGTERM or SIGINT it saves the state at the end of
the epoch and exits with 128 + the signal's number.
"""

import argparse
import multiprocessing
import os
import signal
import sys
from pathlib import Path

import torch

from collapse.data.subsets import read_rows
from collapse.recipe import Recipe
from collapse.training.device import choose_device, share
from collapse.training.progress import Progress
from collapse.training.run import Stopped, Work, publish, state_folder, train_run

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--recipe", type=Recipe.model_validate_json, required=True, help="JSON of collapse.recipe.Recipe")
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


def train_share(args: argparse.Namespace, worker: int) -> None:
    """Train every `args.workers`-th run, from the one numbered `worker`; exits with 128 + the signal when stopped."""
    torch.set_num_threads(max(1, args.threads // args.workers))
    # A deep network without batch norm, whose signal vanishes, would compute with denormals at a third of the speed.
    torch.set_flush_denormal(True)
    caught: list[int] = []
    parent = multiprocessing.parent_process()
    try:
        with share(choose_device(args.device, args.gpus), args.jobs_per_gpu, args.locks) as device:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda received, frame: caught.append(received))
            jobs = list(zip(args.seeds, args.rows, args.out, strict=True))
            for seed, rows, run in jobs[worker :: args.workers]:
                progress = Progress("/".join(run.parts[-5:-1]), args.recipe.protocol.total_epochs)
                work = Work(
                    dataset=args.dataset.parent,
                    rows=read_rows(rows),
                    state=state_folder(args.state, run.parent),
                    device=device,
                    save_every=args.save_every,
                    stop=lambda: bool(caught) or (parent is not None and not parent.is_alive()),
                    on_epoch=progress,
                    tell=progress.tell,
                )
                train_run(args.recipe.at_seed(seed), work)
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(128 + (caught or [signal.SIGKILL])[0])


def train_side_by_side(args: argparse.Namespace) -> None:
    """One process a worker; a signal goes on to all of them, and the first that fails says how this one exits."""
    context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
    workers = [context.Process(target=train_share, args=(args, worker)) for worker in range(args.workers)]
    for process in workers:
        process.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, frame: [os.kill(process.pid, received) for process in workers])
    for process in workers:
        process.join()
    failed = [process.exitcode for process in workers if process.exitcode]
    if failed:
        sys.exit(failed[0] if failed[0] > 0 else 128 - failed[0])


if __name__ == "__main__":
    args = parser.parse_args()
    args.workers = min(args.workers, len(args.seeds))
    if args.workers == 1:
        train_share(args, 0)
    else:
        train_side_by_side(args)
    # Only now: Snakemake deletes every output of a job that did not finish, and with them the runs that did.
    for run in args.out:
        publish(state_folder(args.state, run.parent), run.parent)
