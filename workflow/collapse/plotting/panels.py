"""Panels of a figure, what stands around them, and the lines that a value is compared with."""

import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from collapse.data.entries import DATASETS, dataset_title
from collapse.models.entries import network_title
from collapse.plotting.style import GREY, ONE_COLUMN, PAGE_HEIGHT, TWO_COLUMNS

SIMPLEX = "simplex, $-1/(K-1)$"
CHANCE = "guessing, $1/K$"


def width_of(panels_aside: int) -> float:
    """Width of a figure: one column of a page for a single panel, two for more."""
    return ONE_COLUMN if panels_aside == 1 else TWO_COLUMNS


def panels(
    table: pd.DataFrame, keys: Sequence[str], height: float = 2.1, aside: int = 3
) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """A figure of panels with common axes: for each combination of `keys` a panel and its rows of the table.

    height: of a line of panels, in inches; aside: how many panels a line has at most (four make two lines of two).
    """
    groups = [group for _, group in table.groupby(list(keys), sort=False)]
    lines = math.ceil(len(groups) / aside)
    columns = math.ceil(len(groups) / lines)
    size = (width_of(columns), min(lines * height + 0.6, PAGE_HEIGHT))
    figure, axes = plt.subplots(lines, columns, figsize=size, sharex=True, sharey=True, squeeze=False)
    drop_empty(axes.flat, len(groups))
    return figure, list(zip(axes.flat, groups, strict=False))


def drop_empty(axes: Iterable[Axes], used: int) -> None:
    """Remove the axes after the first `used`, and give those above the removed ones their tick labels."""
    axes = list(axes)
    for empty in axes[used:]:
        spec = empty.get_subplotspec()
        above = [other for other in axes[:used] if spec and _above(other, spec)]
        for other in above:
            other.xaxis.set_tick_params(labelbottom=True)
        empty.remove()


def _above(axes: Axes, spec: Any) -> bool:
    here = axes.get_subplotspec()
    return bool(here) and (here.rowspan.start, here.colspan.start) == (spec.rowspan.start - 1, spec.colspan.start)


def label_outside(figure: Figure, x: str, y: str = "") -> None:
    """Name the axes: x at the panels of the last line, y once for all panels."""
    panels = {axes: spec.rowspan.stop for axes in figure.axes if (spec := axes.get_subplotspec())}
    for axes, line in panels.items():
        if line == max(panels.values()):
            axes.set_xlabel(x)
    if y and len(panels) == 1:
        figure.axes[0].set_ylabel(y)
    elif y:
        figure.supylabel(y)


def legend(figure: Figure, handles: Sequence[Any], title: str = "") -> None:
    """A legend below the panels, where it covers nothing, in as many columns as fit the figure's width."""
    for columns in range(min(len(handles), 6), 0, -1):
        shown = figure.legend(
            handles=handles, loc="outside lower center", ncols=columns, title=fill(title, figure.get_figwidth()),
            columnspacing=1.5, handletextpad=0.5, borderpad=0.2,
        )  # fmt: skip
        if columns == 1 or shown.get_window_extent().width < 0.97 * figure.bbox.width:
            return
        shown.remove()


def fill(text: str, inches: float) -> str:
    """Small text in lines of that width."""
    return textwrap.fill(text, max(8, int(17.5 * inches)), break_long_words=False, break_on_hyphens=False)


def network_and_dataset(group: pd.DataFrame) -> str:
    """Network and dataset of a panel."""
    model, dataset = group.model.iloc[0], group.dataset.iloc[0]
    return f"{network_title(model)}, {dataset_title(dataset)}"


def num_classes(table: pd.DataFrame) -> int | None:
    """K of a panel: the table's column num_classes if it has one, else that of its dataset.

    None where K is not known, being that of a dataset of one's own, or not the same in all rows.
    """
    if "num_classes" in table:
        known = set(table.num_classes)
    elif "dataset" in table:
        known = {DATASETS[name].num_classes if name in DATASETS else None for name in table.dataset}
    else:
        known = set()
    return known.pop() if len(known) == 1 else None


def simplex_line(axes: Axes, table: pd.DataFrame) -> list[Line2D]:
    """The cosine -1/(K-1) of a simplex as a grey line, for a legend; no line where K is not known."""
    classes = num_classes(table)
    return [] if classes is None else [level_line(axes, -1 / (classes - 1), SIMPLEX)]


def chance_line(axes: Axes, table: pd.DataFrame) -> list[Line2D]:
    """The accuracy 1/K of guessing as a grey line, for a legend; no line where K is not known."""
    classes = num_classes(table)
    return [] if classes is None else [level_line(axes, 1 / classes, CHANCE)]


def level_line(axes: Axes, level: float, label: str) -> Line2D:
    """A grey level line behind the data."""
    return axes.axhline(level, color=GREY, linewidth=0.8, linestyle=(0, (6, 3)), zorder=0, label=label)


def count_note(table: pd.DataFrame, column: str, keys: Sequence[str]) -> str:
    """The number n of seeds, or draws, that have a value at each point, in words; `keys` say which point a row is."""
    counts = list(table.groupby(list(keys), dropna=False)[column].count())
    low, high = min(counts), max(counts)
    return f"$n$ = {low}" if low == high else f"$n$ = {low} to {high}"


def published_at(published: Sequence[dict[str, Any]], column: str, row: dict[str, Any]) -> list[dict[str, Any]]:
    """Published values (collapse.plan.Plan.published) of a column that belong to a row of a table."""
    return [
        value
        for value in published
        if value["column"] == column and all(row.get(axis) == wanted for axis, wanted in value["where"].items())
    ]


def published_label(shown: Sequence[dict[str, Any]]) -> str:
    """What a legend says of published values: whether they are verified."""
    return "published (unverified)" if any(value["unverified"] for value in shown) else "published"
