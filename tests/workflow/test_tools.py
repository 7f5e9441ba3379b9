"""The tools beside Snakemake: what is here, who asks for it, what may go, what is still to be made."""

import csv
import fcntl
import re
import shutil
import subprocess

import pytest
import yaml
from tests.workflow.project import BIN, CELL, ROOT

RUNS = f"results/runs/{CELL}"


@pytest.fixture
def project(one_cell, tmp_path):
    """A project in which the figure was made, at seeds 0 and 1."""
    return one_cell.copy(tmp_path)


def call(project, script, *arguments, env="workflow", data=None):
    """What a tool prints; it must end well."""
    command = [ROOT / ".venv" / env / "bin/python", "-P", "-m", f"scripts.{script}", *arguments]
    environment = {"PYTHONPATH": str(project.folder / "workflow")}
    done = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True, input=data)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def listed(project):
    """Rows of `make list`: what it holds -> count, and whether it may be deleted."""
    _, *lines = (line.split("  ") for line in call(project, "list_results").splitlines())
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    return {holds: (int(count), delete) for holds, count, size, delete, first in cells}


def configure(project, **changed):
    path = project.folder / "config/config.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changed))


def test_the_list_says_what_may_be_deleted(project):
    rows = listed(project)
    assert rows["runs that a table or a study asks for"] == (2, "no: trained again")
    assert rows["of these, checkpoints already measured"] == (2, "yes: only new statistics need them")
    assert rows["prepared datasets"][0] == 1
    assert "runs that no table or study asks for" not in rows
    shutil.copytree(project.folder / RUNS / "seed-0/all", project.folder / RUNS / "seed-0/features")
    (project.folder / RUNS / "seed-2/state").mkdir(parents=True)
    (project.folder / "results/demo/runs/one_cell/digits/mlp/ratio-20/seed-0").mkdir(parents=True)
    configure(project, seeds=[0, 2])
    rows = listed(project)
    assert rows["runs that a table or a study asks for"][0] == rows["runs that no table or study asks for"][0] == 1
    assert rows["trainings in progress"] == (1, "no: they go on from there")
    assert rows["measurings that no table asks for"][0] == 1
    assert rows["results of an earlier version, which no longer reads them"][0] == 1


def test_prune_says_what_it_would_delete_and_deletes_that_alone(project):
    """A seed that is not asked for, a measuring, the layout of old; never what a process works on."""
    assert "nothing to delete" in call(project, "prune_results", "--yes")
    project.run("fig1", "--config", "seeds=[0, 1, 2, 3]")
    runs = project.folder / RUNS
    shutil.copytree(runs / "seed-0/all", runs / "seed-0/features")
    former = project.folder / "results/demo/runs/one_cell"
    (former / "digits/mlp/ratio-20/seed-0").mkdir(parents=True)
    before = {path for path in (project.folder / "results").rglob("*") if path.is_file()}
    said = call(project, "prune_results")
    assert "2 runs that no table or study asks for" in said
    for folder in (runs / "seed-2", runs / "seed-3", runs / "seed-0/features", former):
        assert str(folder.relative_to(project.folder)) in said
    assert "Nothing was deleted" in said
    assert {path for path in (project.folder / "results").rglob("*") if path.is_file()} == before
    with (runs / "seed-3/.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert f"kept, as a process works on it: {RUNS}/seed-3" in call(project, "prune_results", "--yes")
    after = {path for path in (project.folder / "results").rglob("*") if path.is_file()}
    gone = [runs / "seed-2", runs / "seed-0/features"]
    assert before - after == {path for path in before if any(folder in path.parents for folder in gone)}
    assert not former.exists()
    assert project.planned("fig1") == {"tabulate": 1, "check_claims": 1, "render": 1}  # now at two seeds


def test_the_index_has_a_line_for_each_run_and_says_who_asks_for_it(project):
    assert "2 runs (2 ok), 0 of no table" in call(project, "index_runs")
    configure(project, seeds=[0])
    path = project.folder / RUNS / "seed-1/recipe.json"
    path.write_text(path.read_text().replace("0.1", "0.2", 1))
    assert "1 of no table" in call(project, "index_runs")
    with (project.folder / "results/runs/index.csv").open() as file:
        first, second = csv.DictReader(file)
    assert (first["hash"], first["seed"], first["status"], first["tables"], first["measurings"]) == (
        CELL[-12:], "0", "ok", "one_cell/demo/fig1", "all",
    )  # fmt: skip
    assert '"learning_rate": 0.1' in first["recipe"]
    assert second["tables"] == ""
    assert "holds another run than its name says" in second["status"]


def test_explain_names_exactly_the_keys_that_differ(project):
    project.run("fig1", "--config", "protocol={learning_rate: 0.05, momentum: 0.5}")
    cells = sorted((project.folder / RUNS).parent.iterdir(), key=lambda path: path.name != CELL.rpartition("/")[2])
    said = call(project, "explain_runs", cells[0], cells[1] / "seed-1")
    assert re.findall(r"^    ([\w.]+): (.*)$", said, flags=re.MULTILINE) == [
        ("protocol.learning_rate", "0.1 | 0.05"), ("protocol.momentum", "0.0 | 0.5"),
        *((f"seeds.{name}", "0 | 1") for name in ("data", "noise", "init", "order")),
    ]  # fmt: skip
    assert "made with the same data, device, versions and code" in said
    assert "the same recipe" in call(project, "explain_runs", cells[0], cells[0])


def planned(project, *arguments):
    """Numbers of `make plan`, by their names."""
    recipes = call(project, "list_recipes", "--target", "fig1", *arguments)
    shutil.copytree(ROOT / "benchmarks", project.folder / "benchmarks", dirs_exist_ok=True)
    said = call(project, "estimate_cost", "--plan", env="torch", data=recipes)
    return {name: value for name, _, value in (line.partition(":") for line in said.splitlines())}


def test_a_plan_counts_the_runs_that_a_dry_run_plans(project):
    apart = ("--config", "seeds=[0, 1, 2]", "bundle_seeds=false")
    (project.folder / RUNS / "seed-1/all/metrics.csv").unlink()
    jobs, said = project.planned("fig1", *apart), planned(project, *apart)
    assert (int(said["to train"]), int(said["to measure"])) == (jobs["train"], jobs["measure"]) == (1, 2)
    assert said["runs"].split(",")[0].strip() == "3"
    weights = (project.folder / RUNS / "seed-0/checkpoints/epoch-0002.safetensors").stat().st_size / 1e6
    assert float(said["disk"].split()[0]) == pytest.approx(weights, rel=0.05)
    done = subprocess.run(
        [BIN / "python", "-m", "scripts.list_recipes", "--target", "fig7"],
        cwd=project.folder,
        env={"PYTHONPATH": "workflow"},
        capture_output=True,
        text=True,
    )
    assert done.stderr.startswith("error: unknown target fig7 at scale demo; valid choices: all, one_cell, ")


def test_a_run_made_again_from_its_folder_alone_is_the_same_bit_for_bit(project):
    run = project.folder / RUNS / "seed-1"
    assert "epoch 2: the same, bit for bit" in call(project, "remake_run", run, env="torch")
    checkpoint = run / "checkpoints/epoch-0002.safetensors"
    weights = bytearray(checkpoint.read_bytes())
    weights[-1] ^= 1
    checkpoint.write_bytes(weights)
    command = [ROOT / ".venv/torch/bin/python", "-P", "-m", "scripts.remake_run", run]
    environment = {"PYTHONPATH": str(project.folder / "workflow")}
    done = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "epoch 2: not the same; the largest difference of a weight is" in done.stdout


def test_make_passes_folders_on_to_explain(project):
    """They are no targets of make, nor of Snakemake."""
    command = ["make", "--dry-run", "--file", ROOT / "Makefile", "explain", f"{RUNS}/seed-0", f"{RUNS}/seed-1"]
    said = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=True).stdout
    assert f"scripts.explain_runs {RUNS}/seed-0 {RUNS}/seed-1" in said
    assert "snakemake --cores" not in said
