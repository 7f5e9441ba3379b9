"""The contents of the atlas: each paper's claims with the value of every seed, its figures, and their tables."""

import base64
import csv
import io
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from collapse.atlas.runs import MeasuredRun
from collapse.atlas.strip import strip
from collapse.claims.check import panels_of
from collapse.claims.language import SCALES, Claim, ClaimsSpec, Interval
from collapse.claims.quantity import NotRun, quantity
from collapse.claims.verdict import NOT_RUN
from collapse.plan import Plan

VERDICTS = ("holds", "fails", "inconclusive", "undefined", NOT_RUN)
IMAGE_WIDTH = 1400  # pixels; figures are made at 300 dpi, for print
DIGITS = 6  # significant digits of the numbers on the page


@dataclass(frozen=True)
class ClaimView:
    """A claim: its row of claims.csv, the verdicts at other scales, its values as a strip, and what it rests on."""

    row: dict[str, str]
    others: dict[str, str]
    strip: str
    runs: int
    commits: tuple[str, ...]


@dataclass(frozen=True)
class FigureView:
    """A figure: its title, note and tables from the paper's file, and its image as a data URI."""

    name: str
    title: str
    note: str
    tables: tuple[str, ...]
    image: str


@dataclass(frozen=True)
class PaperView:
    """A paper at one scale."""

    name: str
    title: str
    reference: str
    deviations: str
    claims: list[ClaimView]
    figures: list[FigureView]
    tables: dict[str, dict[str, Any]] = field(repr=False)

    @property
    def counts(self) -> Counter[str]:
        """How many claims have each verdict."""
        return Counter(claim.row["verdict"] for claim in self.claims)


def paper_view(plan: Plan, results: Path, runs: list[MeasuredRun]) -> PaperView | None:
    """What exists of a paper at the plan's scale; None where no figure of the paper is checked yet."""
    paper, folder = plan.paper, results / plan.scale_name
    figures = [name for name in paper.figures if (folder / "claims" / paper.name / f"{name}.csv").exists()]
    if not figures:
        return None
    drawn = [name for name in figures if (folder / "figures" / paper.name / f"{name}.png").exists()]
    tables = dict.fromkeys(table for name in drawn for table in paper.figures[name].tables)
    return PaperView(
        name=paper.name,
        title=paper.title,
        reference=paper.reference,
        deviations=plan.scale.deviations,
        claims=[claim for name in figures for claim in _claims(plan, name, results, runs)],
        figures=[_figure(plan, name, folder) for name in drawn],
        tables={f"{paper.name}/{table}": _table(plan, table, folder) for table in tables},
    )


def _claims(plan: Plan, figure: str, results: Path, runs: list[MeasuredRun]) -> Iterator[ClaimView]:
    paper, spec = plan.paper.name, plan.claims_spec(figure)
    others = {
        scale: {row["claim"]: row["verdict"] for row in _rows(results / scale / "claims" / paper / f"{figure}.csv")}
        for scale in SCALES
        if scale != plan.scale_name
    }
    for row in _rows(results / plan.scale_name / "claims" / paper / f"{figure}.csv"):
        claim = plan.paper.claims[row["claim"]]
        its_runs = [run for run in runs if f"{paper}/{claim.table}" in run.tables]
        yield ClaimView(
            row=row,
            others={scale: verdicts[row["claim"]] for scale, verdicts in others.items() if row["claim"] in verdicts},
            strip="" if row["verdict"] == NOT_RUN else _strip(claim, spec, results / plan.scale_name, row["at"]),
            runs=len(its_runs),
            commits=tuple(sorted({str(run.how["git"])[:12] for run in its_runs})),
        )


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _strip(claim: Claim, spec: ClaimsSpec, folder: Path, deciding: str) -> str:
    table = seeds_of(folder / "tables" / spec.paper / f"{claim.table}.csv")
    if table is None:
        return ""
    keys, found = (list(part.get(claim.table, ())) for part in (spec.panel_keys, spec.found_keys))
    try:
        panels = panels_of(quantity(claim, table, keys, found))
    except NotRun:
        return ""
    if claim.condition.drawn is None:
        return strip(panels, claim.condition.interval(), deciding)
    # What is wanted of draws is that the published value is one of them: the dots are ours, the mark is the paper's.
    return strip(panels, Interval(claim.condition.drawn, claim.condition.drawn, closed=True), deciding)


def seeds_of(path: Path) -> pd.DataFrame | None:
    """A table with a row for each seed, or the table itself where it has none; None where it is not made."""
    seeds = path.with_name(f"{path.stem}_seeds.csv")
    there = next((one for one in (seeds, path) if one.exists()), None)
    return None if there is None else pd.read_csv(there)


def _figure(plan: Plan, name: str, folder: Path) -> FigureView:
    paper, figure = plan.paper.name, plan.paper.figures[name]
    tables = tuple(f"{paper}/{table}" for table in figure.tables)
    image = data_uri(folder / "figures" / paper / f"{name}.png")
    return FigureView(name, figure.title, figure.note, tables, image)


def data_uri(path: Path) -> str:
    """A picture, at most IMAGE_WIDTH pixels wide, as a data URI."""
    with Image.open(path) as picture:
        picture = picture.convert("RGB")
        picture.thumbnail((IMAGE_WIDTH, IMAGE_WIDTH * 2))
        kept = io.BytesIO()
        picture.save(kept, "WEBP", quality=82, method=4)
    return "data:image/webp;base64," + base64.b64encode(kept.getvalue()).decode()


def _table(plan: Plan, name: str, folder: Path) -> dict[str, Any]:
    """A table for the page's curves: its keys, its value columns, and its rows, column by column."""
    table, paper = plan.paper.tables[name], plan.paper.name
    rows = seeds_of(folder / "tables" / paper / f"{name}.csv")
    view = {"title": table.title, "keys": [*table.keys], "values": [], "columns": {}, "points": table.points}
    if rows is None:
        return view
    if table.points:  # one seed's: every point of every seed would be the larger part of the page
        rows = rows.loc[rows.seed == rows.seed.min()]
    elif name in plan.points and "seed" in rows:
        folders = {_place(run.axes, table.key_columns, run.seed): run.folder for run in plan.runs(name)}
        places = (_place(row, table.key_columns, row["seed"]) for row in rows.to_dict("records"))
        rows = rows.assign(run=[folders.get(place, "") for place in places])
    numbers = rows.select_dtypes("number").columns
    view["values"] = [column for column in numbers if column not in (*table.keys, "seed")]
    view["columns"] = {column: [written(value) for value in rows[column]] for column in rows}
    return view


def _place(row: dict[str, Any], keys: tuple[str, ...], seed: Any) -> tuple:
    """The key values and seed of a row, in a form that is the same for a row of a plan and for a row of a CSV file."""
    return tuple(_same(row.get(key)) for key in keys), int(seed)


def _same(value: Any) -> Any:
    if value is None or value != value:
        return ""
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)


def written(value: Any) -> Any:
    """A cell as JSON has it: numbers to DIGITS significant digits, infinity as text, nothing for a missing value."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if not isinstance(value, int | float) and not hasattr(value, "dtype"):
        return str(value)
    number = float(value)
    if math.isnan(number):
        return None
    if math.isinf(number):
        return "∞" if number > 0 else "-∞"
    return int(number) if number == int(number) and abs(number) < 1e15 else float(f"{number:.{DIGITS}g}")
