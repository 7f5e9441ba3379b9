"""What a GPU that is lent for minutes is used for: throughput, then whole runs of a paper at its scale.

Environment: torch

The parts, in the order of --parts:

A. Throughput of every network (throughput.py) that was not measured yet, the most useful figures first.
B. Runs of the tables and networks named by --runs, seed 0, with the recipes of the workflow (of layer_peeled those with
   K_A = 7). Those are begun that end before --horizon by the measured throughput, so many at once as pays. One that is
   cut off at --seconds saves its state: the same command on the same machine goes on from there. Each finished run is
   measured, and runs.tar.gz written anew with all of them.

Deviations, which a run's recipe says: steps in bfloat16 where they are --bfloat16-from times as fast; --measurements
epochs measured.
"""

import argparse
import csv
import math
import shutil
import statistics
import subprocess
import sys
import tarfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import torch
from throughput import Case, Pool, schedule

from collapse.atomic_io import replacing
from collapse.grid import Point
from collapse.identity import cell_name, identity
from collapse.measuring import Measuring
from collapse.paper_files import load_paper
from collapse.plan import Plan
from collapse.recipe import Recipe
from collapse.runs import dataset_checksum, resume_key, state_folder
from collapse.training.state import load_state

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ("network", "loop", "dtype", "processes", "images_per_s", "lowest", "highest", "device", "torch")
KEPT = ("recipe.json", "run.json", "history.csv")
RUNS = tuple(f"layer_peeled/{name}" for name in ("fig6/vgg11", "fig6/resnet18", "fig4/vgg11", "fig4/resnet18"))
RATIOS = (1000, 10, 100, 1, "inf")  # the most telling first
# Seconds: before a training's first epoch; for its last state; to measure a finished run, and each of its epochs.
START, SAVE, MEASURE, MEASURE_EPOCH = 15, 15, 10, 3
SMOKE_EPOCHS = 2
PAYS = 7 / 6
SHARE = 0.92  # of the throughput: what is left when the last runs have the device to themselves
UNMEASURED = 4e4  # images a second, where the measuring failed

Rates = dict[tuple[Case, int], float]


class Run(NamedTuple):
    """A run to make, at seed 0."""

    folder: Path
    recipe: Recipe
    measuring: Measuring
    dataset: Path  # folder of the prepared dataset

    def images_left(self) -> int:
        """Images that its training still takes."""
        if (self.folder / "run.json").exists():
            return 0
        state = load_state(state_folder(self.folder), resume_key(self.recipe, dataset_checksum(self.dataset)))
        done = len(state["history"]) if state else 0
        return self.recipe.epoch_length() * (self.recipe.protocol.total_epochs - done)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, required=True, help="what this call may take")
    parser.add_argument("--horizon", type=float, help="what the later calls may take too; default: --seconds")
    parser.add_argument("--bench-seconds", type=float, default=100, help="what part A may take")
    parser.add_argument("--out", type=Path, required=True, help="folder of what is brought home")
    parser.add_argument("--work", type=Path, required=True, help="folder for everything else, the same in each call")
    parser.add_argument("--data", type=Path, required=True, help="raw datasets, as torchvision lays them out")
    parser.add_argument("--parts", default="AB", help="A: throughput; B: runs")
    parser.add_argument("--dataset", default="fashion_mnist")
    parser.add_argument("--runs", nargs="+", default=RUNS, metavar="PAPER/TABLE/MODEL", help="in this order")
    parser.add_argument("--measurements", type=int, help="epochs that are measured; default: as the scale says")
    parser.add_argument("--bfloat16-from", type=float, default=1.7, help="inf: never")
    parser.add_argument("--processes", type=int, help="trainings at once; default: as many as pays")
    parser.add_argument("--smoke", action="store_true", help="a test: scale demo, few epochs, on the CPU")
    return parser.parse_args(arguments)


def measure_throughput(table: Path, device: str, deadline: float, smoke: bool) -> None:
    """Add a row to `table` for every case that it lacks, until the deadline."""
    known = read_rates(table)
    cases = [c for c in schedule() if c not in known and (not smoke or (c[0].network == "mlp" and c[1] <= 2))]
    if not cases:
        return
    name = torch.cuda.get_device_name() if device == "cuda" else device
    pool = Pool(max(n for _, n in cases), device)
    with table.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if not file.tell():
            writer.writerow(COLUMNS)
        for case, n in cases:
            if time.monotonic() > deadline:
                print("no time for more")
                break
            try:
                turns = pool.rates(case, n)
            except RuntimeError as error:
                print(f"{case} x{n}: {error}")
                continue
            except (TimeoutError, EOFError) as error:
                print(f"{case} x{n}: {error!r}; the rest is not measured")
                break
            numbers = [f"{value:.5g}" for value in (statistics.median(turns), min(turns), max(turns))]
            writer.writerow([*case, n, *numbers, name, torch.__version__])
            file.flush()
            print(*case, f"x{n}", *numbers)
    pool.close()


def read_rates(table: Path) -> Rates:
    """Images a second of each case and number of processes, as far as there is a table of them."""
    if not table.exists():
        return {}
    with table.open(encoding="utf-8") as file:
        return {
            (Case(row["network"], row["loop"], row["dtype"]), int(row["processes"])): float(row["images_per_s"])
            for row in csv.DictReader(file)
        }


def fastest(rates: Rates, network: str, dtype: str) -> tuple[float, int]:
    """Images a second that trainings of a network reach together, and with how many of them.

    Fewer end earlier: of two numbers of trainings the lesser, unless the other is a sixth faster.
    """
    found = {n: rate for (case, n), rate in rates.items() if case == Case(network, "ours", dtype)} or {1: UNMEASURED}
    number = min(n for n, rate in found.items() if rate > max(found.values()) / PAYS)
    return found[number], number


def choose_dtype(rates: Rates, network: str, threshold: float) -> str:
    """float32, unless bfloat16 is `threshold` times as fast."""
    plain, half = (fastest(rates, network, dtype)[0] for dtype in ("float32", "bfloat16"))
    return "bfloat16" if half > threshold * plain else "float32"


def order(point: Point) -> tuple:
    """Sorting key of a table's points: both ends of the oversampling rates first, the telling ratios first."""
    imbalance = point.recipe.imbalance
    ratio = RATIOS.index(imbalance.ratio) if imbalance.ratio in RATIOS else len(RATIOS)
    return imbalance.oversampling != 1, -imbalance.oversampling, ratio


def runs_of(wanted: str, args: argparse.Namespace, rates: Rates) -> list[Run]:
    """Runs of a PAPER/TABLE/MODEL, the most telling first."""
    paper, table, model = wanted.split("/")
    changes = {"epochs": SMOKE_EPOCHS} if args.smoke else {"dtype": choose_dtype(rates, model, args.bfloat16_from)}
    scale = "demo" if args.smoke else "paper"
    plan = Plan(load_paper(ROOT / "config/papers" / paper), scale, (0,), changes)
    points = [
        point
        for point in plan.grids[table].points()
        if (point.recipe.dataset, point.recipe.model) == (args.dataset, model)
        and (paper != "layer_peeled" or point.axes["k_major"] == 7)
    ]
    if args.measurements:
        fewer = {"measurements": args.measurements}
        points = [point._replace(recipe=point.recipe.model_copy(update=fewer)) for point in points]
    results = args.work / "results"
    return [
        Run(
            results / "runs" / cell_name(point.recipe) / "seed-0",
            point.recipe,
            point.measuring,
            results / "data" / args.dataset,
        )
        for point in sorted(points, key=order)
    ]


def admit(runs: list[Run], rates: Rates, seconds: float) -> list[Run]:
    """Those runs, in order, that together end within `seconds`."""
    chosen, spent = [], float(START)
    for run in runs:
        rate = SHARE * fastest(rates, run.recipe.model, run.recipe.protocol.dtype)[0]
        needed = run.images_left() / rate + MEASURE + MEASURE_EPOCH * len(run.recipe.checkpoint_epochs())
        fits = spent + needed <= seconds
        cell, verdict = "/".join(run.folder.parts[-4:-1]), "train" if fits else "skip"
        print(f"{verdict} {cell}: {needed:.0f} s at {rate:.0f} images/s, after {spent:.0f} of {seconds:.0f} s")
        if fits:
            chosen.append(run)
            spent += needed
    return chosen


def call(script: str, *arguments: object, until: float = math.inf) -> bool:
    """Run a script of the workflow; False when it failed, or was ended, with SIGTERM, at `until`."""
    command = [sys.executable, "-P", "-m", f"scripts.{script}", *map(str, arguments)]
    with subprocess.Popen(command) as process:
        try:
            return process.wait(None if until == math.inf else max(0.0, until - time.monotonic())) == 0
        except subprocess.TimeoutExpired:
            process.terminate()
            return process.wait() == 0


def make(run: Run, args: argparse.Namespace, device: str, end: float) -> None:
    """Train a run and measure it, as far as there is time before `end`; as rules/ does."""
    folder, dataset = run.folder, run.dataset / "manifest.json"
    where = ("--device", device, "--jobs-per-gpu", 8, "--locks", args.work / "locks", "--threads", 1)
    if time.monotonic() > end - SAVE - START:
        return
    if not (folder / "run.json").exists() and not call(
        *("train", "--recipe", identity(run.recipe), "--dataset", dataset, "--out", folder / "run.json"),
        *("--save-every", 120, *where),
        until=end - SAVE,
    ):
        return
    measured = folder / run.measuring.name
    if not (measured / "metrics.csv").exists() and call(
        *("extract", "--dataset", dataset, "--measuring", run.measuring.identity(), "--runs", folder / "run.json"),
        *("--out", measured / "statistics.safetensors", *where),
        until=end,
    ):
        call(
            *("measure", "--statistics", measured / "statistics.safetensors", "--out", measured / "metrics.csv"),
            *("--results", args.work / "results"),
            until=end,
        )


def pack(args: argparse.Namespace) -> None:
    """Write runs.tar.gz: what is kept of every run that was measured, under its path in results/."""
    results = args.work / "results"
    with replacing(args.out / "runs.tar.gz") as part, tarfile.open(part, "w:gz") as archive:
        for metrics in sorted(results.rglob("metrics.csv")):
            for path in (metrics, *(metrics.parents[1] / name for name in KEPT)):
                archive.add(path, str(path.relative_to(results)))


def make_runs(runs: list[Run], args: argparse.Namespace, device: str, processes: int, end: float) -> None:
    """Make the runs, so many at once; what is done is packed whenever one ends."""
    packing = threading.Lock()

    def make_and_pack(run: Run) -> None:
        make(run, args, device, end)
        with packing:
            pack(args)

    with ThreadPoolExecutor(processes) as executor:
        for future in [executor.submit(make_and_pack, run) for run in runs]:
            future.result()


def part_b(table: Path, args: argparse.Namespace, device: str, began: float) -> None:
    """Prepare the dataset, choose the runs, and make them."""
    results = args.work / "results"
    folder = results / "data" / args.dataset
    if not (folder / "manifest.json").exists() and not call(
        *("prepare_data", "--dataset", args.dataset, "--data-root", args.data, "--download", False),
        *("--runs", results / "runs", "--out", folder),
    ):
        sys.exit("no data: no runs")
    rates = read_rates(table)
    runs = list({run.folder: run for wanted in args.runs for run in runs_of(wanted, args, rates)}.values())
    first = runs[0].recipe
    processes = args.processes or fastest(rates, first.model, first.protocol.dtype)[1]
    left = (args.horizon or args.seconds) - (time.monotonic() - began)
    chosen = admit(runs, rates, left)
    print(f"{processes} at once")
    make_runs(chosen, args, device, processes, began + args.seconds)


def main(args: argparse.Namespace) -> None:
    """The parts."""
    began, device = time.monotonic(), "cpu" if args.smoke else "cuda"
    args.out.mkdir(parents=True, exist_ok=True)
    args.work.mkdir(parents=True, exist_ok=True)
    table = args.work / "throughput.csv"
    for part in args.parts:
        if part == "A":
            end = min(time.monotonic() + args.bench_seconds, began + args.seconds - SAVE)
            measure_throughput(table, device, end, args.smoke)
        else:
            part_b(table, args, device, began)
        if table.exists():
            shutil.copy2(table, args.out / table.name)
        print(f"{time.monotonic() - began:.0f} s: part {part} done")


if __name__ == "__main__":
    main(parse())
