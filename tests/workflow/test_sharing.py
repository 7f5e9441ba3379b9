"""Results of a colleague, copied in without Snakemake's records: used where they are the same, never where not."""

import json
import os
import shutil
import subprocess

import pytest
from tests.workflow.project import BIN, CELL, ROOT

RUNS = f"results/demo/runs/{CELL}"


@pytest.fixture
def dropped_in(one_cell, tmp_path):
    """A project into which all of a colleague's results were copied, the runs first: all look older than their data."""
    project = one_cell.copy(tmp_path)
    shutil.rmtree(tmp_path / ".snakemake")
    for path in sorted((tmp_path / "results").rglob("*")):
        newest = 1 if "data" in path.relative_to(tmp_path).parts else 0
        os.utime(path, (1e9 + newest, 1e9 + newest))
    return project


def adopt(project):
    """What `make adopt` does."""
    project.run("--until", "draw_subset")
    project.run("--until", "measure", "--touch")


def weights(project):
    return {path: path.read_bytes() for path in project.folder.rglob("epoch-*.safetensors")}


def test_the_make_target_is_what_is_tested_here():
    makefile = (ROOT / "Makefile").read_text()
    assert "--until draw_subset --cores $(CORES) $(ARGS)" in makefile
    assert "--until measure --touch --cores 1 $(ARGS)" in makefile


def test_runs_copied_in_are_not_trained_over_but_adopted_and_used(dropped_in):
    before = weights(dropped_in)
    assert "2 runs, as results/demo/runs/one_cell/digits/mlp/ratio-20/seed-0, were copied" in dropped_in.error("fig1")
    assert weights(dropped_in) == before
    adopt(dropped_in)
    jobs = dropped_in.planned("fig1")
    assert not {"train", "extract", "measure", "prepare_data", "draw_subset"} & set(jobs)
    assert jobs["tabulate"] == jobs["render"] == 1  # a table of other seeds would look the same
    dropped_in.run("fig1", "--until", "tabulate")
    assert weights(dropped_in) == before
    assert not {"train", "extract", "measure", "tabulate"} & set(dropped_in.planned("fig1"))


def test_runs_without_their_dataset_are_adopted_too(dropped_in):
    shutil.rmtree(dropped_in.folder / "results" / "data")
    adopt(dropped_in)
    assert "train" not in dropped_in.planned("fig1")


def test_a_run_of_another_recipe_is_refused_and_made_here_once_it_is_moved_away(dropped_in):
    for changed in (("--config", "protocol={epochs: 3}"), ("--touch", "--config", "protocol={epochs: 3}")):
        assert "seed-0 holds a run of another recipe than is asked for" in dropped_in.error("fig1", *changed)
    (dropped_in.folder / RUNS).rename(dropped_in.folder / "elsewhere")
    assert dropped_in.planned("fig1", "--config", "protocol={epochs: 3}")["train"] == 1


def test_a_run_of_another_dataset_is_refused(dropped_in):
    path = dropped_in.folder / RUNS / "seed-1" / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"dataset_sha256": "0" * 64}))
    assert "seed-1 holds a run of another dataset than is asked for" in dropped_in.error("fig1")


def test_adopting_does_not_make_an_outdated_run_of_ones_own_current(one_cell, tmp_path):
    project = one_cell.copy(tmp_path)
    assert "another recipe" in project.error("--touch", "--until", "measure", "--config", "protocol={epochs: 3}")
    assert project.planned("fig1", "--config", "protocol={epochs: 3}")["train"] == 1


def listed(project):
    """Rows of `make list`: what it holds -> count, and whether it may be deleted."""
    command = [BIN / "python", "-P", "-m", "scripts.list_results"]
    environment = {"PYTHONPATH": str(project.folder / "workflow")}
    done = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True, check=True)
    _, *lines = [line.split("  ") for line in done.stdout.splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    return {holds: (int(count), delete) for holds, count, size, delete, folder in cells}


def test_the_list_says_what_may_be_deleted(one_cell, tmp_path):
    project = one_cell.copy(tmp_path)
    rows = listed(project)
    assert rows["runs that a paper asks for"] == (2, "no: trained again")
    assert rows["of these, checkpoints already measured"] == (2, "yes: only new statistics need them")
    assert rows["prepared dataset and its subsets"][0] == 1
    assert "runs that no paper asks for now" not in rows
    config = tmp_path / "config" / "config.yaml"
    config.write_text(config.read_text().replace("seeds: [0, 1]", "seeds: [0, 2]"))
    state = tmp_path / "results" / "state" / "demo" / CELL
    for seed in ("seed-0", "seed-2"):
        (state / seed).mkdir(parents=True)
    shutil.copy2(tmp_path / RUNS / "seed-0" / "run.json", state / "seed-0")
    rows = listed(project)
    assert rows["runs that a paper asks for"][0] == rows["runs that no paper asks for now"][0] == 1
    assert rows["runs that no paper asks for now"][1] == "yes"
    assert rows["states of finished runs"] == (1, "yes, while nothing trains")
    assert rows["trainings in progress"] == (1, "no: they start from nothing")
    config.write_text(config.read_text() + "protocol: {epochs: 3}\n")
    rows = listed(project)
    assert rows["runs of another recipe or dataset"] == (1, "yes: trained again anyway")
