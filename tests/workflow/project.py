"""A project to run: what the workflow tests share."""

import atexit
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from collapse.config import Config, load_config
from collapse.own import register
from collapse.paper_files import load_paper, load_papers
from collapse.plan import Plan

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
# fig6 in seconds: the real grid and the real images, two epochs, two seeds.
TINY = ("--config", "protocol={epochs: 2}", "seeds=[0, 1]")

# The cheapest figure: one cell, two seeds, two epochs, drawn by fig6's own script.
ONE_CELL = """\
title: "One cell"
reference: "none"
protocol: {learning_rate: 0.1, weight_decay: 0.01, batch_size: 60, epochs: 2}
figures:
  fig1:
    title: "Minority cosine"
    tables:
      fig1:
        title: "Minority cosine"
        key_columns: [dataset, model, k_major, ratio, oversampling]
        columns:
          cos_minor: {metric: cosine_mean, layer: classifier, split: "-", classes: minority}
"""
ONE_GRID = """\
deviations: "nothing"
tables:
  fig1: [{dataset: digits, model: mlp, k_major: 7, n_major: 40, ratio: 20}]
"""
PAPER, GRID = "config/papers/one_cell/paper.yaml", "config/papers/one_cell/scales/demo.yaml"
CONFIG = "paper: one_cell\nseeds: [0, 1]\nsave_every: 0.2\n"


def write_paper(folder: Path, paper: str = ONE_CELL, grid: str = ONE_GRID) -> None:
    """Write the files of a paper that runs at demo scale alone."""
    (folder / "scales").mkdir(parents=True)
    (folder / "paper.yaml").write_text(paper)
    (folder / "scales" / "demo.yaml").write_text(grid)


def cell(protocol: dict[str, Any] | None = None) -> str:
    """Folder of the one cell's runs, below results/runs, where the configuration changes that of the protocol."""
    with tempfile.TemporaryDirectory() as folder:
        write_paper(Path(folder, "one_cell"))
        (name,) = Plan(load_paper(Path(folder, "one_cell")), "demo", (0,), protocol).recipes
    return name


CELL = cell()


def read_configuration(folder: Path, **changed: Any) -> tuple[Config, dict[str, Plan]]:
    """What rules/setup.smk makes of the files in config/: without Snakemake, in a hundredth of the time."""
    papers = folder / "config/papers"
    config = load_config(yaml.safe_load((folder / "config/config.yaml").read_text()) | changed, papers)
    register(config)
    read = load_papers(papers)
    return config, {paper.name: Plan(paper, config.scale, config.seeds, config.protocol) for paper in read}


@functools.cache
def forks() -> subprocess.Popen:
    """The process that answers calls of Snakemake; it ends with this one."""
    command = [sys.executable, "-P", str(ROOT / "tests/workflow/snakemake_forks.py")]
    process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    atexit.register(process.communicate)
    return process


@functools.cache
def job_forks() -> dict[str, str]:
    """The variable by which the Python of a project (job_python) finds the processes that run its jobs."""
    folder = tempfile.mkdtemp(suffix=f"-{os.getpid()}")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    for env in ("torch", "convex", "figures", "atlas"):
        server = [
            ROOT / ".venv" / env / "bin/python",
            "-P",
            ROOT / "tests/workflow/job_forks.py",
            env,
            f"{folder}/{env}",
        ]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = subprocess.Popen(server, text=True, env=environment, **pipes)
        assert process.stdout.readline() == "ready\n"
        atexit.register(process.communicate)
    return {"ATLAS_TEST_FORKS": folder}


def snakemake(folder: Path, arguments: list[str]) -> subprocess.CompletedProcess:
    """What Snakemake does and says in a folder."""
    with tempfile.TemporaryDirectory() as said:
        output = {name: f"{said}/{name}" for name in ("stdout", "stderr")}
        call = {"folder": str(folder), "environment": os.environ | job_forks(), "arguments": arguments} | output
        print(json.dumps(call), file=forks().stdin, flush=True)
        code = int(forks().stdout.readline())
        return subprocess.CompletedProcess(arguments, code, *(Path(path).read_text() for path in output.values()))


def job_of(snakemake, module):
    """Process number of the job in a Snakemake's group that runs a module, or None."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().split(b"\0")
            if os.getpgid(int(path.name)) == snakemake.pid and words[2:4] == [b"-m", module.encode()]:
                return int(path.name)
        except (OSError, ValueError):
            continue  # it ended meanwhile
    return None


class Project:
    """A copy of the project in a folder of its own, with the environments of the original."""

    def __init__(self, folder: Path):
        self.folder = folder

    @classmethod
    def fresh(cls, folder: Path) -> "Project":
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("Snakefile", "rules", "workflow", "config", "profiles", "envs"):
            source = ROOT / name
            copy = shutil.copytree if source.is_dir() else shutil.copy2
            copy(source, folder / name)
        for env in ("torch", "convex", "figures", "atlas"):
            (folder / ".venv" / env / "bin").mkdir(parents=True)
            (folder / ".venv" / env / ".installed").touch()
            (folder / ".venv" / env / "bin" / "python").symlink_to(ROOT / "tests" / "workflow" / "job_python")
        return cls(folder)

    @classmethod
    def one_cell(cls, folder: Path) -> "Project":
        """A project of a single paper whose only figure, fig1, is the cheapest there can be."""
        project = cls.fresh(folder)
        shutil.rmtree(folder / "config" / "papers")
        figures = folder / "workflow" / "figures"
        (figures / "one_cell").mkdir()
        shutil.copy2(figures / "layer_peeled" / "fig6.py", figures / "one_cell" / "fig1.py")
        write_paper((project.folder / PAPER).parent)
        (folder / "config" / "config.yaml").write_text(CONFIG)
        return project

    def copy(self, folder: Path) -> "Project":
        """The project with everything it has made, times of the files included."""
        shutil.copytree(self.folder, folder, symlinks=True, dirs_exist_ok=True)
        return Project(folder)

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess:
        return snakemake(self.folder, ["--cores", "2", *arguments])

    def start(self, *arguments: str) -> subprocess.Popen:
        """A run in the background, in a process group of its own."""
        command = [str(BIN / "snakemake"), "--cores", "2", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        environment = os.environ | job_forks()
        return subprocess.Popen(command, cwd=self.folder, text=True, env=environment, start_new_session=True, **pipes)

    def run(self, *arguments: str) -> str:
        """What a run that must succeed prints."""
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def error(self, *arguments: str) -> str:
        """What a call that must fail before any job starts prints."""
        logs = set(self.folder.glob("results/**/*.log"))
        done = self.snakemake(*arguments)
        assert done.returncode != 0
        assert set(self.folder.glob("results/**/*.log")) == logs  # of jobs
        return done.stdout + done.stderr

    def planned(self, *arguments: str) -> dict[str, int]:
        """Jobs by rule that a dry run plans, targets left out."""
        output = self.run("--dry-run", *arguments)
        _, _, stats = output.partition("Job stats:")
        jobs = re.findall(r"^(\w+) +(\d+)$", stats, flags=re.MULTILINE)
        return {rule: int(count) for rule, count in jobs if not rule.startswith(("fig", "total", "layer_peeled"))}
