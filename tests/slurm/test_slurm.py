"""The workflow on a real Slurm: the figure it makes, and trainings that Slurm interrupts."""

import json
import re
import subprocess
import time

import pytest
from tests.slurm.cluster import Cluster, missing
from tests.workflow.project import BIN, TINY, Project

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(
        bool(missing()), reason=f"{', '.join(missing())} not found: install Debian's slurm-wlm and munge"
    ),
]

# The profile as users have it; only its waits are shorter, and the accounting that this Slurm lacks is not asked for.
PROFILE = ("--workflow-profile", "slurm", "--slurm-status-command", "squeue", "--latency-wait", "5")
WAITS = ("--slurm-init-seconds-before-status-checks", "1", "--seconds-between-status-checks", "1")
CELL = "layer_peeled/digits/mlp/majority-7x140_ratio-70_oversampling-5_decay-0.01"
SEEDS = ("seed-0", "seed-1")
RUNS, STATES = ([f"results/{kind}/{CELL}/{seed}" for seed in SEEDS] for kind in ("demo/runs", "state/demo"))
# Long enough to be interrupted: Slurm looks for jobs that are out of their time every 30 seconds.
LONG = ("--config", "protocol={epochs: 5000}", "seeds=[0, 1]", "bundle_seeds=false", "save_every=1")


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


def run_json(project, folder):
    return json.loads((project.folder / folder / "run.json").read_text())


def test_a_figure_made_by_slurm_is_the_one_made_here_and_takes_a_job_a_stage(cluster, tmp_path):
    here, there = (Project.fresh(folder) for folder in (tmp_path / "here", tmp_path / "there"))
    submitted = Submitted(there, cluster, "balanced", *TINY, "bundle_seeds=false")
    here.run("balanced", *TINY)
    submitted.wait()
    assert [job["JobState"] for job in submitted.jobs()] == ["COMPLETED"] * 3  # subsets, training, measuring
    tables = sorted(path.relative_to(here.folder) for path in here.folder.glob("results/demo/runs/**/metrics.csv"))
    assert len(tables) == 2
    for path in [
        *tables,
        "results/demo/tables/layer_peeled/balanced.csv",
        "results/demo/claims/layer_peeled/balanced.csv",
    ]:
        assert (there.folder / path).read_bytes() == (here.folder / path).read_bytes()
    assert (there.folder / "results/demo/figures/layer_peeled/balanced.png").exists()


def test_a_preempted_training_ends_as_if_it_had_not_been(cluster, uninterrupted, tmp_path):
    project = Project.fresh(tmp_path)
    submitted = Submitted(project, cluster, f"{RUNS[0]}/run.json", *LONG)
    wait_for(lambda: (project.folder / STATES[0] / "previous.safetensors").exists(), submitted)
    cluster.command("sbatch", "--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap=sleep 1")
    # Slurm would let a job that it took back wait for two minutes.
    wait_for(
        lambda: submitted.jobs()[-1]["Restarts"] == "1" and submitted.jobs()[-1]["Reason"] == "BeginTime", submitted
    )
    cluster.command("scontrol", "update", f"JobId={submitted.jobs()[-1]['JobId']}", "StartTime=now")
    submitted.wait()
    training = submitted.jobs()[-1]
    assert (training["JobState"], training["Restarts"]) == ("COMPLETED", "1")
    assert run_json(project, RUNS[0])["resumed_at_epoch"] > 0
    assert results(project, RUNS[0]) == results(uninterrupted, RUNS[0])


def test_a_job_out_of_time_is_sent_again_with_more_and_trains_what_it_had_not_finished(
    cluster, uninterrupted, tmp_path
):
    """Two trainings share the job: one is finished when the time is over, the other goes on from its state."""
    project = Project.fresh(tmp_path)
    submitted = Submitted(project, cluster, *[f"{run}/run.json" for run in RUNS], *LONG)
    in_turn = []

    def half_done():
        for done, going in ((0, 1), (1, 0)):
            states = [project.folder / STATES[run] for run in (done, going)]
            if (states[0] / "run.json").exists() and (states[1] / "previous.safetensors").exists():
                in_turn[:] = done, going
        return in_turn

    wait_for(half_done, submitted)
    first, (done, going) = submitted.jobs()[-1], in_turn
    before = run_json(project, STATES[done])
    cluster.command("scontrol", "update", f"JobId={first['JobId']}", "EndTime=now")
    submitted.wait()
    ended, again = submitted.jobs()[-2:]
    assert (ended["JobId"], ended["JobState"], again["JobState"]) == (first["JobId"], "TIMEOUT", "COMPLETED")
    assert minutes(again["TimeLimit"]) == 2 * minutes(first["TimeLimit"])
    assert run_json(project, RUNS[done]) == before
    assert run_json(project, RUNS[going])["resumed_at_epoch"] > 0
    for run in RUNS:
        assert results(project, run) == results(uninterrupted, run)


def minutes(limit):
    hours, rest, _ = limit.split(":")
    return 60 * int(hours) + int(rest)
