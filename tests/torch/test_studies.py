"""Studies: their trials do not depend on when a worker was killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from optuna.trial import TrialState

from collapse.atomic_io import read_json
from collapse.strict import ConfigError
from collapse.studies.journal import mend, open_study
from collapse.studies.result import Unfinished, write_result
from collapse.studies.spec import Study, StudyEntry, studies_of
from collapse.studies.worker import sobol_point, work

ROOT = Path(__file__).parents[2]
AXES = {"dataset": "digits", "classes": [0, 1], "model": "mlp", "counts": [100, 100], "noise": 0.2}
PROTOCOL = {"learning_rate": 0.1, "weight_decay": 1e-3, "batch_size": 64, "epochs": 4}
SEARCH = {"learning_rate": {"log": [1e-3, 0.5]}, "lr_factor": {"one_of": [0.01, 0.1, 0.5]}}


def study(**changes):
    told = {"name": "rates", "axes": AXES, "protocol": PROTOCOL, "search": SEARCH, "sampler": "tpe", "trials": 14,
            "objective": "clean", "held_out": 20, "source": "demo.yaml, studies.rates"}  # fmt: skip
    return Study.model_validate(told | changes)


def peak(recipe):
    """An objective with its peak at a step size of 0.05 and a factor of 0.1."""
    rate, factor = recipe.protocol.learning_rate, recipe.protocol.lr_factor
    return -((np.log(rate / 0.05)) ** 2) - (factor - 0.1) ** 2


def result(told, journal, folder):
    """trials.csv, as text, and best.json."""
    trials, best = folder / "trials.csv", folder / "best.json"
    folder.mkdir(exist_ok=True)
    write_result(told, journal, folder, trials, best)
    return trials.read_text(), read_json(best)


WORKER = """
import json, sys, time
from pathlib import Path
from collapse.studies.spec import Study
from collapse.studies.worker import work
from tests.torch.test_studies import peak

def slowly(recipe):
    print("trial", flush=True)
    time.sleep(0.1)
    return peak(recipe)

work(Study.model_validate_json(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), slowly)
"""


def started(told, worker, journal):
    """A worker in a process of its own, which finds the library and this file."""
    arguments = [sys.executable, "-c", WORKER, told.model_dump_json(), str(worker), str(journal)]
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'workflow'}{os.pathsep}{ROOT}"}
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment)


def kill_after(process, trials, seconds):
    """kill -9, that many seconds after it has begun its trial of that number."""
    lines = iter(process.stdout.readline, b"")
    for _ in range(trials):
        assert b"trial\n" in lines  # reads on to the next
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    ended(process)


def ended(process):
    """Exit status of a process, once it has ended."""
    process.communicate()
    return process.returncode


@pytest.mark.parametrize("sampler", ["random", "qmc", "tpe", "gp"])
def test_a_study_killed_twice_ends_with_the_rows_of_one_left_alone(sampler, tmp_path):
    told = study(sampler=sampler)
    work(told, 0, tmp_path / "alone.journal", peak)
    generator = np.random.default_rng()
    for _ in range(2):
        moment = generator.uniform(0, 0.2)
        kill_after(started(told, 0, tmp_path / "killed.journal"), generator.integers(1, 6), moment)
    assert ended(started(told, 0, tmp_path / "killed.journal")) == 0
    alone, killed = (result(told, tmp_path / f"{name}.journal", tmp_path) for name in ("alone", "killed"))
    assert killed == alone
    states = {trial.state for trial in open_study(tmp_path / "killed.journal", told.folder).trials}
    assert states <= {TrialState.COMPLETE, TrialState.FAIL}  # no trial of a killed worker counts as running
    rates = [float(line.split(",")[2]) for line in alone[0].splitlines()[1:]]
    assert len(set(rates)) == told.trials


def test_a_sampler_that_learns_looks_where_the_objective_is_great(tmp_path):
    for sampler in ("tpe", "gp"):
        told = study(sampler=sampler)
        trials = work(told, 0, tmp_path / f"{sampler}.journal", peak)
        values = [trial.value for trial in trials]
        assert np.mean(values[10:]) > np.mean(values[:10])


def test_two_workers_one_of_them_killed_share_the_trials(tmp_path):
    told, journal = study(workers=2, trials=11), tmp_path / "shared.journal"
    one, other = (started(told, worker, journal) for worker in (0, 1))
    kill_after(one, 2, 0.05)
    again = started(told, 0, journal)
    assert ended(again) == ended(other) == 0
    rows = [line.split(",") for line in result(told, journal, tmp_path)[0].splitlines()[1:]]
    assert [row[0] for row in rows] == list(map(str, range(11)))
    assert [row[1] for row in rows].count("0") == 6
    assert len({tuple(row[2:4]) for row in rows}) == 11


def test_a_journal_cut_in_its_last_line_opens_and_the_study_ends_as_if_it_were_whole(tmp_path):
    told, journal = study(sampler="random", trials=4), tmp_path / "cut.journal"
    whole = work(told, 0, journal, peak)
    lines = journal.read_bytes().splitlines(keepends=True)
    for cut in (lines[-1][:-1], lines[-1][:10], b""):  # within the last line; before it
        journal.write_bytes(b"".join(lines[:-1]) + cut)
        assert [trial.params for trial in work(told, 0, journal, peak)] == [trial.params for trial in whole]
    mend(tmp_path / "absent.journal")


def test_a_journal_that_lacks_trials_is_refused(tmp_path):
    told = study(trials=3)
    work(study(trials=2, search=SEARCH), 0, tmp_path / "short.journal", peak)
    open_study(tmp_path / "other.journal", told.folder)
    with pytest.raises(Unfinished, match=r"has 0 trials of worker 0, not 3: delete worker-\*\.json"):
        result(told, tmp_path / "other.journal", tmp_path)


def test_the_best_trial_is_the_first_of_the_greatest(tmp_path):
    told = study(sampler="random", trials=6)
    text, best = result(told, journal_of(told, tmp_path, lambda recipe: recipe.protocol.learning_rate > 0.05), tmp_path)
    rows = [line.split(",") for line in text.splitlines()[1:]]
    first = next(int(row[0]) for row in rows if float(row[4]) == 1)
    assert best["trial"] == first
    assert best["values"]["learning_rate"] == float(rows[first][2])
    assert sum(best["importances"].values()) == pytest.approx(1)


def journal_of(told, folder, value):
    work(told, 0, folder / "any.journal", lambda recipe: float(value(recipe)))
    return folder / "any.journal"


def test_equal_trials_have_no_importances(tmp_path):
    told = study(sampler="random", trials=3)
    assert result(told, journal_of(told, tmp_path, lambda recipe: 1), tmp_path)[1]["importances"] == {}


@pytest.mark.parametrize("change", [
    {"search": SEARCH | {"learning_rate": {"log": [1e-3, 0.4]}}}, {"search": {"learning_rate": {"log": [1e-3, 0.5]}}},
    {"sampler": "random"}, {"trials": 15}, {"objective": "noisy"}, {"held_out": 21}, {"seed": 1}, {"workers": 2},
    {"axes": AXES | {"noise": 0.1}}, {"protocol": PROTOCOL | {"epochs": 5}},
])  # fmt: skip
def test_another_search_is_another_study(change):
    assert study(**change).hash != study().hash


def test_what_does_not_change_trials_does_not_rename_the_study():
    assert study(source="elsewhere", sampler="tpe", seed=0).folder == study().folder
    again = Study.model_validate_json(study().model_dump_json())
    assert again.hash == study().hash


def test_sobol_points_fill_the_space_evenly_and_do_not_depend_on_the_ones_asked_before():
    told = study(sampler="qmc")
    points = [sobol_point(told, number) for number in range(8)]
    assert sobol_point(told, 3) == points[3]
    logs = np.log([point["learning_rate"] for point in points])
    cells = np.floor(8 * (logs - np.log(1e-3)) / np.log(500)).astype(int)
    assert points == [sobol_point(told, number) for number in range(8)]
    assert sorted(cells) == list(range(8))  # one in each eighth: a (0, 3, 2) net


@pytest.mark.parametrize(("changes", "message"), [
    ({"search": {"learning_rat": {"log": [1, 2]}}}, "unknown axis in search"),
    ({"search": {"held_out": {"one_of": [1]}}}, "unknown axis in search"),
    ({"search": {"learning_rate": {"log": [0, 1]}}}, "of log both above 0"),
    ({"search": {"learning_rate": {"uniform": [2, 1]}}}, "least, greatest"),
    ({"search": {"learning_rate": {"log": [1, 2], "one_of": [1]}}}, "exactly one of uniform, log, one_of"),
    ({"grid": [AXES | {"learning_rate": 0.1}]}, "learning_rate stands in grid and in search"),
])  # fmt: skip
def test_a_study_that_can_not_be_is_named(changes, message):
    told = {"grid": [AXES], "search": SEARCH, "objective": "clean", "held_out": 20}
    with pytest.raises(ValueError, match=message):
        StudyEntry.model_validate(told | changes)


@pytest.mark.parametrize(("axes", "entry", "message"), [
    (AXES, {"held_out": 100}, "held_out 100: digits has 40 train samples"),
    (AXES | {"noise": 0.0}, {"objective": "noisy"}, "objective noisy needs changed labels"),
    (AXES, {"search": {"smoothing": {"uniform": [0.1, 0.2]}}}, "smoothing: cross_entropy has none"),
    (AXES, {"search": {"learning_rate": {"one_of": [0.1, -1]}}}, "learning_rate"),
])  # fmt: skip
def test_a_trial_that_could_not_run_is_an_error_before_any_training(axes, entry, message):
    block = axes | {"classes": [[0, 1]], "counts": [[100, 100]]}  # of a grid, where a list is of values
    told = {"grid": [block], "search": SEARCH, "objective": "clean", "held_out": 20} | entry
    with pytest.raises(ConfigError, match=message):
        studies_of("rates", StudyEntry.model_validate(told), PROTOCOL, {}, "demo.yaml, studies.rates")
