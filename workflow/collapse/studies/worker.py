"""A worker of a study: asks Optuna for trials and tells how good they were, until its share is complete."""

import hashlib
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, TrialState

from collapse.recipe import Recipe
from collapse.studies.journal import open_study
from collapse.studies.spec import Search, Study

STARTUP = 10  # trials at random before a sampler has anything to learn from


def work(study: Study, worker: int, journal: Path, value_of: Callable[[Recipe], float]) -> list[FrozenTrial]:
    """Complete the worker's share of the trials; returns them, in order. `value_of`: recipe of a trial -> objective.

    A trial that the worker left running when it was killed is dead, and counted as failed. The next one has the same
    values, as the sampler is seeded by the number of trials the worker has completed: so a study that was killed ends
    with the trials of one that was not.
    """
    opened = open_study(journal, study.folder)
    for trial in opened.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
        if trial.user_attrs.get("worker", 0 if study.workers == 1 else None) == worker:
            opened.tell(trial.number, state=TrialState.FAIL)
    while (done := len(completed(opened, worker))) < study.share(worker):
        opened.sampler = sampler(study, worker, done)
        trial = opened.ask(distributions(study))
        trial.set_user_attr("worker", worker)
        value = value_of(study.recipe(trial.params))
        opened.tell(trial, value)
        said = f"trial {done + 1}/{study.share(worker)}  {trial.params}  objective {value:.4f}"
        print(f"{study.folder}  {said}", flush=True)
    return completed(opened, worker)


def completed(study: optuna.Study, worker: int) -> list[FrozenTrial]:
    """A worker's completed trials, in order."""
    trials = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    return [trial for trial in trials if trial.user_attrs["worker"] == worker]


def distributions(study: Study) -> dict[str, BaseDistribution]:
    """Optuna's distribution of each searched axis."""
    return {axis: distribution(search) for axis, search in study.search.items()}


def distribution(search: Search) -> BaseDistribution:
    """Optuna's distribution of these values."""
    if search.one_of:
        return CategoricalDistribution(search.one_of)
    low, high = search.ends()
    return FloatDistribution(low, high, log=search.log is not None)


def sampler(study: Study, worker: int, done: int) -> optuna.samplers.BaseSampler:
    """The sampler of a worker's next trial, when it has completed `done`."""
    text = f"{study.hash} {study.seed} {worker} {done}"
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
    if study.sampler == "random":
        return optuna.samplers.RandomSampler(seed)
    if study.sampler == "tpe":
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP)
    if study.sampler == "gp":
        with experimental():
            return optuna.samplers.GPSampler(seed=seed, n_startup_trials=STARTUP, deterministic_objective=True)
    fixed = sobol_point(study, worker + done * study.workers)
    with experimental():
        return optuna.samplers.PartialFixedSampler(fixed, optuna.samplers.RandomSampler(seed))


def experimental() -> AbstractContextManager[None]:
    """A context for samplers that Optuna calls experimental: its version is pinned."""
    return warnings.catch_warnings(category=ExperimentalWarning, action="ignore")


def sobol_point(study: Study, number: int) -> dict[str, Any]:
    """Values of the point of that number, from 0, of Optuna's scrambled Sobol sequence.

    From a study in memory: Optuna counts the points that it has given, also to trials of killed workers.
    """
    seed = int.from_bytes(hashlib.sha256(f"{study.hash} {study.seed}".encode()).digest()[:4])
    with experimental():
        drawn = optuna.create_study(sampler=optuna.samplers.QMCSampler(qmc_type="sobol", scramble=True, seed=seed))
    space = distributions(study)
    # Optuna takes its sequence from the second trial on.
    drawn.add_trial(optuna.trial.create_trial(value=0, params=study.example, distributions=space))
    points = [drawn.ask(space).params for _ in range(number + 1)]
    return points[-1]
