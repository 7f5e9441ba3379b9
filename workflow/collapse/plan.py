"""The plan of a paper at one scale: its grids, runs, tables and claims, and the specification that each job gets."""

from typing import Any

from pydantic import NonNegativeInt

from collapse.claims.language import ClaimsSpec
from collapse.data import drawn
from collapse.grid import Axes, Grid, Point, combinations
from collapse.paper import Content, Paper, Table
from collapse.recipe import Recipe
from collapse.strict import ConfigError, validate


class TableSpec(Content):
    """Specification of a measured table: its runs, and what to read from each run."""

    grid: Grid


class DrawsSpec(Content):
    """Specification of a table of draws: the axes that name each subset in the table, and how it is drawn."""

    points: tuple[tuple[Axes, drawn.Subset], ...]
    seeds: tuple[NonNegativeInt, ...]


class Plan:
    """A paper at one scale: what can be made, and the recipe of every run it takes.

    Every run is made at each of `seeds`. `protocol` holds the user's changes of the scale's protocol (config.yaml).
    """

    def __init__(self, paper: Paper, scale: str, seeds: tuple[int, ...], protocol: Axes | None = None):
        file = f"config/papers/{paper.name}.yaml"
        if scale not in paper.scales:
            raise ConfigError(f"{file}: it has no scale {scale}, only {', '.join(paper.scales)}")
        self.paper, self.scale_name = paper, scale
        self.scale = paper.scales[scale]
        published = paper.protocol.model_dump(mode="json") | self.scale.protocol
        self.grids = {
            name: Grid(
                blocks=blocks,
                protocol=published,
                changes=protocol or {},
                seeds=seeds,
                variant=paper.variant,
                source=f"{file}, scales.{scale}.tables.{name}",
            )
            for name, blocks in self.scale.tables.items()
            if paper.tables[name].columns and not paper.tables[name].draws
        }
        self.subsets = {
            name: tuple(self._subset(name, axes) for axes in self.settings(name))
            for name in self.scale.tables
            if paper.tables[name].draws
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

    def _subset(self, table: str, axes: Axes) -> tuple[Axes, drawn.Subset]:
        source = f"config/papers/{self.paper.name}.yaml, scales.{self.scale_name}.tables.{table}"
        subset = validate(drawn.Subset, axes, source)
        return {axis: getattr(subset, axis) for axis in self.paper.tables[table].key_columns}, subset

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
        """The published values that a figure's claims compare with our draws, and where in the table they belong: the
        figure's script may draw them.
        """
        claims = (claim for claim in self.paper.claims.values() if claim.figure == figure)
        return [
            {"where": claim.where, "column": claim.column, "value": claim.condition.drawn}
            for claim in claims
            if claim.condition.drawn is not None
        ]

    def theory(self) -> list[str]:
        """Tables that a solver computes at this scale."""
        return [name for name in self.scale.tables if self.paper.tables[name].solver]

    def settings(self, table: str) -> list[Axes]:
        """Settings of a theory table, its blocks multiplied out."""
        return [setting for block in self.scale.tables[table] for setting in combinations(block)]

    def table_spec(self, name: str) -> TableSpec:
        """Specification of a measured table, for the script tabulate."""
        table = self.paper.tables[name]
        return TableSpec(grid=self.grids[name], **_content(table))

    def draws_spec(self, name: str) -> DrawsSpec:
        """Specification of a table of draws, for the script measure_draws."""
        table = self.paper.tables[name]
        return DrawsSpec(points=self.subsets[name], seeds=tuple(range(table.draws or 0)), **_content(table))


def _content(table: Table) -> dict[str, Any]:
    return {key: getattr(table, key) for key in Content.model_fields}
