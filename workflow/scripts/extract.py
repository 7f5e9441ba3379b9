"""Trained runs -> statistics.safetensors of each run: all that the metrics need, at every checkpoint.

Runs whose statistics are there, measured so, are skipped.
"""

import argparse
import sys
from pathlib import Path

from collapse.measuring import Measuring
from collapse.runs import check_dataset, read_run
from collapse.statistics.origin import measured
from scripts import add_machine_arguments

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--dataset", type=Path, required=True, help="manifest.json of the prepared dataset")
parser.add_argument("--measuring", type=Measuring.identified, required=True, help="identity of a Measuring")
parser.add_argument("--runs", type=Path, nargs="+", required=True, help="run.json of the runs")
parser.add_argument("--out", type=Path, nargs="+", required=True, help="statistics files, one a run")
add_machine_arguments(parser)

if __name__ == "__main__":
    args = parser.parse_args()
    missing = []
    for folder, path in zip((run.parent for run in args.runs), args.out, strict=True):
        check_dataset(folder, read_run(folder)[1], args.dataset.parent)
        if not measured(path, folder, args.measuring):
            missing.append((folder, path))
    if not missing:
        sys.exit(0)
    # Not earlier: importing torch takes longer than to see that there is nothing to do.
    import torch

    from collapse.statistics.extract import extract_once
    from collapse.training.device import choose_device, share

    torch.set_num_threads(args.threads)
    with share(choose_device(args.device, args.gpus), args.jobs_per_gpu, args.locks) as device:
        for folder, path in missing:
            extract_once(folder, args.dataset.parent, args.measuring, path, device)
