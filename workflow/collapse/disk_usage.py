"""What a results folder holds, how large it is, and what may be deleted."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from collapse.claims.language import SCALES
from collapse.plan import Plan

RUN = "*/*/*/*/seed-*"  # paper/dataset/model/variant
REMADE = ("tables", "figures", "claims", "pages")


@dataclass(frozen=True)
class Row:
    """One kind of thing in one folder."""

    folder: str
    holds: str
    count: int
    size: int  # bytes
    delete: str  # whether it may be deleted, and at what cost


def inventory(results: Path, plans: Iterable[Plan], seeds: Iterable[int]) -> list[Row]:
    """Every kind of thing that a results folder holds.

    Runs that the papers' grids in `plans` ask for at these seeds are listed apart from other runs.
    """
    wanted: dict[str, dict[str, str]] = {scale: {} for scale in SCALES}
    for plan in plans:
        for cell, recipe in plan.recipes.items():
            for seed in seeds:
                wanted[plan.scale_name][f"{plan.paper.name}/{cell}/seed-{seed}"] = recipe.at_seed(seed).sha256()
    rows = [row for scale in SCALES for row in _scale(results, scale, wanted[scale])]
    for folder in sorted(path for path in results.glob("data/*") if path.is_dir()):
        rows.append(_row(folder, "prepared dataset and its subsets", [folder], "yes: prepared again, retrains nothing"))
    return [row for row in rows if row.count]


def _scale(results: Path, scale: str, wanted: dict[str, str]) -> Iterator[Row]:
    runs = results / scale / "runs"
    kinds: dict[str, list[Path]] = {"wanted": [], "unwanted": [], "other": [], "unfinished": []}
    for run in sorted(runs.glob(RUN)):
        kinds[_kind(results, run, wanted.get(run.relative_to(runs).as_posix()))].append(run)
    measured = [run / "checkpoints" for run in kinds["wanted"] if (run / "metrics.csv").exists()]
    yield _row(runs, "runs that a paper asks for", kinds["wanted"], "no: trained again")
    yield _row(runs, "of these, checkpoints already measured", measured, "yes: only new statistics need them")
    yield _row(runs, "runs that no paper asks for now", kinds["unwanted"], "yes")
    for cell in dict.fromkeys(run.parent for run in kinds["other"]):
        others = [run for run in kinds["other"] if run.parent == cell]
        yield _row(cell, "runs of another recipe or dataset", others, "yes: trained again anyway")
    yield _row(runs, "runs without an end", kinds["unfinished"], "yes: made again")
    states: dict[bool, list[Path]] = {True: [], False: []}
    for state in sorted((results / "state" / scale).glob(RUN)):
        states[_published(state, runs / state.relative_to(results / "state" / scale))].append(state)
    yield _row(results / "state" / scale, "states of finished runs", states[True], "yes, while nothing trains")
    yield _row(results / "state" / scale, "trainings in progress", states[False], "no: they start from nothing")
    made = [results / scale / name for name in REMADE if (results / scale / name).exists()]
    yield _row(results / scale, "tables, figures, claims, pages", made, "yes: made again in seconds")
    logs = [folder for folder in [results / scale / "logs"] if folder.exists()]
    yield _row(results / scale / "logs", "logs", logs, "yes")


def _kind(results: Path, run: Path, recipe_sha256: str | None) -> str:
    if not (run / "run.json").exists():
        return "unfinished"
    if recipe_sha256 is None:
        return "unwanted"
    found = json.loads((run / "run.json").read_text())
    manifest = results / "data" / run.parts[-4] / "manifest.json"
    dataset = json.loads(manifest.read_text())["splits"]["train"]["sha256"] if manifest.exists() else None
    same = found["recipe_sha256"] == recipe_sha256 and dataset in (None, found["dataset_sha256"])
    return "wanted" if same else "other"


def _published(state: Path, run: Path) -> bool:
    """Whether a state belongs to a finished run whose results were published to the results folder."""
    ours, theirs = state / "run.json", run / "run.json"
    return ours.exists() and theirs.exists() and ours.read_bytes() == theirs.read_bytes()


def _row(folder: Path, holds: str, paths: list[Path], delete: str) -> Row:
    return Row(str(folder), holds, len(paths), sum(map(size, paths)), delete)


def size(folder: Path) -> int:
    """Bytes of the files below a folder."""
    return sum(entry.lstat().st_size for path, _, files in os.walk(folder) for entry in (Path(path, f) for f in files))
