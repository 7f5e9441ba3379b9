"""A paper: one YAML file with its protocol, its tables and figures, its claims, and the grid of each scale."""

import itertools
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from collapse.grid import AXES, Axes, Grid, Point, combinations, fields
from collapse.metrics.names import METRICS
from collapse.recipe import Protocol, Recipe
from collapse.strict import ConfigError, Strict, one_of, read_yaml, validate
from collapse.theory.names import PREDICTIONS, SOLVERS

SCALES = ("demo", "small", "paper")
NAME = r"^[a-z][a-z0-9_]*$"


class Column(Strict):
    """One measured column of a table: which rows of metrics.csv it is."""

    metric: str = Field(description="metric, by its name in metrics.csv")
    layer: str = Field(
        "features",
        description="a layer of the network by name; features (the input of the linear head; in a table with a row for "
        "each layer, that layer), logits; classifier, head (the linear head's weights multiplied); network (its "
        "answers); layers, layers_inside (decay_*: those inside blocks too)",
    )
    split: Literal["train", "held_out", "test", "-"] = Field(
        "train", description="train, held_out, test; - for what needs no samples"
    )
    bn_mode: Literal["eval", "train"] = Field(
        "eval", description="train: batch norms by the statistics of chunks of 100 samples (He & Su 2023)"
    )
    classes: Literal["all", "majority", "minority"] = Field("all", description="classes the metric is taken over")

    @field_validator("metric")
    @classmethod
    def _known(cls, metric: str) -> str:
        return one_of("metric", metric, METRICS)


class Prediction(Strict):
    """A column that a theory computes for each run, from measured columns of the table and its axes."""

    theory: str = Field(description="layer_peeled: minority cosine at the energies e_h, e_h_major, e_w")
    at: dict[str, Any] = Field(
        {}, description="axis: value of the run (of the same seed, the other axes equal) that is measured instead"
    )

    @field_validator("theory")
    @classmethod
    def _known(cls, theory: str) -> str:
        return one_of("theory", theory, PREDICTIONS)


class Best(Strict):
    """One axis of a table, of which each point keeps the best value alone, as each of several columns choose it."""

    along: str = Field(description="axis of which the best value is kept, as learning_rate")
    by: tuple[str, ...] = Field(
        description="columns that choose, each by the greatest mean over the seeds (of equals the first in the grid); "
        "which of them chose is the row's chosen_by"
    )


class Content(Strict):
    """The rows and columns of a table."""

    columns: dict[str, Column] = Field({}, description="measured columns; each gets _mean and _std over the seeds")
    spread: bool = Field(True, description="false: the mean over the seeds alone, under the column's own name")
    predictions: dict[str, Prediction] = Field({}, description="columns computed from the measured ones by a theory")
    axes: tuple[str, ...] = Field(
        description="columns that say which point a row is; claims select and compare by them"
    )
    each: tuple[Literal["epoch", "layer", "bn_mode"], ...] = Field(
        (),
        description="axes within a run: a row for each measured epoch, layer (numbered, the input is 0), batch norm "
        "mode; without epoch, the last",
    )
    inside: bool = Field(False, description="layers inside others (blocks) are layers of their own")
    best: Best | None = Field(None, description="keep the best value of one axis alone")

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns that say which point a row is."""
        return (*self.axes, *(["chosen_by"] if self.best else []), *self.each)


class Table(Content):
    """A tidy table: measured on runs (columns) or computed from theory (solver)."""

    title: str = Field(description="one line, for the report")
    solver: str | None = Field(None, description="theory solver that computes the table instead")

    @model_validator(mode="after")
    def _one_source(self) -> "Table":
        if bool(self.columns) == bool(self.solver):
            raise ValueError("give either columns (measured on runs) or solver (theory)")
        if self.solver:
            one_of("solver", self.solver, SOLVERS)
        else:
            for axis in self.axes:
                one_of("axis", axis, sorted(AXES))
            if self.best:
                one_of("axis in best.along", self.best.along, self.axes)
                if len(self.axes) < 2:
                    raise ValueError("best needs an axis beside the one of which the best value is kept")
                for column in self.best.by:
                    one_of("column in best.by", column, self.columns)
            for prediction in self.predictions.values():
                for column in PREDICTIONS[prediction.theory]:
                    one_of(f"column for theory {prediction.theory}", column, self.columns)
                for axis in prediction.at:
                    one_of("axis in at", axis, self.axes)
        return self


class Figure(Strict):
    """A published figure; workflow/figures/<paper>/<figure>.py draws it from its tables."""

    title: str = Field(description="one line, for the report")
    note: str = Field("", description="what a reader has to know to read it rightly, for the report's caption")
    tables: tuple[str, ...] = Field(description="tables that the figure draws, in the order its script takes them")


class Condition(Strict):
    """What a claimed quantity has to satisfy: exactly one of above, below, near, between."""

    above: float | None = Field(None, description="greater than this")
    below: float | None = Field(None, description="less than this")
    near: float | None = Field(None, description="within tolerance of this")
    between: tuple[float, float] | None = Field(None, description="in this closed interval")
    tolerance: float = Field(0.0, ge=0, description="for near")
    missing: bool = Field(
        False, description="a missing value satisfies it too: a fit that failed, a metric that is undefined"
    )

    @model_validator(mode="after")
    def _one(self) -> "Condition":
        if sum(value is not None for value in (self.above, self.below, self.near, self.between)) != 1:
            raise ValueError("give exactly one of above, below, near, between")
        return self


class Published(Strict):
    """What the paper says, and how that is known."""

    value: str = Field(description="the published value or statement; unverified when only recalled")
    source: str = Field(description="where it stands")


class Claim(Strict):
    """A statement of the paper, as a quantity computed from one table and a condition on it.

    The rows `where` selects are averaged over the axes in `over`; along the axis `along` they are reduced to one
    number by `reduce`; that is done for every seed and every combination of the remaining axes (collapse.claims).
    """

    statement: str = Field(description="what is claimed, in one sentence")
    table: str = Field(description="table that decides")
    column: str = Field(description="column of the table")
    minus: str | None = Field(None, description="another column: what is claimed is of column less this one")
    where: dict[str, Any] = Field({}, description="axis: value; min and max stand for the axis' extremes")
    over: tuple[str, ...] = Field((), description="axes to average over")
    along: str | None = Field(None, description="axis to reduce along")
    reduce: Literal["min_step", "max_step", "range", "gain", "drop", "factor"] = Field(
        "min_step",
        description="min_step / max_step: least / greatest difference of neighbours along; range: last - first; "
        "gain: greatest - first; drop: greatest - last; factor: greatest / least",
    )
    condition: Condition = Field(description="what the quantity has to satisfy")
    published: Published = Field(description="the paper's own value")
    scales: tuple[Literal["demo", "small", "paper"], ...] = Field(
        SCALES, description="scales at which it is meant to show"
    )


class Scale(Strict):
    """What a scale runs; everything else of the paper's file is common to the scales."""

    cut: str = Field(description="what was cut from the published protocol, in words")
    protocol: dict[str, Any] = Field({}, description="keys of the protocol that this scale changes")
    tables: dict[str, tuple[Axes, ...]] = Field(
        description="grid of each table: blocks whose lists are multiplied out (for a solver: its settings)"
    )


class Paper(Strict):
    """One paper. `name` is the file's name."""

    name: str = Field(pattern=NAME, description="name of the file, without .yaml")
    title: str = Field(description="title of the paper")
    reference: str = Field(description="authors, title, journal, arXiv")
    variant: str = Field(
        description="name of a run's folder below dataset/model, with axes in braces; a part between underscores is "
        "left out where its axis is null, empty, or no option of the network"
    )
    protocol: Protocol = Field(description="the published protocol")
    tables: dict[str, Table] = Field(description="tables by name")
    figures: dict[str, Figure] = Field(description="figures by name; each is a target, <paper>_<figure>")
    claims: dict[str, Claim] = Field({}, description="claims by name")
    scales: dict[Literal["demo", "small", "paper"], Scale] = Field(description="demo, small and paper")

    @model_validator(mode="after")
    def _consistent(self) -> "Paper":
        for axis in fields(self.variant):
            one_of("axis in variant", axis, sorted(AXES))
        for kind, named in (("table", self.tables), ("figure", self.figures)):
            for name in named:
                if not re.fullmatch(NAME, name):
                    raise ValueError(f"{kind} name {name!r}: use lower-case letters, digits and _")
        for name in (table for figure in self.figures.values() for table in figure.tables):
            one_of("table in figures", name, self.tables)
        for claim in self.claims.values():
            table = self.tables[one_of("table in claims", claim.table, self.tables)]
            if table.columns:
                for column in filter(None, (claim.column, claim.minus)):
                    one_of(f"column of claims on {claim.table}", column, table.columns | table.predictions)
            for axis in (*claim.where, *claim.over, *filter(None, [claim.along])):
                one_of(f"axis of claims on {claim.table}", axis, table.keys)
        for name, scale in self.scales.items():
            for table, blocks in scale.tables.items():
                axes = self.tables[one_of(f"table in scales.{name}", table, self.tables)].axes
                for label in itertools.chain.from_iterable(block.get("labels", {}) for block in blocks):
                    one_of(f"axis in labels of scales.{name}.tables.{table}", label, axes)
            for key in scale.protocol:
                one_of(f"key in scales.{name}.protocol", key, Protocol.model_fields)
        return self


class ClaimsSpec(Strict):
    """What the script that checks the claims of a figure needs to know; `axes` are those of each table."""

    paper: str
    scale: str
    claims: dict[str, Claim]
    axes: dict[str, tuple[str, ...]]


class TableSpec(Content):
    """A measured table as its script needs it: the runs, and what to read from each."""

    grid: Grid


class PaperAtScale:
    """A paper at one scale: what can be made, and the recipe of every run it takes.

    Every run is made at each of `seeds`. `protocol` holds the user's changes to the scale's (config.yaml).
    """

    def __init__(self, paper: Paper, scale: str, seeds: tuple[int, ...], protocol: Axes | None = None):
        file = f"config/papers/{paper.name}.yaml"
        if scale not in paper.scales:
            raise ConfigError(f"{file}: it has no scale {scale}, only {', '.join(paper.scales)}")
        self.paper, self.scale = paper, scale
        self.plan = plan = paper.scales[scale]
        published = paper.protocol.model_dump(mode="json") | plan.protocol
        self.grids = {
            name: Grid(
                blocks=blocks,
                protocol=published,
                changes=protocol or {},
                seeds=seeds,
                variant=paper.variant,
                source=f"{file}, scales.{scale}.tables.{name}",
            )
            for name, blocks in plan.tables.items()
            if paper.tables[name].columns
        }
        self.recipes: dict[str, Recipe] = {}  # by cell; at any seed
        self.cells = {name: [self._add(point) for point in grid.points()] for name, grid in self.grids.items()}

    def _add(self, point: Point) -> str:
        if self.recipes.setdefault(point.cell, point.recipe) != point.recipe:
            raise ConfigError(
                f"config/papers/{self.paper.name}.yaml: two different runs are both called {point.cell}; "
                f"add the axis that tells them apart to variant"
            )
        return point.cell

    def figures(self) -> list[str]:
        """Figures whose tables all have a grid at this scale."""
        return [name for name, figure in self.paper.figures.items() if set(figure.tables) <= set(self.plan.tables)]

    def claims(self, figure: str) -> dict[str, Claim]:
        """Claims that the tables of a figure decide; a table that two figures draw counts for the first."""
        first = {table: name for name in reversed(self.paper.figures) for table in self.paper.figures[name].tables}
        return {name: claim for name, claim in self.paper.claims.items() if first.get(claim.table) == figure}

    def claims_spec(self, figure: str) -> ClaimsSpec:
        """What the script that checks the claims of a figure needs to know; no table where it is not drawn."""
        drawn = self.paper.figures[figure].tables if figure in self.figures() else ()
        tables = {table: self.paper.tables[table] for table in drawn}
        axes = {name: table.keys for name, table in tables.items()}
        return ClaimsSpec(paper=self.paper.name, scale=self.scale, claims=self.claims(figure), axes=axes)

    def theory(self) -> list[str]:
        """Tables that a solver computes at this scale."""
        return [name for name in self.plan.tables if self.paper.tables[name].solver]

    def settings(self, table: str) -> list[Axes]:
        """Settings of a theory table, its blocks multiplied out."""
        return [setting for block in self.plan.tables[table] for setting in combinations(block)]

    def table_spec(self, name: str) -> TableSpec:
        """What the script that makes a measured table has to know."""
        table = self.paper.tables[name]
        kept = {key: getattr(table, key) for key in Content.model_fields}
        return TableSpec(grid=self.grids[name], **kept)


def load_paper(path: Path) -> Paper:
    """Read and check a paper's file; raise ConfigError naming it and the keys at fault."""
    data = read_yaml(path)
    if not isinstance(data, dict):
        raise ConfigError(f"{path} can not be used:\n  it holds no keys")
    return validate(Paper, {"name": path.stem, **data}, str(path))
