"""Trained runs -> statistics.safetensors of each run: all that the metrics need, at every checkpoint."""

import argparse
from pathlib import Path

import torch

from collapse.data.subsets import read_rows
from collapse.statistics.extract import extract_run
from collapse.training.device import choose_device, share
from collapse.training.run import forget, state_folder

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--dataset", type=Path, required=True, help="manifest.json of the prepared dataset")
parser.add_argument("--rows", type=Path, nargs="+", required=True, help="index files, one a run")
parser.add_argument("--runs", type=Path, nargs="+", required=True, help="run.json of the runs")
parser.add_argument("--state", type=Path, required=True, help="folder of what trainings leave: these runs' is deleted")
parser.add_argument("--out", type=Path, nargs="+", required=True, help="statistics files, one a run")
parser.add_argument("--device", required=True)
parser.add_argument("--gpus", type=int, default=1, help="GPUs the job asked for; 0: auto is the CPU")
parser.add_argument("--jobs-per-gpu", type=int, default=1, help="jobs that may share a GPU")
parser.add_argument("--locks", type=Path, required=True, help="folder of the machine's GPU locks")
parser.add_argument("--threads", type=int, required=True)

if __name__ == "__main__":
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    for run in args.runs:  # not earlier: only now the training job is known to have succeeded
        forget(state_folder(args.state, run.parent))
    with share(choose_device(args.device, args.gpus), args.jobs_per_gpu, args.locks) as device:
        for rows, run, path in zip(args.rows, args.runs, args.out, strict=True):
            extract_run(run.parent, args.dataset.parent, read_rows(rows), path, device)
