"""Planning a large grid: our workflow against as many trivial shell rules with the same paths.

Environment: workflow

A dry run of a figure whose table has that many runs, one seed to a job: for each run a train, an extract and a measure
job, so that 6,666 runs are 20,000 jobs. The reference is a Snakefile with one bare rule a stage: the same files in the
same places, log files too, `touch` for a command, no configuration, params, resources, environments, tables or checks.
CPU and wall seconds, and peak memory, of a dry run; the two take turns, and each figure is the least of its turns.
"""

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from table import Row, write

from collapse.paper_files import load_paper
from collapse.plan import Plan

ROOT = Path(__file__).parents[1]
SEEDS = 3
TURNS = {1_000: 3, 5_000: 2, 6_666: 2, 20_000: 1}  # by runs

PAPER = """\
title: "A large grid"
reference: "none"
protocol: {learning_rate: 0.1, weight_decay: 0.01, batch_size: 60, epochs: 2}
figures:
  fig1:
    title: "Minority cosine"
    tables:
      fig1:
        title: "Minority cosine, against the learning rate"
        key_columns: [ratio, learning_rate]
        columns:
          cos_minor: {metric: cosine_mean, layer: classifier, split: "-", classes: minority}
"""
GRID = """\
deviations: "nothing"
tables:
  fig1: [{{dataset: digits, model: mlp, k_major: 7, n_major: 140, ratio: 70, learning_rate: {rates}}}]
"""

BARE = """\
from pathlib import Path

DATA, RUN, LOG = "results/data/digits", "results/runs/digits/mlp/{run}/seed-{seed}", "digits/mlp/{run}/all/seed-{seed}"
RUNS = Path("runs").read_text().split()

rule fig1:
    input: [RUN.format(run=run, seed=seed) + "/all/metrics.csv" for run in RUNS for seed in range(SEEDS)]

rule prepare_data:
    output: f"{DATA}/manifest.json", f"{DATA}/train.safetensors", f"{DATA}/test.safetensors"
    log: "results/logs/prepare_data/digits.log"
    shell: "touch {output}"

rule train:
    input: f"{DATA}/manifest.json", f"{DATA}/train.safetensors"
    output: f"{RUN}/run.json"
    log: "results/logs/train/digits/mlp/{run}/seed-{seed}.log"
    shell: "touch {output}"

rule extract:
    input: f"{DATA}/manifest.json", f"{DATA}/train.safetensors", f"{DATA}/test.safetensors", f"{RUN}/run.json"
    output: f"{RUN}/all/statistics.safetensors"
    log: f"results/logs/extract/{LOG}.log"
    shell: "touch {output}"

rule measure:
    input: f"{RUN}/all/statistics.safetensors"
    output: f"{RUN}/all/metrics.csv"
    log: f"results/logs/measure/{LOG}.log"
    shell: "touch {output}"
"""


class Cost(NamedTuple):
    """What a dry run took."""

    cpu: float  # seconds
    wall: float  # seconds
    memory: float  # MB, peak
    jobs: int


def our_workflow(folder: Path, rates: list[float]) -> None:
    """The project, with one paper: the grid."""
    for name in ("Snakefile", "rules", "workflow", "config", "profiles", "envs"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name)
    shutil.rmtree(folder / "config" / "papers")
    for path, text in {
        "config/papers/grid/paper.yaml": PAPER,
        "config/papers/grid/scales/demo.yaml": GRID.format(rates=rates),
        "workflow/figures/grid/fig1.py": '"""Never drawn."""\n',
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def trivial_rules(folder: Path, ours: Path) -> None:
    """One bare rule a stage, our profile, and the names of our runs."""
    shutil.copytree(ROOT / "profiles", folder / "profiles")
    (folder / "Snakefile").write_text(f"SEEDS = {SEEDS}\n{BARE}", encoding="utf-8")
    plan = Plan(load_paper(ours / "config" / "papers" / "grid"), "demo", tuple(range(SEEDS)))
    (folder / "runs").write_text("\n".join(Path(cell).name for cell in plan.recipes), encoding="utf-8")


def plan(folder: Path, *config: str) -> Cost:
    """Dry-run fig1 in a child of its own, so that its peak memory is its own."""
    command = [str(Path(sys.executable).parent / "snakemake"), "--dry-run", "fig1", *config]
    measured = [sys.executable, __file__, "--measure", str(folder), *command]
    cpu, wall, memory, jobs = subprocess.run(measured, capture_output=True, text=True, check=True).stdout.split()
    return Cost(float(cpu), float(wall), float(memory), int(jobs))


def measure(folder: str, *command: str) -> None:
    """Run a dry run, and print its Cost."""
    began = time.perf_counter()
    output = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    wall, used = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    jobs = next(line.split()[1] for line in output.splitlines() if line.startswith("total"))
    print(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024, jobs)


def compare(runs: int) -> list[Row]:
    """Rows of one size of grid."""
    rates = [round((1 + i) * 1e-6, 6) for i in range(runs // SEEDS)]
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        our_workflow(Path(one), rates)
        trivial_rules(Path(other), Path(one))
        config = ("--config", "paper=grid", "bundle_seeds=false", f"seeds={list(range(SEEDS))}")
        turns = [(plan(Path(one), *config), plan(Path(other))) for _ in range(TURNS[runs])]
    ours, bare = (Cost(*map(min, zip(*costs, strict=True))) for costs in zip(*turns, strict=True))
    case = f"{runs} runs, {ours.jobs} jobs"
    return [
        Row(
            f"{case}, {name}", getattr(ours, name), getattr(bare, name), unit, getattr(bare, name) / getattr(ours, name)
        )
        for name, unit in (("cpu", "s"), ("wall", "s"), ("memory", "MB"))
    ]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(*sys.argv[2:])
    else:
        write("dag_scale", [row for runs in TURNS for row in compare(runs)])
