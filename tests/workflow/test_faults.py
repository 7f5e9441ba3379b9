"""Faults, each caused for real: what the user is told, that nothing finished is lost, and how it goes on."""

import csv
import json
import os
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.workflow.project import BIN, CELL, GRID, PAPER, cell, job_of

RUNS = Path("results/runs") / CELL
SEED = RUNS / "seed-0"
MEASURED = [SEED / "all/metrics.csv", SEED / "all/statistics.safetensors"]
DATA = Path("results/data/digits")
TRAINED = str(SEED / "run.json")  # as a target
TABLE = Path("results/demo/tables/one_cell/fig1.csv")
LONG = ("--config", "protocol={epochs: 600}")  # its state is saved several times
LONG_RUNS = Path("results/runs") / cell({"epochs": 600})
LONG_TRAINED = str(LONG_RUNS / "seed-0/run.json")
MEMORY = 1_500_000 * 1024  # enough for Snakemake, too little for torch


@pytest.fixture
def project(one_cell, tmp_path):
    """A project in which the figure was made."""
    return one_cell.copy(tmp_path)


def files(project, pattern):
    return {path: path.read_bytes() for path in project.folder.glob(f"results/{pattern}") if path.is_file()}


def failed(project, *arguments):
    """What a run prints in which a job fails; errors that name their remedy come without Python's traceback."""
    done = project.snakemake("fig1", *arguments)
    assert done.returncode != 0
    return done.stdout + done.stderr


def delete(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def cut_off(path):
    path.write_bytes(path.read_bytes()[:-50])


def counts(project):
    """How many runs each row of the figure's table stands for."""
    with (project.folder / TABLE).open() as file:
        return [row["cos_minor_n"] for row in csv.DictReader(file)]


def wait_for(path, process):
    while not path.exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)


def unmade(project):
    """The project with its data and nothing trained."""
    for folder in ("results/demo", "results/runs", ".snakemake"):
        shutil.rmtree(project.folder / folder)
    return project


@pytest.mark.parametrize(
    ("damaged", "missing", "message", "remedy", "made"),
    [
        (DATA / "train.safetensors", [RUNS], "is not the file its manifest describes: delete", DATA, TRAINED),
        (SEED / "checkpoints/epoch-0002.safetensors", MEASURED, "is not the checkpoint", SEED, MEASURED[1]),
        (MEASURED[1], MEASURED[:1], "can not be read", MEASURED[1], MEASURED[0]),
        (MEASURED[0], [TABLE], "is cut off: delete it", MEASURED[0], "fig1"),
    ],
    ids=["dataset", "checkpoint", "statistics", "metrics"],
)
def test_a_truncated_file_is_named_and_its_remedy_works(project, damaged, missing, message, remedy, made):
    """`made`: what the job makes that stops at the damaged file; once the figure, as all the way is the same."""
    cut_off(project.folder / damaged)
    for path in missing:
        delete(project.folder / path)
    output = failed(project)
    assert f"{damaged} {message}" in output
    assert "Traceback" not in output
    delete(project.folder / remedy)
    project.run(str(made))
    assert project.planned(str(made)) == {}


def test_a_wrong_md5_is_named_and_nothing_of_it_is_used(project):
    paper = project.folder / GRID
    paper.write_text(paper.read_text().replace("dataset: digits", "dataset: fashion_mnist"))
    raw = project.folder / "data/FashionMNIST/raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte.gz").write_bytes(b"not what was published")
    output = failed(project, "--config", "download=false")
    assert "train-images-idx3-ubyte.gz has the wrong md5. Remedy: point data_root" in output
    assert "Traceback" not in output
    assert not (project.folder / "results/data/fashion_mnist/manifest.json").exists()


def test_a_full_disk_is_named_keeps_what_is_finished_and_goes_on(project):
    full = unmade(project).folder / "results"
    data = shutil.move(full / "data", project.folder / "kept")
    shutil.rmtree(full)
    full.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=240k", "tmpfs", full], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small file system can not be mounted here: that takes root")
    try:
        shutil.copytree(data, full / "data")
        output = failed(project)
        assert "could not be written (" in output
        assert "No space left on device" in output
        assert "Traceback" not in output
        assert not list(full.rglob("*.part"))
        subprocess.run(["mount", "-o", "remount,size=20m", full], check=True)
        project.run(TRAINED)
    finally:
        subprocess.run(["umount", full], check=True)


def test_a_read_only_results_folder_is_named_before_any_training(project):
    folder = unmade(project).folder / "results"
    mounted = subprocess.run(["mount", "--bind", folder, folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("nothing can be mounted here: that takes root")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        output = failed(project)
    finally:
        subprocess.run(["umount", folder], check=True)
    assert "Read-only file system" in output
    assert "results" in output
    assert "epoch 1/" not in output
    project.run(TRAINED)


def test_too_little_memory_is_said_so(project):
    command = [str(BIN / "snakemake"), "--cores", "1", "fig1"]
    done = subprocess.run(
        command,
        cwd=unmade(project).folder,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )
    assert done.returncode != 0
    assert "error: not enough memory (" in done.stdout
    assert "--cores" in done.stdout
    project.run(TRAINED)


def test_kill_9_of_snakemake_itself_leaves_a_training_that_the_next_call_waits_for(project):
    """SIGKILL reaches Snakemake alone: the training job it started is an orphan that still holds its run."""
    process = unmade(project).start("fig1", *LONG)
    wait_for(project.folder / LONG_RUNS / "seed-0/state/state.safetensors", process)
    process.kill()
    process.wait()
    os.killpg(process.pid, signal.SIGSTOP)  # a training that takes its time
    assert "Directory cannot be locked" in project.error("fig1", *LONG)  # the stale lock of the killed one
    project.run("--unlock")
    second = project.start("fig1", *LONG)
    log = project.folder / "results/logs/train" / f"{LONG_RUNS.relative_to('results/runs')}.log"
    while not log.exists() or "another process works on this run; waiting until it has ended" not in log.read_text():
        assert second.poll() is None, second.communicate()[0]
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    output, _ = second.communicate()
    assert second.returncode == 0, output
    assert "resumed after epoch" in output
    runs = [json.loads(path.read_text()) for path in (project.folder / LONG_RUNS).glob("seed-*/run.json")]
    assert any(run["resumed_at_epoch"] > 0 for run in runs)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_training_job_fails_alone_and_goes_on_from_its_state(project, number):
    process = unmade(project).start("fig1", *LONG)
    wait_for(project.folder / LONG_RUNS / "seed-0/state/state.safetensors", process)
    job = job_of(process, "scripts.train")
    os.kill(job, number)
    output, _ = process.communicate()
    assert process.returncode != 0
    assert "failed: train, of which results/logs/train/digits/mlp/" in output
    assert output.endswith("what is finished is kept: the same command goes on from there\n")
    assert not (project.folder / LONG_TRAINED).exists()
    assert "resumed after epoch" in project.run(LONG_TRAINED, *LONG)


def test_after_an_interrupt_the_way_to_go_on_is_the_last_thing_said(project):
    process = unmade(project).start("fig1", *LONG)
    wait_for(project.folder / LONG_RUNS / "seed-0/state/state.safetensors", process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    output, _ = process.communicate()
    assert process.returncode != 0
    assert output.splitlines()[-1].startswith("interrupted: what is finished is kept; the same command goes on")
    assert "resumed after epoch" in project.run(LONG_TRAINED, *LONG)


def test_a_killed_measuring_job_costs_no_training(project):
    for path in (project.folder / RUNS).glob("*/all/metrics.csv"):
        path.unlink()
    trained = files(project, "runs/**/epoch-*") | files(project, "runs/**/statistics.safetensors")
    process = project.start("fig1")
    while not (job := job_of(process, "scripts.measure")):
        assert process.poll() is None
    os.kill(job, signal.SIGKILL)
    output, _ = process.communicate()
    assert process.returncode != 0
    assert "failed: measure, of which" in output
    assert "train" not in project.planned("fig1")
    project.run(str(MEASURED[0]))
    assert files(project, "runs/**/epoch-*") | files(project, "runs/**/statistics.safetensors") == trained


def test_two_workflows_on_one_folder_exclude_each_other(project):
    first = unmade(project).start(LONG_TRAINED, *LONG)
    wait_for(project.folder / LONG_RUNS / "seed-0/state/state.safetensors", first)
    os.killpg(first.pid, signal.SIGSTOP)  # it takes its time
    assert "Directory cannot be locked" in project.error("fig1", *LONG)
    os.killpg(first.pid, signal.SIGCONT)
    output, _ = first.communicate()
    assert first.returncode == 0, output
    assert project.planned(LONG_TRAINED, *LONG) == {}


def test_a_figure_with_half_of_its_seeds_diverged_is_drawn_with_the_others_and_says_so(project):
    """A fit that diverges is a result: the table counts the others, and says why this one has no value at the end."""
    run, metrics = (project.folder / SEED / name for name in ("run.json", "all/metrics.csv"))
    run.write_text(json.dumps(json.loads(run.read_text()) | {"status": "diverged", "reason": "diverged in epoch 2"}))
    metrics.write_text(metrics.read_text().replace("\n2,", "\n1,"))  # its last finite epoch
    project.run("fig1")
    assert counts(project) == ["1"]
    with (project.folder / TABLE).with_name("fig1_seeds.csv").open() as file:
        assert [(row["status"], row["reason"]) for row in csv.DictReader(file)] == [
            ("diverged", "diverged in epoch 2"), ("ok", ""),
        ]  # fmt: skip
    assert project.planned("fig1") == {}


def test_a_figure_all_of_whose_seeds_diverged_for_real_is_drawn_and_says_so(project):
    """An infinite step: every stage ends, nothing is redone, and the table has no value rather than a wrong one."""
    wild = ("--config", "protocol={learning_rate: 1.0e+38}")
    project.run("fig1", *wild)
    assert counts(project) == ["0"]
    with (project.folder / TABLE).open() as file:
        assert [row["runs"] for row in csv.DictReader(file)] == ["2 diverged"]
    run = project.folder / "results/runs" / cell({"learning_rate": 1e38}) / "seed-0/run.json"
    assert json.loads(run.read_text())["reason"].startswith("diverged in epoch 1")
    assert project.planned("fig1", *wild) == {}


def test_a_column_of_a_misspelt_layer_is_an_error_that_lists_the_layers(project):
    paper = project.folder / PAPER
    paper.write_text(paper.read_text().replace("layer: classifier", "layer: clasifier"))
    output = failed(project)
    assert f"error: {GRID}, tables.fig1: column cos_minor asks for layer clas" in output
    assert "they have classifier, head, flatten, fc1" in output


def test_a_figure_half_of_whose_jobs_crashed_is_drawn_with_the_seeds_that_are_there(project):
    """A run's folder can not be made where a file has its name."""
    apart = ("--config", "bundle_seeds=false")
    blocked = unmade(project).folder / RUNS / "seed-1"
    blocked.parent.mkdir(parents=True)
    blocked.touch()
    assert "seed-1 can not be written" in failed(project, *apart)
    trained = (project.folder / SEED / "run.json").read_bytes()
    assert not (project.folder / TABLE).exists()
    project.run("fig1", *apart, "seeds=[0]")
    assert counts(project) == ["1"]
    blocked.unlink()
    project.run(str(TABLE), *apart)
    assert counts(project) == ["2"]
    assert (project.folder / SEED / "run.json").read_bytes() == trained


def test_a_moved_results_folder_is_used_where_it_is(project, tmp_path):
    shutil.move(tmp_path / "results", tmp_path / "elsewhere")
    jobs = project.planned("fig1", "--config", "results=elsewhere")
    assert jobs == {}


def test_a_clock_set_back_redoes_nothing_and_loses_nothing(project):
    """Files of tomorrow: made before the clock was set back. Snakemake refuses what a job makes of them."""
    trained = files(project, "runs/**/run.json")
    tomorrow = time.time() + 86400
    for path in sorted((project.folder / "results").rglob("*"), key=lambda path: path.stat().st_mtime):
        os.utime(path, (tomorrow, tomorrow))
    assert project.planned("fig1") == {}
    (project.folder / MEASURED[0]).unlink()
    assert "clock skew" in failed(project)
    project.run("fig1", "--touch", "--forceall")
    project.run(str(TABLE))
    assert project.planned(str(TABLE)) == {}
    assert files(project, "runs/**/run.json") == trained
