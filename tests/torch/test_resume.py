"""A training that was cut off ends as one that was not, bit for bit."""

import os
import random
import runpy
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
import torch

from collapse.atomic_io import read_json, write_json
from collapse.identity import identity
from collapse.recipe import Recipe
from collapse.runs import WrongRun, forget
from collapse.training.device import acquire_slot
from collapse.training.making import OtherVersion, RunContext, Stopped, publish
from collapse.training.run import train_run
from collapse.training.state import CURRENT, PREVIOUS, load_state, save_state

RUN = "digits/mlp/cell/seed-0"
WORKFLOW = Path(__file__).parents[2] / "workflow"


@pytest.fixture
def work(digits, tmp_path):
    def make(name, **how):
        return RunContext(dataset=digits, folder=tmp_path / name, device=torch.device("cpu"), **how)

    return make


def weights(run):
    return {path.name: path.read_bytes() for path in (run / "checkpoints").iterdir()}


def losses(run):
    return [line.rsplit(",", 1)[0] for line in (run / "history.csv").read_text().splitlines()]  # without the seconds


def ended(run):
    """run.json of a run that is trained and not published."""
    return read_json(run / "state/run.json")


@pytest.mark.parametrize("changed", [
    {"optimizer": "sgd"}, {"optimizer": "adam"}, {"optimizer": "adamw"}, {"optimizer": "lbfgs"},
    {"augmentation": "crop_flip"},
], ids=lambda changed: "-".join(changed.values()))  # fmt: skip
def test_a_training_stopped_after_every_epoch_ends_with_the_same_bits(changed, recipe, work):
    protocol = recipe.protocol.model_copy(update={"learning_rate": 0.01, **changed})
    recipe = recipe.model_copy(update={"protocol": protocol, "keep_checkpoints": "all"})
    recipe = recipe.model_copy(update={"versions": recipe.current_versions()})
    train_run(recipe, work("whole"))
    stopped = work("cut", stop=lambda: True)
    for _ in range(protocol.epochs):
        with pytest.raises(Stopped):
            train_run(recipe, stopped)
    train_run(recipe, work("cut"))
    assert weights(stopped.folder) == weights(work("whole").folder)
    assert len(weights(stopped.folder)) == protocol.epochs
    assert losses(stopped.folder) == losses(work("whole").folder)
    assert ended(stopped.folder)["resumed_at_epoch"] == protocol.epochs


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
    assert weights(work("cut").folder) == weights(work("whole").folder)
    assert losses(work("cut").folder) == losses(work("whole").folder)


def test_a_damaged_state_is_refused_and_the_one_before_it_used(recipe, work):
    train_run(recipe, work("whole"))
    for damaged, resumed_at in (((CURRENT,), 1), ((CURRENT, PREVIOUS), 0)):
        said = []
        cut = work(f"cut {resumed_at}", stop=lambda: True, log=said.append)
        for _ in range(2):
            with pytest.raises(Stopped):
                train_run(recipe, cut)
        for name in damaged:
            (cut.folder / "state" / name).write_bytes((cut.folder / "state" / name).read_bytes()[:-100])
        train_run(recipe, work(f"cut {resumed_at}", log=said.append))
        assert sum("is damaged" in line and "not used" in line for line in said) == len(damaged)
        assert ended(cut.folder)["resumed_at_epoch"] == resumed_at
        assert weights(cut.folder) == weights(work("whole").folder)


def test_the_state_of_another_recipe_is_refused(recipe, work):
    said = []
    with pytest.raises(Stopped):
        train_run(recipe.at_seed(1), work("run", stop=lambda: True))
    train_run(recipe, work("run", log=said.append))
    assert any("of another recipe or dataset: not used" in line for line in said)
    train_run(recipe, work("whole"))
    assert weights(work("run").folder) == weights(work("whole").folder)


def test_a_finished_run_is_not_trained_again_but_published_again(recipe, work, tmp_path):
    run = tmp_path / "run"
    train_run(recipe, work("run"))
    before = (run / "state/run.json").read_bytes()
    train_run(recipe, work("run"))
    for _ in range(2):
        publish(run)
    assert (run / "run.json").read_bytes() == before
    # What Snakemake deletes when another job of its group failed is still there, until forgotten.
    (run / "run.json").unlink()
    train_run(recipe, work("run"))
    publish(run)
    assert (run / "run.json").read_bytes() == before
    for _ in range(2):
        forget(run, "all")
    assert sorted(path.name for path in run.iterdir()) == [
        ".lock", "checkpoints", "history.csv", "recipe.json", "rows.csv", "run.json",
    ]  # fmt: skip


def test_a_finished_run_without_its_checkpoints_is_not_trained_again(recipe, work, tmp_path):
    """Who deletes them, to save space, does not ask for a second training."""
    train_run(recipe, work("run"))
    publish(tmp_path / "run")
    shutil.rmtree(tmp_path / "run/checkpoints")
    shutil.rmtree(tmp_path / "run/state")
    train_run(recipe, work("run"))
    assert not (tmp_path / "run/state").exists()


def test_an_unpublished_run_with_a_damaged_checkpoint_is_trained_again(recipe, work):
    train_run(recipe, work("run"))
    whole = weights(work("run").folder)
    (path,) = (work("run").folder / "checkpoints").iterdir()
    path.write_bytes(path.read_bytes()[:-50])
    train_run(recipe, work("run"))
    assert weights(work("run").folder) == whole


def test_a_new_training_leaves_no_statistics_of_an_earlier_one(recipe, work, tmp_path):
    for name in ("statistics.safetensors", "metrics.csv"):
        path = tmp_path / "run/all" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    train_run(recipe, work("run"))
    assert not list((tmp_path / "run/all").iterdir())


def test_another_recipe_in_the_place_of_a_finished_run_is_refused(recipe, work, tmp_path):
    train_run(recipe, work("run"))
    publish(tmp_path / "run")
    with pytest.raises(WrongRun, match="holds the run of another recipe"):
        train_run(recipe.at_seed(1), work("run"))


def test_a_recipe_of_another_version_of_the_code_is_refused(recipe, work, tmp_path):
    older = recipe.model_copy(update={"versions": {"optimizer": 7}})
    with pytest.raises(OtherVersion, match=r"of versions \{'optimizer': 7\} of the code, which is now of 1"):
        train_run(older, work("run"))
    assert not (tmp_path / "run").exists()


def test_who_finds_a_run_taken_waits_and_then_trains_nothing(recipe, digits, tmp_path):
    """Two processes, the first of which is held still until the second has said that it waits."""
    recipe = longer(recipe, 400)
    first = Forked(command(recipe, digits, tmp_path))
    first.stderr.readline()
    first.send_signal(signal.SIGSTOP)
    second = Forked(command(recipe, digits, tmp_path))
    assert "another process works on this run; waiting until it has ended" in second.stderr.readline()
    first.send_signal(signal.SIGCONT)
    assert "epoch 400/400" in first.communicate()[1]
    assert "epoch" not in second.communicate()[1]
    assert first.returncode == second.returncode == 0


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
    options = {
        "recipe": [identity(recipe)], "dataset": [digits / "manifest.json"],
        "out": [(folder / RUN).with_name(f"seed-{seed}") / "run.json" for seed in seeds],
        "save-every": [0], "say-every": [0], "device": ["cpu"], "locks": [folder], "threads": [1], "workers": [workers],
    }  # fmt: skip
    arguments = [str(part) for option, values in options.items() for part in (f"--{option}", *values)]
    return [sys.executable, "-P", "-m", "scripts.train", *arguments]


def longer(recipe, epochs):
    return recipe.model_copy(update={"protocol": recipe.protocol.model_copy(update={"epochs": epochs})})


def start(arguments):
    return subprocess.Popen(
        arguments, env=os.environ | {"PYTHONPATH": str(WORKFLOW)}, stderr=subprocess.PIPE, text=True
    )


class Forked:
    """The command, in a fork of this process: without the seconds that importing torch takes."""

    def __init__(self, arguments):
        reading, writing = os.pipe()
        with warnings.catch_warnings():  # of forking beside pytest's own threads, which the command does not use
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if not self.pid:
            os.dup2(writing, sys.stderr.fileno())
            code = 1
            try:
                sys.stderr = os.fdopen(writing, "w", buffering=1)
                sys.argv = arguments[3:]
                runpy.run_module("scripts.train", run_name="__main__", alter_sys=True)
            except SystemExit as end:
                code = end.code
            finally:
                os._exit(code)
        os.close(writing)
        self.stderr, self.returncode = os.fdopen(reading), None

    def poll(self):
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if ended else None
        return self.returncode

    def send_signal(self, number):
        os.kill(self.pid, number)

    def communicate(self):
        """As of subprocess.Popen."""
        with self.stderr:
            said = self.stderr.read()
        self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return None, said


def test_ten_kills_at_random_moments_change_nothing(recipe, digits, tmp_path):
    """kill -9, started again each time: the same bits, and each kill costs the epoch it fell into, no more."""
    recipe = longer(recipe, 200)
    folders = [tmp_path / name for name in ("whole", "killed")]
    for folder in folders:
        folder.mkdir()
    whole = Forked(command(recipe, digits, folders[0]))
    said = whole.communicate()[1]
    assert whole.returncode == 0, said
    chance, kills, log = random.Random(0), 0, ""
    while kills < 10:
        process = Forked(command(recipe, digits, folders[1]))
        line = process.stderr.readline()  # the first epoch of this attempt, or what it resumes from
        log += line
        time.sleep(chance.uniform(0, 0.1))
        assert process.poll() is None, "it ended before it could be killed ten times: train for longer"
        process.send_signal(signal.SIGKILL)
        log += process.communicate()[1]
        kills += 1
    last = Forked(command(recipe, digits, folders[1]))
    log += last.communicate()[1]
    assert last.returncode == 0, log
    assert weights(folders[0] / RUN) == weights(folders[1] / RUN)
    assert losses(folders[0] / RUN) == losses(folders[1] / RUN)
    resumed = [int(line.split()[-1]) for line in log.splitlines() if "resumed after epoch" in line]
    assert len(resumed) >= 9
    assert resumed == sorted(resumed)
    assert not (folders[1] / RUN / "state" / CURRENT).exists()


def test_sigterm_saves_the_state_at_the_end_of_the_epoch(recipe, digits, tmp_path):
    recipe = longer(recipe, 3000)
    arguments = command(recipe, digits, tmp_path)
    arguments[arguments.index("--save-every") + 1] = "1000"
    process = Forked(arguments)
    process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    assert "run again to go on from there" in process.communicate()[1]
    assert process.returncode == 128 + signal.SIGTERM
    assert (tmp_path / RUN / "state" / CURRENT).exists()
    assert not (tmp_path / RUN / "run.json").exists()


def test_runs_trained_side_by_side_are_those_trained_one_after_the_other(recipe, digits, tmp_path):
    seeds, folders = (0, 1, 2), [tmp_path / "together", tmp_path / "in turn"]
    for folder, workers in zip(folders, (2, 1), strict=True):
        folder.mkdir()
        process = start(command(recipe, digits, folder, seeds, workers))
        said = process.communicate()[1]
        assert process.returncode == 0, said
    together, in_turn = ([weights((folder / RUN).with_name(f"seed-{seed}")) for seed in seeds] for folder in folders)
    assert together == in_turn
    assert together[0] != together[1]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_trainings_side_by_side_stop_together(number, code, recipe, digits, tmp_path):
    """A kill -9 reaches only their parent: they see that it is gone."""
    recipe = longer(recipe, 3000)
    process = start(command(recipe, digits, tmp_path, (0, 1), workers=2))
    said = ""
    while not ("seed-0  epoch" in said and "seed-1  epoch" in said):  # both have begun
        said += process.stderr.readline()
    process.send_signal(number)
    assert process.communicate()[1].count("run again to go on from there") == 2
    assert process.returncode == code
    assert all(((tmp_path / RUN).with_name(f"seed-{seed}") / "state" / CURRENT).exists() for seed in (0, 1))


def test_a_file_is_on_the_disk_before_it_has_its_name_and_its_name_before_all_goes_on(tmp_path, monkeypatch):
    """Else a power cut leaves an empty file, or none, where one was written."""
    done, sync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (done.append(os.readlink(f"/proc/self/fd/{file}")), sync(file)))
    monkeypatch.setattr(os, "replace", lambda part, path: (done.append("rename"), replace(part, path)))
    write_json(tmp_path / "run.json", {"status": "ok"})
    part, renamed, folder = done
    assert part.startswith(f"{tmp_path}/.run.json.")
    assert (renamed, folder) == ("rename", str(tmp_path))


def test_the_state_stays_in_its_place_until_the_new_one_is_there(tmp_path, monkeypatch):
    save_state(tmp_path, {"epoch": 1}, "run")
    save_state(tmp_path, {"epoch": 2}, "run")
    replace = os.replace

    def cut_at_the_last_rename(part, path):
        if Path(path).name == CURRENT:
            raise KeyboardInterrupt
        replace(part, path)

    monkeypatch.setattr(os, "replace", cut_at_the_last_rename)
    with pytest.raises(KeyboardInterrupt):
        save_state(tmp_path, {"epoch": 3}, "run")
    assert (tmp_path / CURRENT).exists()
    assert load_state(tmp_path, "run") == {"epoch": 2}


@pytest.mark.parametrize("length", [0, 1, 100])
def test_a_state_that_a_power_cut_left_empty_or_cut_off_is_not_used_but_the_one_before(length, tmp_path):
    for epoch in (1, 2):
        save_state(tmp_path, {"epoch": epoch, "weights": torch.ones(50)}, "run")
    (tmp_path / CURRENT).write_bytes((tmp_path / CURRENT).read_bytes()[:length])
    said = []
    state = load_state(tmp_path, "run", said.append)
    assert state is not None
    assert state["epoch"] == 1
    assert "is damaged" in said[0]
