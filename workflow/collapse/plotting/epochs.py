"""Quantities over training: every seed a thin line, their median a thick one, moments of training as vertical lines."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from collapse.plotting.panels import count_note, drop_empty, label_outside, legend, network_and_dataset, width_of
from collapse.plotting.style import GREY, PAGE_HEIGHT, TWO_COLUMNS, Look, log_numbers, look, looks, number

ACCURACIES = ("train_accuracy", "test_accuracy")
MOMENTS = {"zero training error": (0, (5, 2)), "start of the terminal phase": (0, (1, 1.5))}


def over_epochs(axes: Axes, table: pd.DataFrame, column: str, shown: Look | None = None) -> None:
    """Draw a column of a table with `epoch` and `seed` over the epochs; epoch 0 is the untrained network."""
    shown = shown or look(0)
    for _, seed in table.groupby("seed"):
        seed = seed.sort_values("epoch")
        axes.plot(seed.epoch, seed[column], color=shown.colour, linestyle=shown.line, linewidth=0.4, alpha=0.8)
    median = table.groupby("epoch")[column].median().dropna()
    axes.plot(median.index, median, color=shown.colour, linestyle=shown.line, linewidth=1.5, marker=shown.marker)
    epoch_axis(axes, table.epoch.max())


def epoch_axis(axes: Axes, last: float) -> None:
    """Epochs on a log scale that has room for 0: linear up to 1."""
    axes.set_xscale("symlog", linthresh=1, linscale=0.5)
    decades = [10**power for power in range(6) if 10**power <= last]
    decades = decades if len(decades) < 4 else decades[::2]  # so that their labels fit
    axes.set_xticks([0, *decades], [number(tick) for tick in (0, *decades)])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(-0.15, last * 1.15)


def log_epochs(axes: Axes, last: float) -> None:
    """Epochs from 1 on a log scale, with room for the marks at both ends."""
    axes.set_xscale("log")
    decades = [10**power for power in range(6) if 10**power <= last]
    axes.set_xticks(decades, [number(tick) for tick in decades])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(0.8, last * 1.25)


def epoch_panels(
    table: pd.DataFrame,
    measures: Mapping[str, str],
    moments: Mapping[str, Sequence[float]] | None = None,
    aside: int = 3,
    logarithmic: Sequence[str] = (),
) -> tuple[Figure, list[Line2D]]:
    """A panel for each measure: column of the table -> label of the axis. Returns the entries of a legend, too.

    moments: the names in MOMENTS -> the epoch of each seed, of which the median is drawn; logarithmic: the columns
    whose axis is.
    """
    lines = -(-len(measures) // aside)
    columns = -(-len(measures) // lines)
    size = (width_of(columns), min(1.8 * lines + 0.5, PAGE_HEIGHT))
    figure, panels = plt.subplots(lines, columns, figsize=size, sharex=True, squeeze=False)
    drop_empty(panels.flat, len(measures))
    for axes, (column, label) in zip(panels.flat, measures.items(), strict=False):
        over_epochs(axes, table, column)
        if column in logarithmic:
            log_numbers(axes)
        moment_lines(axes, moments or {})
        axes.set(ylabel=label)
    label_outside(figure, "epoch")
    return figure, [*seed_handles(), *moment_handles(moments or {})]


def epoch_array(
    table: pd.DataFrame,
    measures: Mapping[str, str],
    lines: tuple[str, Mapping[Any, str]],
    hue: tuple[str, Callable[[Any], str]],
    unit: str = "epoch",
    floor: float | None = None,
    linear: Sequence[str] = (),
) -> tuple[Figure, dict[tuple[Any, str], Axes], dict[Any, Look]]:
    """An array of panels over the epochs, with log axes and a legend: a column for each measure (column of the table ->
    label), a line of panels for each value of a column (its name, value -> label), and in each panel a curve for each
    value of another (its name, value -> label).

    unit: what an epoch is called. floor: values below it are drawn at it, where it is not None. linear: measures whose
    axes are not logarithmic. Returns the panels by
    that value and the measure, and the looks of the curves, too.
    """
    (by, names), (of, label) = lines, hue
    size = (TWO_COLUMNS, min(1.5 * len(names) + 0.7, PAGE_HEIGHT))
    figure, panels = plt.subplots(len(names), len(measures), figsize=size, sharex=True, sharey="col", squeeze=False)
    series, found = looks(table[of]), {}
    for row, (value, name) in zip(panels, names.items(), strict=True):
        part = table.loc[table[by] == value]
        for axes, column in zip(row, measures, strict=True):
            shown = part if floor is None else part.assign(**{column: part[column].clip(lower=floor)})
            for which, curve in shown.groupby(of):
                over_epochs(axes, curve, column, series[which])
            if column not in linear:
                log_numbers(axes)
            axes.set_xlim(-0.3, table.epoch.max() * 1.6)  # room for half a mark, in narrow panels too
            found[value, column] = axes
        row[0].set_ylabel(name)
    for axes, title in zip(panels[0], measures.values(), strict=True):
        axes.set_title(title)
    label_outside(figure, unit)
    count = count_note(table, next(iter(measures)), [by, of, "epoch"])
    note = f"thin: one seed ({count}); thick, with marks: median of the seeds"
    legend(figure, [shown.handle(label(value)) for value, shown in series.items()], note)
    return figure, found, series


def measures_over_epochs(
    table: pd.DataFrame,
    measures: Mapping[str, str],
    of: str,
    label: Callable[[Any], str],
    modes: Mapping[str, str] | None = None,
    floor: float | None = None,
) -> Figure:
    """An epoch_array with a line of panels for each dataset, network and, where `modes` names them, batch norm mode.

    Accuracies, which may be 1, have linear axes. floor: as for epoch_array.
    """
    keys = ["dataset", "model", *(["bn_mode"] if modes else [])]
    names = table.groupby(keys, sort=False).ngroup()
    lines = {}
    for panel, part in table.groupby(names):
        mode = f"\n{modes[part.bn_mode.iloc[0]]}" if modes else ""
        lines[panel] = network_and_dataset(part) + mode
    figure, *_ = epoch_array(
        table.assign(panel=names), measures, ("panel", lines), (of, label), floor=floor, linear=ACCURACIES
    )
    return figure


def moment_lines(axes: Axes, moments: Mapping[str, Sequence[float]]) -> None:
    """Vertical lines at the seeds' median of each moment; seeds that never reached it have no number."""
    for name, epochs in moments.items():
        reached = pd.Series(epochs, dtype=float).dropna()
        if len(reached):
            axes.axvline(reached.median(), color=GREY, linewidth=0.8, linestyle=MOMENTS[name], zorder=0)


def seed_handles(shown: Look | None = None) -> list[Line2D]:
    """Entries of a legend for the thin lines and the thick one."""
    colour = shown.colour if shown else look(0).colour
    return [
        Line2D([], [], color=colour, linewidth=0.4, label="one seed"),
        Line2D([], [], color=colour, linewidth=1.5, marker=look(0).marker, label="median of the seeds"),
    ]


def moment_handles(moments: Mapping[str, Sequence[float]]) -> list[Line2D]:
    """Entries of a legend for the moments."""
    return [Line2D([], [], color=GREY, linewidth=0.8, linestyle=MOMENTS[name], label=name) for name in moments]
