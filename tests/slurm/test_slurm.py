"""The workflow on a real Slurm: the figure it makes, and trainings that Slurm interrupts."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from tests.slurm.cluster import Cluster, missing
from tests.workflow.project import BIN, ROOT, TINY, Project, read_configuration

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(
        bool(missing()), reason=f"{', '.join(missing())} not found: install Debian's slurm-wlm and munge"
    ),
    pytest.mark.skipif(" " in sys.executable, reason="the plugin can not start a Python whose path has a space"),
]

# The profile as users have it; only its waits are shorter, and the accounting that this Slurm lacks is not asked for.
PROFILE = ("--workflow-profile", "slurm", "--slurm-status-command", "squeue", "--latency-wait", "5")
WAITS = ("--slurm-init-seconds-before-status-checks", "1", "--seconds-between-status-checks", "1")
TWO = ("--config", "protocol={epochs: 2}", "seeds=[0, 1]", "bundle_seeds=false")
# Long enough to be interrupted by a test that meanwhile stops the clock of the training.
LONG = ("--config", "protocol={epochs: 600}", "seeds=[0, 1]", "bundle_seeds=false", "save_every=0.2")


def runs_of(epochs):
    """Folders of the two runs of the figure `balanced`."""
    plan = read_configuration(ROOT, protocol={"epochs": epochs}, seeds=[0, 1])[1]["layer_peeled"]
    return [f"results/runs/{run.folder}" for run in plan.runs("balanced")]


RUNS = runs_of(600)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    started = Cluster(tmp_path_factory.mktemp("slurm"))
    started.start()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Two trainings, made here."""
    project = Project.fresh(tmp_path_factory.mktemp("uninterrupted"))
    project.run(*[f"{run}/run.json" for run in RUNS], *LONG)
    return project


class Submitted:
    """A workflow that runs on the cluster meanwhile."""

    def __init__(self, project, cluster, *arguments):
        self.cluster, self.log = cluster, project.folder / "snakemake.log"
        command = [str(BIN / "snakemake"), "--cores", "2", *PROFILE, *WAITS, *arguments]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, cwd=project.folder, env=cluster.environment, stdout=log, stderr=log
            )

    def wait(self):
        assert self.process.wait(600) == 0, self.log.read_text()[-5000:]

    def jobs(self):
        """What Slurm knows of the jobs of this workflow, the first submitted first, by key."""
        name = re.search(r"SLURM run ID: (\S+)", self.log.read_text())[1]
        shown = [
            dict(re.findall(r"(\w+)=(\S+)", job))
            for job in self.cluster.command("scontrol", "show", "jobs", "-o").splitlines()
        ]
        return sorted((job for job in shown if job["JobName"] == name), key=lambda job: int(job["JobId"]))


def wait_for(happened, submitted):
    while not happened():
        assert submitted.process.poll() is None, submitted.log.read_text()[-5000:]
        time.sleep(0.1)


def results(project, run):
    """Weights of a run, and its history without the seconds."""
    folder = project.folder / run
    history = [line.rsplit(",", 1)[0] for line in (folder / "history.csv").read_text().splitlines()]
    return {path.name: path.read_bytes() for path in (folder / "checkpoints").iterdir()}, history


def run_json(folder):
    return json.loads((folder / "run.json").read_text())


def process_of(project, module, run):
    """Process number of the job that runs a module for one run, or None."""
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            words = (path / "cmdline").read_text().split("\0")
            ours = words[2:4] == ["-m", module] and (path / "cwd").resolve() == project.folder
            if ours and any(word.startswith(run) for word in words):
                return int(path.name)
    return None


def same(path):
    """What stays of a file that got a second name, whatever its times: run.json has the seconds that its run took."""
    return path.stat().st_ino, path.read_bytes()


def half_done(project, submitted, module, runs, path):
    """Wait until one of two runs has the file `path`, and a process makes the other's: (the one, the process)."""
    while True:
        for done, going in (runs, runs[::-1]):
            number = process_of(project, module, going)
            if (project.folder / done / path).exists() and number:
                return done, number
        assert submitted.process.poll() is None, submitted.log.read_text()[-5000:]
        time.sleep(0.02)


def paused(project, submitted, run):
    """Stop a training, once it has saved its state twice, until Slurm ends it; returns its process number."""
    wait_for(lambda: (project.folder / run / "state/previous.safetensors").exists(), submitted)
    number = process_of(project, "scripts.train", run)
    os.kill(number, signal.SIGSTOP)
    return number


def test_a_figure_made_by_slurm_is_the_one_made_here_and_takes_a_job_a_stage(cluster, tmp_path):
    here, there = (Project.fresh(folder) for folder in (tmp_path / "here", tmp_path / "there"))
    submitted = Submitted(there, cluster, "balanced", *TWO)
    here.run("balanced", *TINY)
    submitted.wait()
    assert [job["JobState"] for job in submitted.jobs()] == ["COMPLETED"] * 2  # training, measuring
    tables = sorted(path.relative_to(here.folder) for path in here.folder.glob("results/runs/**/metrics.csv"))
    assert len(tables) == 4  # two of them kept the epoch of zero training error too
    for path in [
        *tables,
        "results/demo/tables/layer_peeled/balanced.csv",
        "results/demo/claims/layer_peeled/balanced.csv",
    ]:
        assert (there.folder / path).read_bytes() == (here.folder / path).read_bytes()
    assert (there.folder / "results/demo/figures/layer_peeled/balanced.png").exists()


def test_a_group_that_fails_half_way_goes_on_and_makes_nothing_finished_again(cluster, tmp_path):
    """Of two runs in a group, one is finished when the other's job is killed: first in training, then in measuring."""
    project, runs = Project.fresh(tmp_path), runs_of(2)
    submitted = Submitted(project, cluster, "balanced", *TWO)
    made = {}
    for module, kept, published in (
        ("scripts.train", "state/run.json", "run.json"),
        ("scripts.extract", "state/all.safetensors", "all/statistics.safetensors"),
    ):
        done, number = half_done(project, submitted, module, runs, kept)
        made[project.folder / done / published] = same(project.folder / done / kept)
        os.kill(number, signal.SIGKILL)
    submitted.wait()
    assert [job["JobState"] for job in submitted.jobs()] == ["FAILED", "COMPLETED"] * 2
    assert {path: same(path) for path in made} == made
    assert (project.folder / "results/demo/figures/layer_peeled/balanced.png").exists()


def test_a_preempted_training_ends_as_if_it_had_not_been(cluster, uninterrupted, tmp_path):
    project = Project.fresh(tmp_path)
    submitted = Submitted(project, cluster, f"{RUNS[0]}/run.json", *LONG)
    paused(project, submitted, RUNS[0])  # Slurm wakes it to tell it to end
    cluster.command("sbatch", "--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap=sleep 1")
    # Slurm would let a job that it took back wait for two minutes.
    wait_for(
        lambda: submitted.jobs()[-1]["Restarts"] == "1" and submitted.jobs()[-1]["Reason"] == "BeginTime", submitted
    )
    cluster.command("scontrol", "update", f"JobId={submitted.jobs()[-1]['JobId']}", "StartTime=now")
    submitted.wait()
    training = submitted.jobs()[-1]
    assert (training["JobState"], training["Restarts"]) == ("COMPLETED", "1")
    assert run_json(project.folder / RUNS[0])["resumed_at_epoch"] > 0
    assert results(project, RUNS[0]) == results(uninterrupted, RUNS[0])


def test_a_job_out_of_time_is_sent_again_with_more_and_trains_what_it_had_not_finished(
    cluster, uninterrupted, tmp_path
):
    """Two trainings share the job: one is finished when the time is over, the other goes on from its state."""
    project = Project.fresh(tmp_path)
    submitted = Submitted(project, cluster, *[f"{run}/run.json" for run in RUNS], *LONG)
    done, _ = half_done(project, submitted, "scripts.train", RUNS, "state/run.json")
    (going,) = {*RUNS} - {done}
    paused(project, submitted, going)
    before, first = run_json(project.folder / done / "state"), submitted.jobs()[-1]
    cluster.command("scontrol", "update", f"JobId={first['JobId']}", "EndTime=now")
    submitted.wait()
    ended, again = submitted.jobs()[-2:]
    assert (ended["JobId"], ended["JobState"], again["JobState"]) == (first["JobId"], "TIMEOUT", "COMPLETED")
    assert minutes(again["TimeLimit"]) == 2 * minutes(first["TimeLimit"])
    assert run_json(project.folder / done) == before
    assert run_json(project.folder / going)["resumed_at_epoch"] > 0
    for run in RUNS:
        assert results(project, run) == results(uninterrupted, run)


def minutes(limit):
    hours, rest, _ = limit.split(":")
    return 60 * int(hours) + int(rest)
