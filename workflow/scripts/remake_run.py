"""Make a run again, exactly, from its folder alone, and say whether its weights come out the same, bit for bit.

Takes the recipe from recipe.json and the images from data/ beside runs/ (checked against run.json's checksum).
"""

import argparse
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file

from collapse.atomic_io import read_json, sha256
from collapse.runs import check_dataset, read_run
from collapse.strict import UserError
from collapse.training.device import choose_device
from collapse.training.making import RunContext
from collapse.training.progress import Progress
from collapse.training.run import make_runs

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("run", type=Path, help="folder of the run, results/runs/.../seed-<s>")
parser.add_argument("--out", type=Path, help="an empty folder for the run made again; by default none is kept")
parser.add_argument("--device", default="cpu")

DIFFER = ("device", "dtype", "threads", "versions", "git")


def remake(folder: Path, out: Path, device: str) -> int:
    """Train the run of `folder` in `out` and compare; returns 0 if every weight is the same."""
    recipe, run = read_run(folder)
    dataset = folder.resolve().parents[4] / "data" / recipe.dataset
    if not (dataset / "manifest.json").exists():
        sys.exit(
            f"error: {dataset} is not there: first snakemake --cores 1 results/data/{recipe.dataset}/manifest.json"
        )
    check_dataset(folder, run, dataset)
    torch.set_num_threads(run["threads"])
    torch.set_flush_denormal(True)
    progress = Progress(folder.name, recipe.protocol.total_epochs, every=5.0)
    make_runs([(recipe, RunContext(dataset, out, choose_device(device), on_epoch=progress, log=progress.log))])
    again = read_json(out / "state" / "run.json")
    same = True
    for epoch, entry in run["checkpoints"].items():
        path, other = folder / "checkpoints" / entry["file"], out / "checkpoints" / entry["file"]
        kept = sha256(path) if path.exists() else entry["sha256"]  # a deleted checkpoint has left its checksum
        if again["checkpoints"].get(epoch, {}).get("sha256") == kept:
            print(f"epoch {epoch}: the same, bit for bit")
            continue
        same = False
        if path.exists() and other.exists():
            ours, theirs = load_file(path), load_file(other)
            largest = max((ours[name].double() - theirs[name].double()).abs().max().item() for name in ours)
            print(f"epoch {epoch}: not the same; the largest difference of a weight is {largest:.3g}")
        else:
            print(f"epoch {epoch}: not the same, and the run's own checkpoint is not there to compare")
    if not same:
        for key in DIFFER:
            if run[key] != again[key]:
                print(f"    {key}: {run[key]}, now {again[key]}")
    return 0 if same else 1


if __name__ == "__main__":
    args = parser.parse_args()
    try:
        if args.out:
            sys.exit(remake(args.run, args.out, args.device))
        with tempfile.TemporaryDirectory() as out:
            sys.exit(remake(args.run, Path(out), args.device))
    except UserError as error:
        sys.exit(f"error: {error}")
