"""What a results folder holds, which tables ask for it, how large it is, and what may be deleted."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from collapse.claims.language import SCALES
from collapse.identity import cell_name
from collapse.plan import Plan
from collapse.runs import read_recipe, state_folder
from collapse.strict import UserError
from collapse.studies.spec import Study

RUN = "*/*/*/seed-*"  # below runs/: dataset/model/<summary>-<hash>
REMADE = ("tables", "figures", "claims", "plans", "studies", "atlas.html", "metrics.parquet")
JOURNALS = "state/studies"
# Where earlier versions of the workflow kept runs, states and subsets.
FORMER = (*(f"{scale}/runs/*" for scale in SCALES), "state/*", "data/*/subsets")

Users = dict[str, dict[str, list[str]]]  # by the folder of a run, by measuring: tables, as paper/scale/table


@dataclass(frozen=True)
class Item:
    """One kind of thing. `prune`: nothing that the configuration asks for needs it."""

    holds: str
    paths: tuple[Path, ...]
    delete: str  # whether it may be deleted, and at what cost
    prune: bool = False

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(map(size, self.paths))


def users(plans: Iterable[Plan], runs: Path) -> Users:
    """The tables that ask for each run and measuring, and the studies of which runs in the folder `runs` are trials."""
    found: Users = defaultdict(lambda: defaultdict(list))
    plans = list(plans)
    for folder in sorted(runs.glob(RUN)):
        for plan in plans:
            for study in _studies_of(folder, plan):
                name = f"{plan.paper.name}/{plan.scale_name}/studies/{study.folder}"
                found[folder.relative_to(runs).as_posix()][study.measuring.name].append(name)
    for plan in plans:
        for table in plan.points:
            for run in plan.runs(table):
                tables, name = found[run.folder][run.measuring], f"{plan.paper.name}/{plan.scale_name}/{table}"
                if name not in tables:
                    tables.append(name)
    return found


def _studies_of(folder: Path, plan: Plan) -> Iterator[Study]:
    """The studies of a plan of which a run is a trial: at the run's values of the searched axes they have its name."""
    dataset, model, cell, seed = folder.parts[-4:]
    for study in (study for studies in plan.studies.values() for study in studies):
        if (study.axes["dataset"], study.axes["model"], f"seed-{study.seed}") == (dataset, model, seed):
            with suppress(UserError):  # a run without a recipe, or that its name does not fit, is of no study
                point = study.point._replace(axes={}, recipe=read_recipe(folder))
                if cell_name(study.recipe({axis: point.value(axis) for axis in study.search})).endswith(f"/{cell}"):
                    yield study


def inventory(results: Path, asked: Users) -> list[Item]:
    """Every kind of thing that a results folder holds; `asked` says which runs and measurings tables ask for."""
    return [item for item in _items(results, asked) if item.paths]


def _items(results: Path, asked: Users) -> Iterator[Item]:
    runs = results / "runs"
    folders = sorted(runs.glob(RUN))
    wanted = [folder for folder in folders if folder.relative_to(runs).as_posix() in asked]
    finished = [folder for folder in wanted if (folder / "run.json").exists()]
    yield Item("runs that a table or a study asks for", tuple(finished), "no: trained again")
    measured = [folder for folder in finished if _measured(folder, asked[folder.relative_to(runs).as_posix()])]
    checkpoints = [folder / "checkpoints" for folder in measured if (folder / "checkpoints").exists()]
    yield Item("of these, checkpoints already measured", tuple(checkpoints), "yes: only new statistics need them")
    unfinished = [folder for folder in wanted if folder not in finished]
    yield Item("trainings in progress", tuple(unfinished), "no: they go on from there")
    others = [folder for folder in folders if folder not in wanted]
    yield Item("runs that no table or study asks for", tuple(others), "yes", prune=True)
    measurings = [
        path.parent
        for folder in finished
        for path in sorted(folder.glob("*/statistics.safetensors"))
        if path.parent.name not in asked[folder.relative_to(runs).as_posix()]
    ]
    yield Item("measurings that no table asks for", tuple(measurings), "yes", prune=True)
    states = [state_folder(folder) for folder in finished if state_folder(folder).exists()]
    yield Item("states of finished runs", tuple(states), "yes, while nothing runs", prune=True)
    kept = results / JOURNALS
    former = [path for pattern in FORMER for path in sorted(results.glob(pattern)) if path.is_dir() and path != kept]
    yield Item("results of an earlier version, which no longer reads them", tuple(former), "yes", prune=True)
    for scale in SCALES:
        made = [results / scale / name for name in REMADE if (results / scale / name).exists()]
        yield Item(f"{scale}: {', '.join(REMADE)}", tuple(made), "yes: made again in seconds")
    journals = [kept] if kept.exists() else []
    yield Item("journals of studies", tuple(journals), "no: the studies begin anew, with runs that are there already")
    logs = [path for path in (results / "logs", *(results / scale / "logs" for scale in SCALES)) if path.exists()]
    yield Item("logs", tuple(logs), "yes")
    datasets = sorted(path.parent for path in results.glob("data/*/manifest.json"))
    yield Item("prepared datasets", tuple(datasets), "yes: prepared again, retrains nothing")


def _measured(folder: Path, measurings: Iterable[str]) -> bool:
    return all((folder / name / "metrics.csv").exists() for name in measurings)


def size(folder: Path) -> int:
    """Bytes of the files below a folder."""
    return sum(entry.lstat().st_size for path, _, files in os.walk(folder) for entry in (Path(path, f) for f in files))
