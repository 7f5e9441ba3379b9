"""The folder of a run: its files, whether it is the run that its name says, and whether it is finished.

    recipe.json                 the whole truth about the run
    rows.csv                    its train subset
    history.csv                 its epochs
    checkpoints/                its kept weights
    run.json                    how it went; vouches for the files above; written last
    <measuring>/                statistics.safetensors, metrics.csv and, where samples are kept, points.csv
    state/                      what a later call of a killed or failed job goes on from

Snakemake knows run.json, statistics.safetensors and metrics.csv alone. It deletes what a failed job has newly written,
so until the job's stage is known to have ended well, state/ holds a second name (a hard link) of these files.
"""

import csv
import json
import os
import shutil
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from collapse.atomic_io import DamagedFile, read_json, replacing, sha256
from collapse.identity import cell_name, digest, hash_in
from collapse.recipe import Recipe, Seeds
from collapse.strict import UserError

POINTS = "points.csv"


class WrongRun(UserError, RuntimeError):
    """A folder that holds another run than its name says, or one that was trained on other data."""


def seed_of(folder: Path) -> int:
    """The seed in the name of a run's folder."""
    return int(folder.name.removeprefix("seed-"))


def state_folder(run: Path) -> Path:
    """Folder of what a killed or failed job of the run leaves."""
    return run / "state"


def read_recipe(folder: Path) -> Recipe:
    """The recipe of the run in a folder; raises DamagedFile, or WrongRun where it is not the run of that name."""
    data = read_json(folder / "recipe.json")
    try:
        seeds = data.pop("seeds")
        recipe, found = _parsed(json.dumps(data, sort_keys=True))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DamagedFile(f"{folder}/recipe.json is no recipe ({error}): delete {folder}, and run again") from None
    named = hash_in(folder.parent.name)
    if named is not None and (not found.startswith(named) or seeds != Seeds.all(seed_of(folder)).model_dump()):
        raise WrongRun(
            f"{folder} holds another run than its name says: its recipe.json is that of {cell_name(recipe)}, at the "
            f"seeds {seeds}. Delete that folder, and run again"
        )
    return recipe.model_copy(update={"seeds": Seeds.model_validate(seeds)})


@lru_cache(maxsize=4096)
def _parsed(text: str) -> tuple[Recipe, str]:
    """A recipe without its seeds, which are those of seed 0 here, and its digest."""
    recipe = Recipe.model_validate(json.loads(text) | {"seeds": Seeds.all(0)})
    return recipe, digest(recipe)


def read_run(folder: Path) -> tuple[Recipe, dict[str, Any]]:
    """Recipe and run.json of a finished run; raises DamagedFile and WrongRun."""
    return read_recipe(folder), read_json(folder / "run.json")


def dataset_checksum(dataset: Path) -> str:
    """Checksum of the train split of a prepared dataset, by which runs name it."""
    return read_json(dataset / "manifest.json")["splits"]["train"]["sha256"]


def check_dataset(folder: Path, run: dict[str, Any], dataset: Path) -> None:
    """Raise WrongRun where a run was not trained on this prepared dataset."""
    if run["dataset_sha256"] != dataset_checksum(dataset):
        raise WrongRun(
            f"{folder} was trained on other images than {dataset} holds now. Give the new images a name of their "
            f"own in config.yaml, or delete the runs of the old ones"
        )


def check_images(runs: Path, dataset: str, checksum: str) -> None:
    """Raise WrongRun where runs of a dataset, in the folder `runs` of all runs, were trained on another train split."""
    folders = sorted(path.parent for path in (runs / dataset).glob("*/*/seed-*/run.json"))
    others = [folder for folder in folders if read_json(folder / "run.json")["dataset_sha256"] != checksum]
    if others:
        shown = "\n  ".join(map(str, others[:3]))
        raise WrongRun(
            f"the images of {dataset} have changed, but {len(others)} runs were trained on those of before:\n  {shown}"
            f"{' ...' if len(others) > 3 else ''}\nGive the new images a name of their own in config.yaml, or delete "
            f"these runs"
        )


def check_files(folder: Path, run: dict[str, Any]) -> None:
    """Raise DamagedFile where a file beside run.json, its checkpoints aside, is not the one that it vouches for."""
    for name, checksum in run["files"].items():
        if not _has(folder / name, checksum):
            raise DamagedFile(
                f"{folder / name} is not the file that run.json describes: delete {folder}, and run again"
            )


def whole(folder: Path, run: dict[str, Any]) -> bool:
    """Whether every file of a run is there, as its run.json describes it."""
    files = run["files"] | {f"checkpoints/{entry['file']}": entry["sha256"] for entry in run["checkpoints"].values()}
    return all(_has(folder / name, checksum) for name, checksum in files.items())


def _has(path: Path, checksum: str) -> bool:
    return path.exists() and sha256(path) == checksum


def finished(folder: Path, recipe: Recipe, dataset: Path) -> bool:
    """Whether a folder holds the finished run of this recipe on this prepared dataset.

    Checkpoints may be gone: who deletes them does not ask for a second training. Raises WrongRun and DamagedFile.
    """
    if not (folder / "run.json").exists():
        return False
    found, run = read_run(folder)
    if (digest(found), found.seeds) != (digest(recipe), recipe.seeds):
        raise WrongRun(f"{folder} holds the run of another recipe: delete it, and run again")
    check_dataset(folder, run, dataset)
    return True


def measurings_asked(folder: Path, results: Path) -> set[str]:
    """Names of the measurings that the plans in the folder of results, of whatever scale, ask of a run."""
    place, asked = folder.relative_to(results / "runs").as_posix(), set()
    for path in results.glob("*/plans/*/*.csv"):
        with path.open(newline="") as file:
            asked |= {line["measuring"] for line in csv.DictReader(file) if line["folder"] == place}
    return asked


def drop_checkpoints(folder: Path, results: Path) -> None:
    """Delete a run's checkpoints once every measuring that a plan asks of it has its metrics.csv."""
    if all((folder / name / "metrics.csv").exists() for name in measurings_asked(folder, results)):
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)


def resume_key(recipe: Recipe, dataset_sha256: str) -> str:
    """What a training in progress must agree in with the run that is asked for."""
    return f"{digest(recipe)} {recipe.seeds.model_dump_json()} {dataset_sha256}"


def undamaged(folder: Path, entry: dict[str, str]) -> bool:
    """Whether the file of a checkpoint entry of run.json exists and has the entry's checksum."""
    return _has(folder / "checkpoints" / entry["file"], entry["sha256"])


def link(source: Path, target: Path) -> None:
    """Give a file a second name, in place of what had that name; a copy where the file system has no hard links."""
    with replacing(target) as part:
        try:
            os.link(source, part)
        except OSError:
            shutil.copy2(source, part)


def kept_statistics(folder: Path, measuring: str) -> Path:
    """Second name of a run's statistics while the stage that made them may still fail."""
    return state_folder(folder) / f"{measuring}.safetensors"


def forget(folder: Path, measuring: str) -> None:
    """Delete what state/ holds of a run that is finished, measured and about to be read."""
    state = state_folder(folder)
    for path in (state / "run.json", kept_statistics(folder, measuring)):
        path.unlink(missing_ok=True)
    with suppress(OSError):  # not empty: something else is still being made
        state.rmdir()
