"""A training that was cut off ends as one that was not, bit for bit."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from collapse.atomic_io import read_json
from collapse.data.store import read_split
from collapse.data.subsets import draw, write_rows
from collapse.recipe import Recipe
from collapse.training.device import acquire_slot
from collapse.training.run import RunContext, Stopped, forget, publish, train_run
from collapse.training.state import CURRENT, PREVIOUS, Locked, load_state, locked, save_state

CELL = "paper/digits/mlp/variant"
RUN, STATE = f"runs/{CELL}/seed-0", f"state/{CELL}/seed-0"
WORKFLOW = Path(__file__).parents[2] / "workflow"


@pytest.fixture
def work(recipe, digits, tmp_path):
    rows = draw(read_split(digits, "train")[1], recipe.class_counts(), recipe.seeds.data)

    def make(name, **how):
        return RunContext(dataset=digits, rows=rows, state=tmp_path / name, device=torch.device("cpu"), **how)

    return make


def weights(state):
    return {path.name: path.read_bytes() for path in (state / "checkpoints").iterdir()}


def losses(state):
    return [line.rsplit(",", 1)[0] for line in (state / "history.csv").read_text().splitlines()]  # without the seconds


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lbfgs"])
def test_a_training_stopped_after_every_epoch_ends_with_the_same_bits(optimizer, recipe, work):
    protocol = recipe.protocol.model_copy(update={"optimizer": optimizer, "learning_rate": 0.01})
    recipe = recipe.model_copy(update={"protocol": protocol, "keep_checkpoints": "all"})
    train_run(recipe, work("whole"))
    stopped = work("cut", stop=lambda: True)
    for _ in range(protocol.epochs):
        with pytest.raises(Stopped):
            train_run(recipe, stopped)
    train_run(recipe, work("cut"))
    assert weights(stopped.state) == weights(work("whole").state)
    assert len(weights(stopped.state)) == protocol.epochs
    assert losses(stopped.state) == losses(work("whole").state)
    assert read_json(stopped.state / "run.json")["resumed_at_epoch"] == protocol.epochs


def test_a_training_stopped_between_its_phases_ends_with_the_same_bits(recipe, work):
    first = {"epochs": 2, "frozen": ["fc2", "classifier"]}
    recipe = Recipe.model_validate(
        recipe.model_dump()
        | {
            "protocol": recipe.protocol.model_dump()
            | {"first_phase": first, "optimizer": "adam", "learning_rate": 1e-3}
        }
        | {"architecture": {"frozen": ["fc1"]}}
    )
    train_run(recipe, work("whole"))
    for _ in range(2 + recipe.protocol.epochs):
        with pytest.raises(Stopped):
            train_run(recipe, work("cut", stop=lambda: True))
    train_run(recipe, work("cut"))
    assert weights(work("cut").state) == weights(work("whole").state)
    assert losses(work("cut").state) == losses(work("whole").state)


def test_a_damaged_state_is_refused_and_the_one_before_it_used(recipe, work):
    train_run(recipe, work("whole"))
    for damaged, resumed_at in (((CURRENT,), 1), ((CURRENT, PREVIOUS), 0)):
        said = []
        cut = work(f"cut {resumed_at}", stop=lambda: True, log=said.append)
        for _ in range(2):
            with pytest.raises(Stopped):
                train_run(recipe, cut)
        for name in damaged:
            (cut.state / name).write_bytes((cut.state / name).read_bytes()[:-100])
        train_run(recipe, work(f"cut {resumed_at}", log=said.append))
        assert sum("is damaged" in line and "not used" in line for line in said) == len(damaged)
        assert read_json(cut.state / "run.json")["resumed_at_epoch"] == resumed_at
        assert weights(cut.state) == weights(work("whole").state)


def test_the_state_of_another_recipe_is_refused(recipe, work):
    said = []
    with pytest.raises(Stopped):
        train_run(recipe.at_seed(1), work("run", stop=lambda: True))
    train_run(recipe, work("run", log=said.append))
    assert any("of another recipe or dataset: not used" in line for line in said)
    train_run(recipe, work("whole"))
    assert weights(work("run").state) == weights(work("whole").state)


def test_a_finished_run_is_not_trained_again_but_published_again(recipe, work, tmp_path):
    train_run(recipe, work("run"))
    before = (tmp_path / "run" / "run.json").read_bytes()
    train_run(recipe, work("run"))
    assert (tmp_path / "run" / "run.json").read_bytes() == before
    for _ in range(2):
        publish(tmp_path / "run", tmp_path / "results")
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == [
        "checkpoints", "history.csv", "recipe.json", "run.json",
    ]  # fmt: skip
    # What Snakemake deletes when another job of its group failed is still there, until forgotten.
    shutil.rmtree(tmp_path / "results")
    train_run(recipe, work("run"))
    publish(tmp_path / "run", tmp_path / "results")
    assert (tmp_path / "results" / "run.json").read_bytes() == before
    forget(tmp_path / "run")
    forget(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_finished_run_with_a_damaged_checkpoint_is_trained_again(recipe, work):
    train_run(recipe, work("run"))
    whole = weights(work("run").state)
    (path,) = (work("run").state / "checkpoints").iterdir()
    path.write_bytes(path.read_bytes()[:-50])
    train_run(recipe, work("run"))
    assert weights(work("run").state) == whole


def test_another_recipe_in_the_place_of_a_finished_run_is_trained(recipe, work, tmp_path):
    train_run(recipe, work("run"))
    before = (tmp_path / "run" / "run.json").read_bytes()
    train_run(recipe.at_seed(1), work("run"))
    assert (tmp_path / "run" / "run.json").read_bytes() != before


def test_two_trainings_of_one_run_exclude_each_other(recipe, work, tmp_path):
    with locked(tmp_path / "run"), pytest.raises(Locked, match="another process trains this run"):
        train_run(recipe, work("run"))
    train_run(recipe, work("run"))


def test_a_state_is_whatever_was_put_in(tmp_path):
    tree = {"a": {1: torch.arange(3), "b": [None, 0.1, "x", (torch.ones(()), 2**60)]}, "empty": {}}
    save_state(tmp_path, tree, "me")
    loaded = load_state(tmp_path, "me")
    assert torch.equal(loaded["a"][1], torch.arange(3))
    assert loaded["a"]["b"][:3] == [None, 0.1, "x"]
    assert loaded["a"]["b"][3] == [torch.ones(()), 2**60]
    assert loaded["empty"] == {}
    assert load_state(tmp_path, "somebody else", log=lambda line: None) is None


def test_places_are_taken_once_and_freed(tmp_path):
    places = ["gpu-0-0", "gpu-1-0"]
    with acquire_slot(places, tmp_path) as first, acquire_slot(places, tmp_path) as second:
        assert (first, second) == (0, 1)
    with acquire_slot(places, tmp_path) as again:
        assert again == 0


def command(recipe, digits, folder, seeds=(0,), workers=1):
    rows = folder / "rows.csv"
    labels = read_split(digits, "train")[1]
    write_rows(rows, draw(labels, recipe.class_counts(), 0), labels)
    options = {
        "recipe": [recipe.model_dump_json()], "seeds": seeds, "dataset": [digits / "manifest.json"],
        "rows": [rows] * len(seeds),
        "out": [folder / "runs" / CELL / f"seed-{seed}/run.json" for seed in seeds], "state": [folder / "state"],
        "save-every": [0], "device": ["cpu"], "locks": [folder], "threads": [1], "workers": [workers],
    }  # fmt: skip
    arguments = [str(part) for option, values in options.items() for part in (f"--{option}", *values)]
    return [sys.executable, "-P", "-m", "scripts.train", *arguments]


def start(arguments):
    return subprocess.Popen(
        arguments, env=os.environ | {"PYTHONPATH": str(WORKFLOW)}, stderr=subprocess.PIPE, text=True
    )


def test_ten_kills_at_random_moments_change_nothing(recipe, digits, tmp_path):
    """kill -9, started again each time: the same bits, and each kill costs the epoch it fell into, no more."""
    recipe = recipe.model_copy(update={"protocol": recipe.protocol.model_copy(update={"epochs": 200})})
    folders = [tmp_path / name for name in ("whole", "killed")]
    for folder in folders:
        folder.mkdir()
    whole = start(command(recipe, digits, folders[0]))
    said = whole.communicate()[1]
    assert whole.returncode == 0, said
    chance, kills, log = random.Random(0), 0, ""
    while kills < 10:
        process = start(command(recipe, digits, folders[1]))
        line = process.stderr.readline()  # the first epoch of this attempt, or what it resumes from
        log += line
        time.sleep(chance.uniform(0, 0.1))
        assert process.poll() is None, "it ended before it could be killed ten times: train for longer"
        process.send_signal(signal.SIGKILL)
        log += process.communicate()[1]
        kills += 1
    last = start(command(recipe, digits, folders[1]))
    log += last.communicate()[1]
    assert last.returncode == 0, log
    assert weights(folders[0] / RUN) == weights(folders[1] / RUN)
    assert losses(folders[0] / RUN) == losses(folders[1] / RUN)
    resumed = [int(line.split()[-1]) for line in log.splitlines() if "resumed after epoch" in line]
    assert len(resumed) >= 9
    assert resumed == sorted(resumed)
    assert not (folders[1] / STATE / CURRENT).exists()


def test_sigterm_saves_the_state_at_the_end_of_the_epoch(recipe, digits, tmp_path):
    recipe = recipe.model_copy(update={"protocol": recipe.protocol.model_copy(update={"epochs": 3000})})
    arguments = command(recipe, digits, tmp_path)
    arguments[arguments.index("--save-every") + 1] = "1000"
    process = start(arguments)
    process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    assert "run again to go on from there" in process.communicate()[1]
    assert process.returncode == 128 + signal.SIGTERM
    assert (tmp_path / STATE / CURRENT).exists()
    assert not (tmp_path / RUN).exists()


def test_runs_trained_side_by_side_are_those_trained_one_after_the_other(recipe, digits, tmp_path):
    seeds, folders = (0, 1, 2), [tmp_path / "together", tmp_path / "in turn"]
    for folder, workers in zip(folders, (2, 1), strict=True):
        folder.mkdir()
        process = start(command(recipe, digits, folder, seeds, workers))
        said = process.communicate()[1]
        assert process.returncode == 0, said
    together, in_turn = ([weights(folder / "runs" / CELL / f"seed-{seed}") for seed in seeds] for folder in folders)
    assert together == in_turn
    assert together[0] != together[1]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_trainings_side_by_side_stop_together(number, code, recipe, digits, tmp_path):
    """A kill -9 reaches only their parent: they see that it is gone."""
    recipe = recipe.model_copy(update={"protocol": recipe.protocol.model_copy(update={"epochs": 3000})})
    process = start(command(recipe, digits, tmp_path, (0, 1), workers=2))
    said = ""
    while not ("seed-0  epoch" in said and "seed-1  epoch" in said):  # both have begun
        said += process.stderr.readline()
    process.send_signal(number)
    assert process.communicate()[1].count("run again to go on from there") == 2
    assert process.returncode == code
    assert all((tmp_path / "state" / CELL / f"seed-{seed}" / CURRENT).exists() for seed in (0, 1))
