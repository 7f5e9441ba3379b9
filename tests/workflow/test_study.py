"""A study goes through the workflow: its trials are runs, and a grid takes its values from it."""

import csv
import json
import os
import signal
import time

import pytest
import yaml
from tests.workflow.project import GRID, PAPER, job_of
from tests.workflow.test_tools import call

TABLE = "results/demo/tables/one_cell/tuned.csv"
TRIALS = "results/demo/tables/one_cell/trials.csv"
CELL = {"dataset": "digits", "model": "mlp", "width": 16, "noise": 0.1}
STUDY = {
    "grid": [CELL | {"counts": [[20] * 10]}],
    "search": {"learning_rate": {"log": [0.01, 0.5]}},
    "sampler": "random",
    "trials": 3,
    "objective": "clean",
    "held_out": 10,
}


DRAW = """
from matplotlib import pyplot as plt
def draw(tuned, trials):
    return plt.figure()
"""


def with_study(project, study=STUDY, paper=None, block=None):
    """The project with a table of tuned runs and one of the study's trials."""
    described = yaml.safe_load((project.folder / PAPER).read_text())
    columns = {"nc1": {"metric": "nc1"}}
    tables = {
        "tuned": {"title": "Tuned runs", "key_columns": ["dataset", "learning_rate"], "columns": columns},
        "trials": {"title": "Trials", "key_columns": ["dataset", "noise"], "study": "rates"},
    }
    described["figures"] = {"fig1": {"title": "Tuned", "tables": tables}}
    (project.folder / PAPER).write_text(yaml.safe_dump(described | (paper or {}), sort_keys=False))
    (project.folder / "workflow/figures/one_cell/fig1.py").write_text(DRAW)
    grid = {"tuned": [block or CELL | {"counts": [[30] * 10], "from_study": "rates"}]}
    scale = {"deviations": "nothing", "tables": grid, "studies": {"rates": study}}
    (project.folder / GRID).write_text(yaml.safe_dump(scale, sort_keys=False))
    return project


@pytest.fixture(scope="module")
def studied(one_cell, tmp_path_factory):
    """The project with its study, before and after: what was planned, and what was made."""
    project = with_study(one_cell.copy(tmp_path_factory.mktemp("study") / "project"))
    planned = project.planned("fig1")
    project.run("fig1")
    return project, planned


def folder_of(project):
    (folder,) = (project.folder / "results/demo/studies/one_cell").glob("rates-*")
    return folder


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_until_a_study_has_chosen_a_dry_run_shows_the_study(studied):
    _, planned = studied
    assert planned.items() >= {"study_worker": 1, "study_result": 1, "studies_chose": 1, "tabulate_study": 1}.items()
    assert "train" not in planned


def test_trials_are_runs_and_the_best_ones_values_are_the_grids(studied):
    project, _ = studied
    trials = rows(folder_of(project) / "trials.csv")
    assert [row["trial"] for row in trials] == ["0", "1", "2"]
    best = json.loads((folder_of(project) / "best.json").read_text())
    assert float(trials[best["trial"]]["objective"]) == max(float(row["objective"]) for row in trials)
    for row in trials:
        folder = project.folder / "results/runs" / row["run"]
        recipe = json.loads((folder / "recipe.json").read_text())
        assert recipe["protocol"]["learning_rate"] == float(row["learning_rate"])
        assert not (folder / "state").exists()
        (measured,) = folder.glob("features-*/metrics.csv")
        held_out = [
            line["value"] for line in rows(measured)
            if (line["split"], line["classes"], line["metric"]) == ("held_out", "all", "accuracy")
        ]  # fmt: skip
        assert held_out == [row["objective"]]
    (tuned,) = rows(project.folder / TABLE)
    assert float(tuned["learning_rate"]) == best["values"]["learning_rate"]
    assert tuned["runs"] == "2 ok"
    plan = rows(project.folder / "results/demo/plans/one_cell/tuned.csv")
    assert {float(line["learning_rate"]) for line in plan} == {best["values"]["learning_rate"]}


def test_the_trials_are_a_tidy_table(studied):
    project, _ = studied
    table = rows(project.folder / TRIALS)
    assert [row["trial"] for row in table] == ["0", "1", "2"]
    assert {(row["dataset"], row["noise"], row["parameter"], row["log"]) for row in table} == {
        ("digits", "0.1", "learning_rate", "True")
    }
    assert [row["chosen"] for row in table].count("True") == 1
    assert float(table[-1]["best_so_far"]) == max(float(row["objective"]) for row in table)


def test_what_is_made_is_not_made_again_and_what_was_lost_is(studied, tmp_path):
    project = studied[0].copy(tmp_path / "project")
    assert project.planned("fig1") == {}
    (folder_of(project) / "best.json").unlink()
    planned = project.planned("fig1")
    assert (planned["study_result"], planned.get("study_worker")) == (1, None)
    before = (folder_of(project) / "trials.csv").read_bytes()
    project.run("fig1")
    assert (folder_of(project) / "trials.csv").read_bytes() == before


def test_a_changed_search_is_another_study_beside_the_first(studied, tmp_path):
    project = studied[0].copy(tmp_path / "project")
    changed = STUDY | {"search": {"learning_rate": {"log": [0.01, 0.4]}}}
    with_study(project, changed)
    for target in (TRIALS, "fig1"):
        assert project.planned(target)["study_worker"] == 1
    project.run("fig1")
    (first,), (second,) = rows(studied[0].folder / TABLE), rows(project.folder / TABLE)
    assert first["learning_rate"] != second["learning_rate"]
    assert len(list((project.folder / "results/demo/studies/one_cell").glob("rates-*/best.json"))) == 2
    assert project.planned("fig1") == {}


def test_a_worker_killed_in_a_trial_ends_with_the_trials_of_one_left_alone(studied, one_cell, tmp_path):
    whole = (folder_of(studied[0]) / "trials.csv").read_bytes()
    project = with_study(one_cell.copy(tmp_path / "project"))
    process = project.start(TRIALS)
    journal = project.folder / "results/state/studies/one_cell" / f"{folder_of(studied[0]).name}.journal"
    deadline = time.monotonic() + 120
    while not (journal.exists() and journal.read_text().count("learning_rate") >= 2):  # it has asked for two trials
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(job_of(process, "scripts.study_worker"), signal.SIGKILL)
    process.communicate()
    project.run(TRIALS)
    assert (folder_of(project) / "trials.csv").read_bytes() == whole


def test_a_studys_trials_and_journal_are_not_pruned(studied, tmp_path):
    project = studied[0].copy(tmp_path / "project")
    trials = [project.folder / "results/runs" / row["run"] for row in rows(folder_of(project) / "trials.csv")]
    assert "2 runs that no table or study asks for" in call(project, "prune_results", "--yes")  # those of one_cell
    assert "nothing to delete" in call(project, "prune_results")
    assert all((trial / "run.json").exists() for trial in trials)
    assert "journals of studies" in call(project, "list_results")
    assert "0 of no table" in call(project, "index_runs")


@pytest.mark.parametrize(("study", "block", "message"), [
    (STUDY, CELL | {"counts": [[30] * 10], "from_study": "rate"}, "unknown study in from_study of tables.tuned 'rate'"),
    (STUDY, CELL | {"counts": [[30] * 10], "from_study": "rates", "learning_rate": 0.1},
     "learning_rate is the study's: the block gives it too"),
    (STUDY | {"held_out": 130}, None, "held_out 130: digits has 120 train samples of class 0"),
    (STUDY | {"objective": "exact"}, None, "studies.rates.objective"),
    (STUDY | {"grid": [CELL | {"noise": [0.1, 0.2]}]}, None, "imbalance.k_major: Field required"),
])  # fmt: skip
def test_a_mistake_is_one_clear_error_before_any_training(one_cell, tmp_path, study, block, message):
    assert message in with_study(one_cell.copy(tmp_path / "project"), study, block=block).error(TABLE)


def mistaken(project, path, keys, value):
    """The project with one value of a YAML file changed."""
    file = project.folder / path
    data = yaml.safe_load(file.read_text())
    place = data
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    file.write_text(yaml.safe_dump(data, sort_keys=False))
    return project


@pytest.mark.parametrize(("path", "keys", "value", "message"), [
    (PAPER, ("figures", "fig1", "tables", "trials", "study"), "rate", "unknown study of tables.trials 'rate'"),
    (GRID, ("tables", "trials"), [{"noise": 0.1}], "tables.trials: a table of a study's trials has no grid"),
    (GRID, ("tables", "tuned", 0, "from_study"), ["rates"], "unknown study in from_study of tables.tuned ['rates']"),
    (PAPER, ("figures", "fig1", "tables", "tuned", "moment"), ["initial"], "initial needs measure_initial: true"),
])  # fmt: skip
def test_a_name_or_a_moment_that_no_study_or_run_has_is_an_error(one_cell, tmp_path, path, keys, value, message):
    project = with_study(one_cell.copy(tmp_path / "project"))
    assert message in mistaken(project, path, keys, value).error("fig1")
