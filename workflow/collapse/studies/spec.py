"""What a study is: the keys of a paper's file, and what the study's jobs are told; without Optuna."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator, model_validator

from collapse.grid import AXES, Axes, Point, check_axis, combinations, describe, resolve
from collapse.identity import HASH_DIGITS, cell_name, identity
from collapse.measuring import Measuring
from collapse.recipe import Recipe
from collapse.strict import ConfigError, ConfigModel

Objective = Literal["clean", "noisy"]
# The split of held-out samples whose accuracy is the objective.
SPLITS: dict[Objective, str] = {"clean": "held_out", "noisy": "held_out_noisy"}


class Search(ConfigModel):
    """Values that a study tries on one axis: exactly one of these keys."""

    uniform: tuple[float, float] | None = Field(default=None, description="between these two, uniformly")
    log: tuple[float, float] | None = Field(default=None, description="between these two, their logarithm uniformly")
    one_of: tuple[float | str, ...] | None = Field(default=None, min_length=1, description="one of these")

    @model_validator(mode="after")
    def _one(self) -> "Search":
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of uniform, log, one_of")
        low, high = self.uniform or self.log or (0, 1)
        if not low < high or (self.log and low <= 0):
            raise ValueError(f"{given[0]} is [least, greatest], of log both above 0")
        return self

    def ends(self) -> tuple[Any, Any]:
        """The first and the last value."""
        values = self.uniform or self.log or self.one_of
        assert values  # one of them is given
        return values[0], values[-1]


class SearchChoices(ConfigModel):
    """How a study searches."""

    search: dict[str, Search] = Field(min_length=1, description="axes of the runs, and the values tried on each")
    sampler: Literal["random", "qmc", "tpe", "gp"] = Field(
        default="tpe",
        description="Optuna's sampler: random, qmc (a scrambled Sobol sequence), tpe (Parzen estimators; at random for "
        "the first 10 trials), gp (a Gaussian process; likewise)",
    )
    trials: PositiveInt = Field(default=20, description="trials, of all workers together")
    objective: Objective = Field(
        description="labels of the held-out samples on which accuracy is maximised: clean, those of the dataset; "
        "noisy, changed as those of the train set. The samples are held out before labels are changed"
    )
    held_out: PositiveInt = Field(description="held-out samples of each class, beside the train set's own")
    seed: NonNegativeInt = Field(default=0, description="seed of the trials' runs, and of the sampler")
    workers: PositiveInt = Field(
        default=1, description="jobs that share the study, each with a fixed share of the trials"
    )

    @field_validator("search")
    @classmethod
    def _axes(cls, search: dict[str, Search]) -> dict[str, Search]:
        for axis in search:
            check_axis("axis in search", axis, [name for name, section in AXES.items() if section != "measuring"])
        return search


class StudyEntry(SearchChoices):
    """A study of a paper's scale: hyperparameters chosen on held-out samples."""

    grid: tuple[Axes, ...] = Field(
        min_length=1,
        description="axes of the trials' runs, as a table's grid: a study of its own for each combination",
    )

    @model_validator(mode="after")
    def _searched_once(self) -> "StudyEntry":
        for axis in (axis for block in self.grid for axis in block if axis in self.search):
            raise ValueError(f"{axis} stands in grid and in search: give it in one of them")
        return self


class Study(SearchChoices):
    """One study, as its jobs are told: how to search, and the runs' other axes. `source` names it in messages."""

    name: str
    axes: Axes
    protocol: Axes
    changes: Axes = Field(default={})
    source: str

    @property
    def measuring(self) -> Measuring:
        """How trials are measured."""
        return Measuring(measured_layers="features", bn_modes=("eval",), held_out=self.held_out)

    def recipe(self, chosen: Axes) -> Recipe:
        """Recipe of the trial with these values of the searched axes, at the study's seed."""
        axes = self.axes | chosen
        recipe, _ = resolve(axes, self.protocol, self.source, self.changes, self.measuring.model_dump())
        if self.objective == "noisy" and not (recipe.labels.noise or recipe.labels.latent):
            raise ConfigError(
                f"{self.source}, at {describe(axes)}, can not be used:\n  objective noisy needs changed labels: give "
                f"noise or latent, or objective clean"
            )
        return recipe.at_seed(self.seed)

    def check(self) -> None:
        """Raise ConfigError where a trial could not be run: the first and the last value of each axis are tried."""
        for ends in zip(*(search.ends() for search in self.search.values()), strict=True):
            self.recipe(dict(zip(self.search, ends, strict=True)))

    @property
    def example(self) -> Axes:
        """The first value of each searched axis."""
        return {axis: search.ends()[0] for axis, search in self.search.items()}

    @property
    def point(self) -> Point:
        """The grid point of the example."""
        return Point(self.axes, self.recipe(self.example), self.measuring)

    @property
    def hash(self) -> str:
        """Hash of all that its trials depend on."""
        choices = {key: getattr(self, key) for key in SearchChoices.model_fields}
        told = SearchChoices(**choices).model_dump(mode="json", exclude_defaults=True)
        text = json.dumps(told | {"runs": identity(self.recipe(self.example))}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]

    @property
    def folder(self) -> str:
        """Name of its folder of results."""
        return f"{self.name}-{self.hash}"

    def share(self, worker: int) -> int:
        """Number of trials that a worker, counted from 0, has to complete."""
        return self.trials // self.workers + (worker < self.trials % self.workers)


def run_folder(recipe: Recipe) -> str:
    """Folder of a trial's run, below results/runs."""
    return f"{cell_name(recipe)}/seed-{recipe.seeds.init}"


def studies_of(name: str, entry: StudyEntry, protocol: Axes, changes: Axes, source: str) -> list[Study]:
    """The studies of an entry, one for each combination of its grid's axes, checked; raises ConfigError."""
    told = {key: getattr(entry, key) for key in SearchChoices.model_fields}
    common = {"name": name, "protocol": protocol, "changes": changes, "source": source}
    found = [Study(**told, axes=axes, **common) for block in entry.grid for axes in combinations(block)]
    for study in found:
        study.check()
    return found


def study_for(point: Point, studies: list[Study], keys: Iterable[str], source: str) -> Study:
    """The one of an entry's studies from which a grid point takes its values: that which agrees with it in the table's
    key columns `keys`, where these tell the studies apart. Raises ConfigError where there is not exactly one.
    """
    points = [(study.point, study) for study in studies]
    told = [key for key in keys if len({repr(at.value(key)) for at, _ in points}) > 1]
    found = [study for at, study in points if all(at.value(key) == point.value(key) for key in told)]
    if len(found) == 1:
        return found[0]
    said = " ".join(f"{key} {point.value(key)}" for key in told)
    raise ConfigError(
        f"{source}, at {describe(point.axes)}, can not be used:\n  from_study: {len(found)} studies "
        f"{studies[0].name} are of {said or 'these key columns'}, where one is needed"
    )
