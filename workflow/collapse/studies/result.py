"""What a study came to: trials.csv and best.json, from its journal."""

from pathlib import Path

import optuna
from optuna.importance import get_param_importances
from optuna.trial import FrozenTrial, create_trial

from collapse.atomic_io import write_csv, write_json
from collapse.runs import forget
from collapse.strict import UserError
from collapse.studies.journal import open_study
from collapse.studies.spec import Study, run_folder
from collapse.studies.worker import completed, distributions


class Unfinished(UserError, RuntimeError):
    """A study whose journal lacks trials."""


def write_result(study: Study, journal: Path, results: Path, trials: Path, best: Path) -> None:
    """Write trials.csv, a row for each trial, and best.json: the values of the first trial of the greatest objective.

    Raises Unfinished for a journal that lacks trials, as one that was deleted.
    """
    found = in_order(study, journal)
    rows = []
    for number, trial in enumerate(found):
        recipe = study.recipe(trial.params)
        folder = run_folder(recipe)
        forget(results / "runs" / folder, study.measuring.name)
        rows.append((number, trial.user_attrs["worker"], *(trial.params[a] for a in study.search), trial.value, folder))
    write_csv(trials, ("trial", "worker", *study.search, "objective", "run"), rows)
    number = max(range(len(found)), key=lambda i: (found[i].value, -i))
    chosen = {"trial": number, "objective": found[number].value, "values": found[number].params}
    write_json(best, chosen | {"importances": importances(study, found), "study": study.model_dump(mode="json")})


def in_order(study: Study, journal: Path) -> list[FrozenTrial]:
    """The completed trials of all workers: the first of each, then the second of each, and so on."""
    opened = open_study(journal, study.folder)
    of_workers = [completed(opened, worker) for worker in range(study.workers)]
    for worker, trials in enumerate(of_workers):
        if len(trials) < study.share(worker):
            raise Unfinished(
                f"{journal} has {len(trials)} trials of worker {worker}, not {study.share(worker)}: delete "
                f"worker-*.json beside trials.csv, and run again"
            )
    numbered = [(i, worker, trial) for worker, trials in enumerate(of_workers) for i, trial in enumerate(trials)]
    return [trial for *_, trial in sorted(numbered, key=lambda found: found[:2])]


def importances(study: Study, trials: list[FrozenTrial]) -> dict[str, float]:
    """Share of each searched axis in the variation of the objective, by Optuna's default evaluator (PED-ANOVA).

    Empty where all trials are equally good, or there is only one.
    """
    if len({trial.value for trial in trials}) < 2:
        return {}
    told = optuna.create_study(direction="maximize")
    space = distributions(study)
    told.add_trials([create_trial(value=trial.value, params=trial.params, distributions=space) for trial in trials])
    return {axis: float(share) for axis, share in get_param_importances(told).items()}
