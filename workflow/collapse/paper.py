"""A paper, as the rest of the library sees it: its protocol, its tables, figures and claims, the grid of each scale."""

import math
from collections.abc import Iterator
from typing import Any

from pydantic import Field, model_validator

from collapse.claims.language import Claim, ScaleName
from collapse.claims.places import check_places
from collapse.grid import Axes, check_axis
from collapse.strict import ConfigModel, check_choice
from collapse.studies.spec import StudyEntry
from collapse.table import Table
from collapse.training.protocol import Protocol


class PublishedValues(ConfigModel):
    """Values that the paper prints in a figure or a table, which the figure's script may draw beside ours."""

    column: str = Field(description="column of one of the figure's tables")
    where: dict[str, Any] = Field(default={}, description="axis: value of the rows that they belong to")
    along: str = Field(description="axis along which values are given")
    values: tuple[tuple[Any, float], ...] = Field(description="pairs of a value on that axis and the published value")
    source: str = Field(description="where they stand; begins with unverified when only recalled or read off a figure")

    def points(self) -> list[dict[str, Any]]:
        """Each value with the place in the table where it belongs."""
        unverified = self.source.startswith("unverified")
        return [
            {
                "where": self.where | {self.along: math.inf if at == "inf" else at},
                "column": self.column,
                "value": value,
                "unverified": unverified,
            }
            for at, value in self.values
        ]


class Figure(ConfigModel):
    """A published figure; workflow/figures/<paper>/<figure>.py draws it from its tables, in this order."""

    title: str
    note: str = ""
    tables: tuple[str, ...]
    published: tuple[PublishedValues, ...] = Field(default=())


class Scale(ConfigModel):
    """What a scale runs. `tables` maps each table to the blocks of its grid; a table of a study's trials has none."""

    deviations: str
    protocol: dict[str, Any]
    tables: dict[str, tuple[Axes, ...]]
    studies: dict[str, StudyEntry] = Field(default={})
    seeds: dict[str, tuple[int, ...]] = Field(default={})


class Paper(ConfigModel):
    """One paper; collapse.paper_files reads it from the files of its folder."""

    name: str
    title: str
    reference: str
    protocol: Protocol
    tables: dict[str, Table]
    figures: dict[str, Figure]
    claims: dict[str, Claim]
    scales: dict[ScaleName, Scale]
    borrows: bool = Field(default=False)  # some of its runs are those of other papers' tables

    @model_validator(mode="after")
    def _consistent(self) -> "Paper":
        for name, figure in self.figures.items():
            for table in figure.tables:
                check_choice(f"table of figure {name}", table, self.tables)
            columns = {column for table in figure.tables for column in self.tables[table].value_columns}
            for values in figure.published:
                check_choice(f"column in figures.{name}.published", values.column, columns)
        for name, claim in self.claims.items():
            try:
                self._check_claim(claim)
            except ValueError as error:
                raise ValueError(f"claims.{name}: {error}") from None
        for name, claim in self.claims.items():
            check_places(claim, self.tables[claim.table], self.grids_of(claim.table), f"claims.{name}")
        return self

    def _check_claim(self, claim: Claim) -> None:
        figure = self.figures[claim.figure]
        table = self.tables[check_choice(f"table of figure {claim.figure}", claim.table, figure.tables)]
        if table.columns:
            for column in claim.columns:
                check_choice(f"column of {claim.table}", column, table.value_columns)
        for axis in (*claim.where, *claim.mean_over, *filter(None, [claim.across]), *claim.compare, *claim.unmatched):
            check_axis(f"axis of {claim.table}", axis, table.panel_keys)
        if claim.condition.drawn is not None and not table.draws:
            raise ValueError(f"the condition drawn needs a table of draws: {claim.table} is none")

    def grids_of(self, table: str) -> Iterator[tuple[tuple[Axes, ...], Axes]]:
        """Blocks and protocol of a table's grid, at each scale that makes the table."""
        for scale in self.scales.values():
            if table in scale.tables:
                yield scale.tables[table], self.protocol.model_dump(mode="json") | scale.protocol
