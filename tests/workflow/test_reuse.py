"""What is finished is never trained again: judged by the content of run.json, which says when a training ended."""

import json
import os
import random
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from tests.workflow.project import CELL, Project, cell, job_of, write_paper

RUNS = f"results/runs/{CELL}"
STAGES = {"prepare_data", "train", "extract", "measure"}
LONG = ("--config", "protocol={epochs: 600}")
LONG_CELL = cell({"epochs": 600})


@pytest.fixture
def project(one_cell, tmp_path):
    """A project in which the figure was made, at seeds 0 and 1."""
    return one_cell.copy(tmp_path / "project")


def trainings(project, runs="results/runs"):
    """Content of every run.json, by the run's folder."""
    folder = project.folder / runs
    return {str(path.parent.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("seed-*/run.json"))}


def statistics(project):
    return {path: path.read_bytes() for path in project.folder.glob("results/runs/**/statistics.safetensors")}


def rewrite(project, change, name="one_cell"):
    """Change what a paper's two files say; a paper that is not there begins as the other."""
    folder = project.folder / "config/papers" / name
    if not folder.exists():
        write_paper(folder)
    paths = folder / "paper.yaml", folder / "scales/demo.yaml"
    files = [yaml.safe_load(path.read_text()) for path in paths]
    change(*files)
    for path, file in zip(paths, files, strict=True):
        path.write_text(yaml.safe_dump(file, sort_keys=False))


def stages(project, *arguments):
    """Jobs of the stages before tables that a dry run plans."""
    return {rule: count for rule, count in project.planned(*arguments).items() if rule.removesuffix("_seed") in STAGES}


def test_more_seeds_train_the_new_ones_alone(project):
    before = trainings(project)
    project.run("fig1", "--config", "seeds=[0, 1, 2]")
    after = trainings(project)
    assert set(after) == {*before, f"{CELL}/seed-2"}
    assert before.items() <= after.items()
    assert project.planned("fig1", "--config", "seeds=[0, 1, 2]") == {}
    assert stages(project, "fig1") == {}  # and fewer seeds none


@pytest.mark.parametrize(
    "settings",
    [
        "bundle_seeds=false",
        "threads=2",
        "device=cpu",
        "gpus_per_job=2",
        "jobs_per_gpu=2",
        "save_every=1",
        "say_every=1",
    ],
)
def test_how_the_jobs_are_run_redoes_nothing(one_cell, settings):
    assert one_cell.planned("fig1", "--config", settings) == {}


def test_seeds_made_one_by_one_and_together_are_the_same_runs(project):
    """Bundled, then not, then bundled again, with a seed more each time."""
    runs = trainings(project)
    for seeds, bundled in (("[0, 1, 2]", "false"), ("[0, 1, 2, 3]", "true")):
        project.run("fig1", "--config", f"seeds={seeds}", f"bundle_seeds={bundled}")
        assert runs.items() <= trainings(project).items()
        runs = trainings(project)
    assert len(runs) == 4


def test_an_axis_added_to_a_grid_renames_nothing(project):
    before = trainings(project)

    def add(paper, grid):
        grid["tables"]["fig1"][0]["measurements"] = 1
        grid["tables"]["fig1"][0]["activation"] = ["relu", "identity"]
        paper["figures"]["fig1"]["tables"]["fig1"]["key_columns"].append("activation")

    rewrite(project, add)
    project.run("fig1")
    assert len(trainings(project)) == 4
    assert before.items() <= trainings(project).items()


def test_a_changed_learning_rate_overwrites_nothing_and_changed_back_trains_nothing(project):
    before = trainings(project)
    changed = ("--config", "protocol={learning_rate: 0.05}")
    project.run("fig1", *changed)
    assert len(trainings(project)) == 4
    assert before.items() <= trainings(project).items()
    assert stages(project, "fig1") == stages(project, "fig1", *changed) == {}


def test_a_run_that_a_second_paper_needs_is_shared(project):
    before = trainings(project)
    rewrite(project, lambda paper, grid: paper.update(title="Another"), "second")
    figures = project.folder / "workflow/figures"
    shutil.copytree(figures / "one_cell", figures / "second")
    assert stages(project, "second") == {}
    project.run("second")
    assert trainings(project) == before


def test_another_layer_is_measured_and_nothing_trained(project):
    before, measured = trainings(project), statistics(project)
    rewrite(project, lambda paper, grid: grid["tables"]["fig1"][0].update(measured_layers="features"))
    assert stages(project, "fig1") == {"extract": 1, "measure": 1}
    project.run("fig1")
    assert trainings(project) == before
    assert measured.items() < statistics(project).items()  # in a folder of its own
    assert {path.parent.name for path in statistics(project)} == {"all", "features"}


def test_a_copied_run_is_used_without_snakemakes_records(project, tmp_path):
    """A colleague's runs alone, older than the data here: no adoption, no training."""
    other = Project.one_cell(tmp_path / "other")
    shutil.copytree(project.folder / RUNS, other.folder / RUNS)
    for path in (other.folder / RUNS).rglob("*"):
        os.utime(path, (1e9, 1e9))
    before = trainings(other)
    assert stages(other, "fig1") == {}
    other.run("fig1")
    assert trainings(other) == before
    for path in (other.folder / RUNS).rglob("metrics.csv"):
        path.unlink()
    other.run("fig1")  # prepares the data too, to measure on
    assert trainings(other) == before


def doctored(project):
    """What is made of a run whose recipe.json tells of another learning rate than it was trained at."""
    path = project.folder / RUNS / "seed-1/recipe.json"
    recipe = json.loads(path.read_text())
    recipe["protocol"]["learning_rate"] = 0.05
    path.write_text(json.dumps(recipe))


def other_dataset(project):
    path = project.folder / RUNS / "seed-1/run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"dataset_sha256": "0" * 64}))


def other_seed(project):
    shutil.rmtree(project.folder / RUNS / "seed-1")
    shutil.copytree(project.folder / RUNS / "seed-0", project.folder / RUNS / "seed-1")


ANOTHER_RUN = "seed-1 holds another run than its name says"


@pytest.mark.parametrize(
    ("doctor", "missing", "message"),
    [
        (doctored, "tables", ANOTHER_RUN),
        (doctored, "statistics", ANOTHER_RUN),
        (doctored, "run.json of seed 0", ANOTHER_RUN),
        (other_seed, "tables", ANOTHER_RUN),
        (other_dataset, "tables", "seed-1 was trained on other images than results/data/digits holds now"),
    ],
)
def test_a_doctored_run_is_refused_by_name_by_every_job_that_reads_it(project, doctor, missing, message):
    doctor(project)
    removed = {
        "tables": ["results/demo/tables"],
        "statistics": [f"{RUNS}/seed-1/all/statistics.safetensors", f"{RUNS}/seed-1/all/metrics.csv"],
        "run.json of seed 0": [f"{RUNS}/seed-0/run.json", f"{RUNS}/seed-0/all"],
    }[missing]
    for name in removed:
        path = project.folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    done = project.snakemake("fig1")
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_moved_and_touched_results_plan_no_job_before_the_tables(project):
    """Times decide nothing: not those of a copy without times, nor of files touched in any order."""
    folder = project.folder / "elsewhere"
    (project.folder / "results").rename(folder)
    shutil.rmtree(project.folder / ".snakemake")
    paths = sorted(folder.rglob("*"))
    random.Random(0).shuffle(paths)
    for i, path in enumerate(paths):
        os.utime(path, (1e9 + i, 1e9 + i))
    assert stages(project, "fig1", "--config", "results=elsewhere") == {}


def test_a_deleted_dataset_is_prepared_anew_and_nothing_trained(project):
    before, measured = trainings(project), statistics(project)
    shutil.rmtree(project.folder / "results/data")
    for path in (project.folder / RUNS).rglob("metrics.csv"):
        path.unlink()
    shutil.rmtree(project.folder / RUNS / "seed-1/all")
    project.run("fig1")
    assert trainings(project) == before
    kept = project.folder / RUNS / "seed-0/all/statistics.safetensors"
    assert kept.read_bytes() == measured[kept]


def test_one_deleted_metrics_file_is_measured_and_not_trained(project):
    before, measured = trainings(project), statistics(project)
    (project.folder / RUNS / "seed-1/all/metrics.csv").unlink()
    assert stages(project, "fig1") == {"measure": 1}
    project.run("fig1")
    assert (trainings(project), statistics(project)) == (before, measured)


def wait_for(happened, process):
    while not happened():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)


def test_a_bundled_job_killed_when_half_done_goes_on_and_the_same_call_again_does_nothing(project):
    """kill -9 of everything, when seed 0 is finished and seed 1 in progress."""
    folder = project.folder / "results/runs" / LONG_CELL
    process = project.start("fig1", *LONG)
    wait_for((folder / "seed-1/state/state.safetensors").exists, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    finished = (folder / "seed-0/state/run.json").read_bytes()
    project.run("--unlock", *LONG)
    output = project.run("fig1", *LONG)
    assert "resumed after epoch" in output
    made = trainings(project)
    assert made[f"{LONG_CELL}/seed-0"] == finished
    assert json.loads(made[f"{LONG_CELL}/seed-1"])["resumed_at_epoch"] > 0
    assert project.planned("fig1", *LONG) == {}
    project.run("fig1", *LONG)
    assert trainings(project) == made


def test_a_job_that_outlives_its_snakemake_is_not_made_again(project):
    """SIGINT to Snakemake alone: its job goes on to its end, and the next call takes what the job made."""
    process = project.start("fig1", *LONG)
    folder = project.folder / "results/runs" / LONG_CELL
    wait_for(lambda: job_of(process, "scripts.train"), process)
    job = job_of(process, "scripts.train")
    os.kill(process.pid, signal.SIGINT)
    process.communicate()
    with suppress(FileNotFoundError):
        while Path(f"/proc/{job}/cmdline").read_bytes():  # empty for a process that nobody has asked how it ended
            time.sleep(0.05)
    assert (folder / "seed-1/run.json").exists()
    before = trainings(project)
    project.run("fig1", *LONG)
    assert trainings(project) == before
    assert project.planned("fig1", *LONG) == {}


def test_two_snakemakes_on_one_results_folder_end_with_one_training(tmp_path):
    """From two folders, as two people share a disk: who comes second waits, then skips."""
    first, second = (Project.one_cell(tmp_path / name) for name in ("first", "second"))
    shared = ("fig1", "--config", f"results={tmp_path}/shared", "protocol={epochs: 300}", "say_every=0")
    processes = [project.start(*shared) for project in (first, second)]
    said = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    folder = tmp_path / "shared/runs" / cell({"epochs": 300})
    runs = {path.parent.name: path.read_bytes() for path in folder.glob("*/run.json")}
    assert set(runs) == {"seed-0", "seed-1"}
    for seed in runs:  # each was trained by one job alone
        assert sum(f"{seed}  epoch 300/300" in text for text in said) == 1
    for project in (first, second):
        assert stages(project, *shared) == {}


def test_a_table_can_have_more_seeds_than_the_others(project):
    """The others' seeds come from one job, as ever; its own further seeds one by one."""
    before = trainings(project)

    def add(paper, grid):
        table = paper["figures"]["fig1"]["tables"]["fig1"]
        paper["figures"]["fig2"] = {"title": "More seeds", "tables": {"fig2": table}}
        grid["tables"]["fig2"] = grid["tables"]["fig1"]
        grid["seeds"] = {"fig2": [0, 1, 2, 3, 4]}

    rewrite(project, add)
    figures = project.folder / "workflow/figures/one_cell"
    shutil.copy2(figures / "fig1.py", figures / "fig2.py")
    assert stages(project, "fig2") == {"train_seed": 3, "extract_seed": 3, "measure_seed": 3}
    project.run("fig1", "fig2")
    assert len(trainings(project)) == 5
    assert before.items() <= trainings(project).items()
    tables = project.folder / "results/demo/tables/one_cell"
    assert [len((tables / f"{name}_seeds.csv").read_text().splitlines()) - 1 for name in ("fig1", "fig2")] == [2, 5]
    assert project.planned("fig1", "fig2") == {}


def test_nothing_to_do_is_seen_before_torch_is_imported(project):
    """Forced to run, the jobs end well where no torch can be imported."""
    before, measured = trainings(project), statistics(project)
    blocked = project.folder / "workflow/torch"
    blocked.mkdir()
    (blocked / "__init__.py").write_text("raise ImportError('torch was imported')")
    project.run("--forcerun", "train", "extract", "--until", "extract", "--", "fig1")
    assert (trainings(project), statistics(project)) == (before, measured)


def test_checkpoints_that_are_not_kept_go_once_all_that_is_asked_is_measured(project):
    """A second table asks for other layers: with only one of its two measurings done, a run keeps its weights."""
    for name in ("runs", "demo"):
        shutil.rmtree(project.folder / "results" / name)

    def add(paper, grid):
        table = paper["figures"]["fig1"]["tables"]["fig1"]
        paper["figures"]["fig1"]["tables"]["few"] = table | {"measure": {"measured_layers": "features"}}
        grid["tables"]["few"] = grid["tables"]["fig1"]

    whole = project.copy(project.folder.with_name("whole"))
    for made in (project, whole):
        rewrite(made, add)
    none = ("--config", "keep_checkpoints=none")
    run = project.folder / "results/runs" / CELL / "seed-0"
    project.run("results/demo/tables/one_cell/fig1.csv", *none)
    assert len(list((run / "checkpoints").iterdir())) == 1
    project.run("results/demo/tables/one_cell/few.csv", *none)
    assert not list(project.folder.glob("results/runs/**/epoch-*.safetensors"))
    assert (run / "run.json").exists()
    whole.run("results/demo/tables/one_cell/fig1.csv", "results/demo/tables/one_cell/few.csv")
    for table in ("fig1_seeds.csv", "few_seeds.csv"):
        files = [made.folder / "results/demo/tables/one_cell" / table for made in (project, whole)]
        assert files[0].read_bytes() == files[1].read_bytes()
    assert stages(project, "results/demo/tables/one_cell/few.csv") == {}

    # What was not asked for then can not be had without the training.
    rewrite(project, lambda paper, grid: grid["tables"]["fig1"][0].update(bn_modes=[["eval"]]))
    failed = project.snakemake("results/demo/tables/one_cell/fig1.csv")
    assert failed.returncode != 0
    assert (
        "is gone, as with keep_checkpoints: none: new statistics need the training again"
        in failed.stdout + failed.stderr
    )
