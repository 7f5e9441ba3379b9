"""A paper: one YAML file with its protocol, its tables and figures, its claims, and the grid of each scale."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, NonNegativeInt, PositiveInt, field_validator, model_validator

from collapse.claims.language import Claim
from collapse.claims.places import check_places
from collapse.data import drawn
from collapse.grid import Axes, check_axis, split
from collapse.metrics.entries import METRICS, OF_IMAGES, RENAMED
from collapse.strict import ConfigError, ConfigModel, check_choice, distinct, meanings, read_yaml, validate
from collapse.theory.entries import PREDICTIONS, SOLVERS
from collapse.training.protocol import Protocol

NAME = r"^[a-z][a-z0-9_]*$"


class Column(ConfigModel):
    """One measured column of a table: which rows of metrics.csv it is."""

    metric: str = Field(description="metric, by its name in metrics.csv")
    layer: str = Field(
        default="features",
        description="a layer of the network by name; features (the input of the linear head; in a table with a row for "
        "each layer, that layer), logits; classifier, head (the linear head's weights multiplied); network (its "
        "answers); layers, layers_inside (decay_*: those inside blocks too)",
    )
    split: Literal["train", "held_out", "test", "-"] = Field(
        default="train", description="train, held_out, test; - for what needs no samples"
    )
    bn_mode: Literal["eval", "train"] = Field(
        default="eval", description="train: batch norms by the statistics of chunks of 100 samples (He & Su 2023)"
    )
    classes: Literal["all", "majority", "minority"] = Field(
        default="all", description="classes the metric is taken over"
    )

    @field_validator("metric")
    @classmethod
    def _known(cls, metric: str) -> str:
        if metric in RENAMED:
            raise ValueError(f"{metric} is now {RENAMED[metric]}")
        return check_choice("metric", metric, METRICS)


class Prediction(ConfigModel):
    """A column that a theory computes for each run, from measured columns of the table and its axes."""

    theory: str = Field(description=meanings(PREDICTIONS))
    at: dict[str, Any] = Field(
        default={},
        description="axis: value of the run (of the same seed, the other axes equal) that is measured instead",
    )

    @field_validator("theory")
    @classmethod
    def _known(cls, theory: str) -> str:
        return check_choice("theory", theory, PREDICTIONS)


class Best(ConfigModel):
    """One axis of a table, of which each point keeps the best value alone, as each of several columns choose it."""

    along: str = Field(description="axis of which the best value is kept, as learning_rate")
    by: tuple[str, ...] = Field(
        description="columns that choose, each by the greatest mean over the seeds (of equals the first in the grid); "
        "which of them chose is the row's chosen_by"
    )


class Content(ConfigModel):
    """The rows and columns of a table."""

    RENAMED: ClassVar = {"axes": "key_columns", "each": "rows_per"}

    columns: dict[str, Column] = Field(
        default={}, description="measured columns; each gets _mean and _std over the seeds"
    )
    spread: bool = Field(default=True, description="false: the mean over the seeds alone, under the column's own name")
    predictions: dict[str, Prediction] = Field(
        default={}, description="columns computed from the measured ones by a theory"
    )
    key_columns: tuple[str, ...] = Field(
        description="columns that say which point a row is; claims select and compare by them"
    )
    rows_per: tuple[Literal["epoch", "layer", "bn_mode"], ...] = Field(
        default=(),
        description="key columns within a run: a row for each measured epoch, layer (numbered, the input is 0), batch "
        "norm mode; without epoch, the last",
    )
    inside: bool = Field(default=False, description="layers inside others (blocks) are layers of their own")
    best: Best | None = Field(default=None, description="keep the best value of one axis alone")

    draws: PositiveInt | None = Field(
        default=None,
        description="measured on that many random subsets of the data alone, without a run (claims: drawn)",
    )

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns that say which point a row is."""
        return (*self.key_columns, *(["chosen_by"] if self.best else []), *self.rows_per)

    @property
    def panel_keys(self) -> tuple[str, ...]:
        """Keys that claims select and compare by: not the axis of `best`, of which each point keeps one value."""
        return tuple(key for key in self.keys if not (self.best and key == self.best.along))


class Table(Content):
    """A tidy table: measured on runs (columns) or computed from theory (solver)."""

    title: str = Field(description="one line, for the report")
    solver: str | None = Field(
        default=None, description=f"what computes the table, instead of columns; {meanings(SOLVERS)}"
    )

    @property
    def measured(self) -> bool:
        """Whether the table is measured on runs; others are computed, or measured on the data alone."""
        return bool(self.columns) and not self.draws

    def found_keys(self, blocks: tuple[Axes, ...]) -> tuple[str, ...]:
        """Keys whose values no grid states: only the finished table shows them."""
        if self.solver:
            return tuple(axis for axis in self.key_columns if not any(axis in block for block in blocks))
        return tuple(key for key in self.rows_per if key == "layer")

    @model_validator(mode="after")
    def _one_source(self) -> "Table":
        if bool(self.columns) == bool(self.solver):
            raise ValueError("give either columns (measured on runs) or solver (theory)")
        if self.solver:
            check_choice("solver", self.solver, SOLVERS)
        elif self.draws:
            self._only_data()
        else:
            for axis in self.key_columns:
                check_axis("axis", axis)
            if self.best:
                check_axis("axis in best.along", self.best.along, self.key_columns)
                if len(self.key_columns) < 2:
                    raise ValueError("best needs an axis beside the one of which the best value is kept")
                for column in self.best.by:
                    check_choice("column in best.by", column, self.columns)
            for prediction in self.predictions.values():
                for column in PREDICTIONS[prediction.theory].columns:
                    check_choice(f"column for theory {prediction.theory}", column, self.columns)
                for axis in prediction.at:
                    check_axis("axis in at", axis, self.key_columns)
        return self

    def _only_data(self) -> None:
        for axis in self.key_columns:
            check_choice("axis of a table of draws", axis, drawn.Subset.model_fields)
        for name, column in self.columns.items():
            check_choice(f"metric of a table of draws, in column {name},", column.metric, OF_IMAGES)
            if column.model_fields_set != {"metric"}:
                raise ValueError(f"column {name} of a table of draws names a metric, and nothing else")
        if self.rows_per or self.best or self.predictions or self.inside:
            raise ValueError("a table of draws has no network: no rows_per, best, predictions or inside")


class Figure(ConfigModel):
    """A published figure; workflow/figures/<paper>/<figure>.py draws it from its tables."""

    title: str = Field(description="one line, for the report")
    note: str = Field(default="", description="what a reader has to know to read it rightly, for the report's caption")
    tables: tuple[str, ...] = Field(description="tables that the figure draws, in the order its script takes them")


class Scale(ConfigModel):
    """What a scale runs; everything else of the paper's file is common to the scales."""

    RENAMED: ClassVar = {"cut": "deviations"}

    deviations: str = Field(description="in what it deviates from the published protocol, in words")
    protocol: dict[str, Any] = Field(default={}, description="keys of the protocol that this scale changes")
    tables: dict[str, tuple[Axes, ...]] = Field(
        description="grid of each table: blocks whose lists are multiplied out (for a solver: its settings)"
    )
    seeds: dict[str, Annotated[tuple[NonNegativeInt, ...], Field(min_length=1), AfterValidator(distinct)]] = Field(
        default={},
        description="seeds of a table's runs where they are not the configuration's, as {fig6: [0, 1, 2, 3, 4]}",
    )


class Paper(ConfigModel):
    """One paper. `name` is the file's name."""

    name: str = Field(pattern=NAME, description="name of the file, without .yaml")
    title: str = Field(description="title of the paper")
    reference: str = Field(description="authors, title, journal, arXiv")
    protocol: Protocol = Field(description="the published protocol")
    tables: dict[str, Table] = Field(description="tables by name")
    figures: dict[str, Figure] = Field(description="figures by name; each is a target, <paper>_<figure>")
    claims: dict[str, Claim] = Field(default={}, description="claims by name")
    scales: dict[Literal["demo", "small", "paper"], Scale] = Field(description="demo, small and paper")

    @model_validator(mode="after")
    def _consistent(self) -> "Paper":
        for kind, named in (("table", self.tables), ("figure", self.figures)):
            for name in named:
                if not re.fullmatch(NAME, name):
                    raise ValueError(f"{kind} name {name!r}: use lower-case letters, digits and _")
        for name in (table for figure in self.figures.values() for table in figure.tables):
            check_choice("table in figures", name, self.tables)
        for name, claim in self.claims.items():
            try:
                self._check_claim(claim)
            except ValueError as error:
                raise ValueError(f"claims.{name}: {error}") from None
        for name, scale in self.scales.items():
            for table, blocks in scale.tables.items():
                check_choice(f"table in scales.{name}", table, self.tables)
                self._check_blocks(table, blocks, f"scales.{name}.tables.{table}")
            for key in scale.protocol:
                check_choice(f"key in scales.{name}.protocol", key, Protocol.model_fields)
            measured = [table for table in scale.tables if self.tables[table].measured]
            for table in scale.seeds:
                check_choice(f"table of runs in scales.{name}.seeds", table, measured)
        for name, claim in self.claims.items():
            check_places(claim, self.tables[claim.table], self.grids_of(claim.table), f"claims.{name}")
        return self

    def _check_blocks(self, name: str, blocks: tuple[Axes, ...], place: str) -> None:
        table = self.tables[name]
        for given, renamed in map(split, blocks):
            for axis in renamed:
                check_axis(f"axis in rename of {place}", axis, table.key_columns)
            for axis in given if table.measured else ():
                check_axis(f"axis in {place}", axis)

    def _check_claim(self, claim: Claim) -> None:
        figure = self.figures[check_choice("figure", claim.figure, self.figures)]
        table = self.tables[check_choice(f"table of figure {claim.figure}", claim.table, figure.tables)]
        if table.columns:
            for column in claim.columns:
                check_choice(f"column of {claim.table}", column, table.columns | table.predictions)
        for axis in (*claim.where, *claim.mean_over, *filter(None, [claim.across]), *claim.compare):
            check_axis(f"axis of {claim.table}", axis, table.panel_keys)
        if claim.condition.drawn is not None and not table.draws:
            raise ValueError(f"the condition drawn needs a table of draws: {claim.table} is none")

    def grids_of(self, table: str) -> Iterator[tuple[tuple[Axes, ...], Axes]]:
        """Blocks and protocol of a table's grid, at each scale that makes the table."""
        for scale in self.scales.values():
            if table in scale.tables:
                yield scale.tables[table], self.protocol.model_dump(mode="json") | scale.protocol


def load_paper(path: Path) -> Paper:
    """Read and check a paper's file; raise ConfigError naming the file and the keys at fault."""
    data = read_yaml(path)
    if not isinstance(data, dict):
        raise ConfigError(f"{path} can not be used:\n  it holds no keys")
    return validate(Paper, {"name": path.stem, **data}, str(path))
