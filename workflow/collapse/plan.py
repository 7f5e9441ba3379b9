"""The plan of a paper at one scale: its grids, runs, tables and claims, and the specification that each job gets."""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import NonNegativeInt

from collapse.atomic_io import replacing
from collapse.claims.language import ClaimsSpec
from collapse.data import drawn
from collapse.grid import Axes, Grid, Point, combinations, describe
from collapse.identity import HASH_DIGITS, cell_name, hash_in
from collapse.measuring import Measuring
from collapse.paper import Paper
from collapse.recipe import Recipe
from collapse.strict import ConfigError, UserError, validate
from collapse.studies.spec import Study, studies_of, study_for
from collapse.table import Content, Moment, Table
from collapse.theory.entries import SOLVERS


class TableSpec(Content):
    """Specification of a measured table: what to read from each run of its plan. `source` names it in messages."""

    source: str


class DrawsSpec(Content):
    """Specification of a table of draws: the axes that name each subset in the table, and how it is drawn."""

    subsets: tuple[tuple[Axes, drawn.Subset], ...]
    seeds: tuple[NonNegativeInt, ...]


class PlannedRun(NamedTuple):
    """A run that a table reads: its axes as the table calls them, and where its metrics are."""

    axes: Axes
    seed: int
    cell: str  # <dataset>/<model>/<summary>-<hash>, below results/runs
    measuring: str  # folder of the metrics inside the run's

    @property
    def folder(self) -> str:
        """Folder of the run, below results/runs."""
        return f"{self.cell}/seed-{self.seed}"


class OtherPlan(UserError, RuntimeError):
    """A plan's file that is not the one the job was started for."""


def plan_text(runs: list[PlannedRun], keys: tuple[str, ...]) -> str:
    """The file results/<scale>/plans/<paper>/<table>.csv: a line for each run."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*keys, "seed", "folder", "measuring", "hash"])
    for run in runs:
        axes = (_written(run.axes[key]) for key in keys)
        writer.writerow([*axes, run.seed, run.folder, run.measuring, hash_in(run.cell)])
    return text.getvalue()


def read_plan(path: Path, digest: str) -> list[PlannedRun]:
    """The runs of a plan's file; raises OtherPlan where its checksum is not `digest`."""
    text = path.read_text() if path.exists() else ""
    if plan_digest(text) != digest:
        raise OtherPlan(
            f"{path} is not the plan of this call: another Snakemake with other settings writes to the same results. "
            f"Run again when it has ended, or give it a results folder of its own"
        )
    runs = []
    for line in csv.DictReader(io.StringIO(text)):
        seed, folder, measuring, _ = (line.pop(name) for name in ("seed", "folder", "measuring", "hash"))
        axes = {key: _read(value) for key, value in line.items()}
        runs.append(PlannedRun(axes, int(seed), folder.rpartition("/")[0], measuring))
    return runs


def plan_digest(text: str) -> str:
    """Checksum of a plan's file."""
    return hashlib.sha256(text.encode()).hexdigest()


def _written(value: Any) -> str:
    """A value as text that _read turns into the same value again; null is empty."""
    if value is None:
        return ""
    if isinstance(value, str) and _read(value) == value:
        return value
    return json.dumps(value)


def _read(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


class Plan:
    """A paper at one scale: what can be made, and the recipe of every run it takes.

    Every run is made at each of `seeds`, but for tables whose seeds the paper's file states. `protocol` holds the
    user's changes of the scale's protocol (config.yaml); `chosen` the values that finished studies chose, by their hash
    (collapse.studies.chosen). A table whose studies are not finished is `waiting`: it has no points yet.
    """

    def __init__(
        self,
        paper: Paper,
        scale: str,
        seeds: tuple[int, ...],
        protocol: Axes | None = None,
        chosen: Mapping[str, Axes] | None = None,
    ):
        file = f"config/papers/{paper.name}/scales/{scale}.yaml"
        if scale not in paper.scales:
            raise ConfigError(f"there is no {file}: the paper has the scales {', '.join(paper.scales)} only")
        self.paper, self.scale_name, self.seeds = paper, scale, seeds
        self.scale = paper.scales[scale]
        published = paper.protocol.model_dump(mode="json") | self.scale.protocol
        self.grids = {
            name: Grid(
                blocks=blocks,
                protocol=published,
                changes=protocol or {},
                measure=paper.tables[name].measure,
                source=f"{file}, tables.{name}",
            )
            for name, blocks in self.scale.tables.items()
            if paper.tables[name].measured
        }
        self.subsets = {
            name: tuple(self._subset(name, axes) for axes in self.settings(name))
            for name in self.scale.tables
            if paper.tables[name].draws
        }
        self.studies = {
            name: studies_of(name, entry, published, protocol or {}, f"{file}, studies.{name}")
            for name, entry in self.scale.studies.items()
        }
        self.recipes: dict[str, Recipe] = {}  # by cell; at seed 0
        self.measurings: dict[str, Measuring] = {}  # by name
        # By table, as the grid has them: the axes, the cell, and the name of the measuring.
        self.points: dict[str, list[tuple[Axes, str, str]]] = {}
        self._texts: dict[str, str] = {}
        self.waiting = set(self.grids)
        self.settle(chosen or {})
        for table in self.waiting:  # no error shall wait for a study's end
            list(self._checked(table, lambda study: study.example))

    def settle(self, chosen: Mapping[str, Axes]) -> None:
        """Plan each waiting table whose studies are finished; `chosen` as for the plan."""
        for table in [name for name in self.grids if name in self.waiting]:
            if {study.hash for study in self.studies_of(table)} <= set(chosen):
                self.waiting.remove(table)
                self.points[table] = [*self._points(table, chosen)]
        self.points = {table: self.points[table] for table in self.grids if table in self.points}

    def studies_of(self, table: str) -> list[Study]:
        """The studies from which a table's grid takes values."""
        return [study for name in sorted(self.grids[table].studies) for study in self.studies[name]]

    def choices_name(self, table: str) -> str:
        """Name of the file of what a table's studies chose: other studies have another file."""
        folders = " ".join(study.folder for study in self.studies_of(table))
        return f"{table}-{hashlib.sha256(folders.encode()).hexdigest()[:HASH_DIGITS]}"

    def _study(self, name: str, point: Point, table: str) -> Study:
        keys = [key for key in self.paper.tables[table].key_columns if key not in self.studies[name][0].search]
        return study_for(point, self.studies[name], keys, self.grids[table].source)

    def _points(self, table: str, chosen: Mapping[str, Axes]) -> Iterator[tuple[Axes, str, str]]:
        keys, seen = self.paper.tables[table].key_columns, set()
        for point in self._checked(table, lambda study: chosen[study.hash]):
            cell, measuring = cell_name(point.recipe), point.measuring.name
            if "cell" in keys and cell in seen:
                continue  # a row of such a table is a run, however many grid points it stands for
            seen.add(cell)
            self.recipes[cell], self.measurings[measuring] = point.recipe, point.measuring
            yield {key: point.value(key) for key in keys}, cell, measuring

    def _checked(self, table: str, values: Callable[[Study], Axes]) -> Iterator[Point]:
        """The points of a table's grid, with the values that a study gives; ConfigError for what can not be made."""
        entry, grid = self.paper.tables[table], self.grids[table]
        for point in grid.points(lambda name, point: values(self._study(name, point, table))):
            place = f"{grid.source}, at {describe(point.axes)},"
            check_moments(entry.moment, point.recipe, place)
            if entry.points and not point.measuring.samples:
                raise ConfigError(f"{place} a table of points needs samples to draw: measure: {{samples: 20}}")
            yield point

    def _subset(self, table: str, axes: Axes) -> tuple[Axes, drawn.Subset]:
        source = f"config/papers/{self.paper.name}/scales/{self.scale_name}.yaml, tables.{table}"
        subset = validate(drawn.Subset, axes, source)
        return {axis: getattr(subset, axis) for axis in self.paper.tables[table].key_columns}, subset

    def seeds_of(self, table: str) -> tuple[int, ...]:
        """Seeds of a measured table's runs."""
        return self.scale.seeds.get(table, self.seeds)

    def runs(self, table: str) -> list[PlannedRun]:
        """Every run of a measured table, the seeds of a grid point together."""
        seeds = self.seeds_of(table)
        return [PlannedRun(axes, seed, *place) for axes, *place in self.points[table] for seed in seeds]

    def plan_file(self, table: str) -> str:
        """Text of a measured table's plan."""
        if table not in self._texts:
            self._texts[table] = plan_text(self.runs(table), self.paper.tables[table].key_columns)
        return self._texts[table]

    def write(self, folder: Path) -> None:
        """Write the plan of each measured table as <folder>/<paper>/<table>.csv, if it changed."""
        for table in self.points:
            path, text = folder / self.paper.name / f"{table}.csv", self.plan_file(table)
            if not path.exists() or path.read_text() != text:
                with replacing(path) as part:
                    part.write_text(text)

    def figures(self) -> list[str]:
        """Figures whose tables all have a grid at this scale."""
        return [name for name, figure in self.paper.figures.items() if set(figure.tables) <= set(self.scale.tables)]

    def claims_spec(self, figure: str) -> ClaimsSpec:
        """Specification for check_claims of a figure; it has no tables where the figure is not drawn at this scale."""
        drawn_here = self.paper.figures[figure].tables if figure in self.figures() else ()
        tables = {table: self.paper.tables[table] for table in drawn_here}
        return ClaimsSpec(
            paper=self.paper.name,
            scale=self.scale_name,
            claims={name: claim for name, claim in self.paper.claims.items() if claim.figure == figure},
            panel_keys={name: table.panel_keys for name, table in tables.items()},
            found_keys={name: table.found_keys(self.scale.tables[name]) for name, table in tables.items()},
        )

    def published(self, figure: str) -> list[dict[str, Any]]:
        """The published values that a figure's script may draw: where in its tables they belong, the column, the value
        and whether it is unverified. They are the figure's own, and those that its claims compare with our draws.
        """
        claims = (claim for claim in self.paper.claims.values() if claim.figure == figure)
        drawn = [
            {
                "where": claim.where,
                "column": claim.column,
                "value": claim.condition.drawn,
                "unverified": claim.published.value.startswith("unverified"),
            }
            for claim in claims
            if claim.condition.drawn is not None
        ]
        return drawn + [point for values in self.paper.figures[figure].published for point in values.points()]

    def theory(self, environment: str) -> list[str]:
        """Tables that solvers of that environment compute at this scale."""
        solvers = {name: self.paper.tables[name].solver for name in self.scale.tables}
        return [name for name, solver in solvers.items() if solver and SOLVERS[solver].environment == environment]

    def studied(self) -> list[str]:
        """Tables of a study's trials at this scale."""
        return [name for name in self.scale.tables if self.paper.tables[name].study]

    def trials_of(self, table: str) -> list[tuple[Axes, Study]]:
        """The studies whose trials a table shows, each with the table's key columns."""
        entry = self.paper.tables[table]
        studies = self.studies[str(entry.study)]
        return [({key: study.point.value(key) for key in entry.key_columns}, study) for study in studies]

    def settings(self, table: str) -> list[Axes]:
        """Settings of a theory table, its blocks multiplied out."""
        return [setting for block in self.scale.tables[table] for setting in combinations(block)]

    def table_spec(self, name: str) -> TableSpec:
        """Specification of a measured table, for the script tabulate."""
        return TableSpec(source=self.grids[name].source, **_content(self.paper.tables[name]))

    def draws_spec(self, name: str) -> DrawsSpec:
        """Specification of a table of draws, for the script measure_draws."""
        table = self.paper.tables[name]
        return DrawsSpec(subsets=self.subsets[name], seeds=tuple(range(table.draws or 0)), **_content(table))


def check_moments(moments: tuple[Moment, ...], recipe: Recipe, place: str) -> None:
    """Raise ConfigError, beginning with `place`, where runs of the recipe are not measured at some of the moments."""
    if "initial" in moments and not recipe.measure_initial:
        raise ConfigError(f"{place} the moment initial needs measure_initial: true")
    if "zero_error" in moments and recipe.keep_checkpoints == "last":
        raise ConfigError(f"{place} the moment zero_error needs keep_checkpoints: measured, which keeps its epoch too")
    if "tpt" in moments and len(recipe.checkpoint_epochs()) < 2:
        raise ConfigError(
            f"{place} the moment tpt needs more than one measured epoch: measurements, with keep_checkpoints: measured"
        )


def _content(table: Table) -> dict[str, Any]:
    return {key: getattr(table, key) for key in Content.model_fields}
