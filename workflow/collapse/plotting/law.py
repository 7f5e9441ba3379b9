"""The law of data separation in many panels: separation fuzziness D of every layer, and the line fitted to ln D."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator

from collapse.plotting.panels import count_note, fill, label_outside, legend, published_at
from collapse.plotting.style import COLOURS, ONE_COLUMN, PAGE_HEIGHT, SMALL, TWO_COLUMNS, Look, log_numbers, number

ASIDE = 6  # panels in a line, at most: narrower ones have no room for rho and r
TRAIN, EVAL = Look(COLOURS[0], "o", ""), Look(COLOURS[1], "s", "")
OTHER: dict[str, Any] = {"linestyle": "", "marker": "x", "markersize": 3, "color": "0.5", "zorder": 1}
FIT, PUBLISHED = {"color": "k", "linewidth": 0.8}, {"color": "k", "linewidth": 0.8, "linestyle": (0, (1, 1.5))}
D = "separation_fuzziness"
Name = Callable[[pd.Series], str]
Line = tuple[str, list[pd.DataFrame]]  # a line of panels: what it is called, and the panels' tables


def laws(
    table: pd.DataFrame,
    fit: pd.DataFrame,
    columns: Sequence[str],
    title: Name,
    rows: Sequence[str] = (),
    row_title: Name = lambda run: "",
    note: Callable[[pd.DataFrame], str] | None = None,
    published: Sequence[dict[str, Any]] = (),
) -> Figure:
    """A panel for each combination of `rows` and `columns`; one of the rows begins a line, which may go on in further.

    table: of seeds, with layer, bn_mode and separation_fuzziness; fit: of seeds, with bn_mode, r and rho. `title` and
    `row_title` name a panel and a row by the first row of their tables; `note` is a remark from a panel's fit. Where a
    learning rate was chosen, a panel shows, and names, the one that held-out accuracy chose; if test accuracy chose
    another, grey crosses show that one.
    """
    keys = [*rows, *columns]
    lines = arrange(table, rows, columns, row_title)
    figure, panels = _grid(lines, 2 + (note is not None) + ("chosen_by" in table))
    drawn: dict[str, Line2D] = {}
    counts = [_count(part) for _, parts in lines for part in parts]
    count, room = max(counts, key=counts.count), 0.95 * figure.get_figwidth() / panels.shape[1]
    for axes, (name, parts) in zip(panels, lines, strict=True):
        axes[0].set(ylabel=name)
        for panel, part in zip(axes, parts, strict=False):
            law = fit.loc[(fit[keys] == part[keys].iloc[0]).all(axis=1)] if keys else fit
            drawn |= law_panel(panel, part, law, published)
            said = [fill(title(part.iloc[0]), room), *_remarks(part, law, room, note), _count(part).replace(count, "")]
            panel.set_title("\n".join(filter(None, said)), fontsize=SMALL, loc="left", linespacing=1.15)
        for empty in axes[len(parts) :]:
            empty.remove()
    log_numbers(panels[0][0])  # y is common to all panels
    label_outside(figure, "layer $l$")
    figure.supylabel("separation fuzziness $D$")
    shown = [drawn[name] for name in ("train", "eval", "fit", "other", "published") if name in drawn]
    legend(figure, shown, f"a point for each seed ({count})")
    return figure


def arrange(table: pd.DataFrame, rows: Sequence[str], columns: Sequence[str], row_title: Name) -> list[Line]:
    """The lines of panels: each row's panels in lines of about the same length."""
    lines = []
    for row in _values(table, rows):
        part = _at(table, rows, row)
        panels = [_at(part, columns, column) for column in _values(part, columns)]
        aside = math.ceil(len(panels) / math.ceil(len(panels) / ASIDE))
        lines += [(row_title(part.iloc[0]), panels[i : i + aside]) for i in range(0, len(panels), aside)]
    return lines


def _values(table: pd.DataFrame, axes: Sequence[str]) -> list[tuple]:
    """Combinations of the axes that a table holds: numbers in order, names and truth values as they come."""
    if not axes:
        return [()]
    found = table.loc[:, list(axes)].drop_duplicates()
    numeric = list(found.select_dtypes("number"))
    return list((found.sort_values(numeric, kind="stable") if numeric else found).itertuples(index=False, name=None))


def _at(table: pd.DataFrame, axes: Sequence[str], values: tuple) -> pd.DataFrame:
    return table.loc[(table[list(axes)] == list(values)).all(axis=1)] if axes else table


def _grid(lines: list[Line], text_lines: int) -> tuple[Figure, np.ndarray]:
    """Axes for the lines of panels; layers are the same down a column only if all its networks are as deep."""
    aside = max(len(parts) for _, parts in lines)
    width = ONE_COLUMN if aside <= 2 else TWO_COLUMNS
    height = min(0.8 * width / aside, 1.7) + 0.13 * (text_lines + (aside > 5))
    depths = [[part.layer.max() for part in parts] for _, parts in lines]
    same = all(depth == depths[0] for depth in depths)
    size = (width, min(height * len(lines) + 0.6, PAGE_HEIGHT))
    return plt.subplots(len(lines), aside, figsize=size, sharex="col" if same else False, sharey=True, squeeze=False)


def law_panel(
    axes: Axes, table: pd.DataFrame, fit: pd.DataFrame, published: Sequence[dict[str, Any]] = ()
) -> dict[str, Line2D]:
    """Draw D of every layer, a point a seed, in both batch norm modes, and the line fitted in train mode.

    Returns what was drawn, as entries of a legend by name.
    """
    shown, law = _chosen(table), _chosen(fit)
    drawn = {}
    for mode, seen, filled, size in (("eval", EVAL, False, 3.2), ("train", TRAIN, True, 2.2)):
        part = shown.loc[shown.bn_mode == mode]
        style = seen.points(filled, markersize=size, markeredgewidth=0.5)
        drawn[mode] = axes.plot(part.layer, part[D], label=f"$D$, batch norms in {mode} mode", **style)[0]
    if other := _other_choice(axes, table):
        drawn["other"] = other
    train = shown.loc[(shown.bn_mode == "train") & shown[D].notna()]
    ratio = law.loc[law.bn_mode == "train"].rho.mean()
    if len(train) and not math.isnan(ratio):
        label = r"fit of $\ln D$ on $l$ in train mode: decay ratio $\rho$, Pearson's $r$"
        drawn["fit"] = fitted_line(axes, train, ratio, label=label, **FIT)
    for value in published_at(published, "rho", law.iloc[0].to_dict()):
        kind = " (unverified)" if value["unverified"] else ""
        drawn["published"] = fitted_line(axes, train, value["value"], label=rf"published $\rho${kind}", **PUBLISHED)
    _law_axes(axes, shown, len(train) > 0)
    return drawn


def _law_axes(axes: Axes, shown: pd.DataFrame, any_value: bool) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True) if any_value else NullLocator())
    last = shown.layer.max()
    if last > 0:  # layers without a value keep their place
        axes.set_xlim(-0.07 * last, 1.07 * last)


def _chosen(table: pd.DataFrame, column: str = "held_out_accuracy") -> pd.DataFrame:
    """The rows that `column` chose; all rows of a table without `chosen_by`."""
    return table.loc[table.chosen_by == column] if "chosen_by" in table else table


def _other_choice(axes: Axes, table: pd.DataFrame) -> Line2D | None:
    """Draw D in train mode at the learning rate that test accuracy chose, if held-out accuracy chose another."""
    if "chosen_by" not in table:
        return None
    ours, theirs = _chosen(table), _chosen(table, "test_accuracy")
    if set(ours.learning_rate) == set(theirs.learning_rate):
        return None
    part = theirs.loc[theirs.bn_mode == "train"]
    return axes.plot(part.layer, part[D], label="train mode, at the rate of the best test accuracy", **OTHER)[0]


def fitted_line(axes: Axes, points: pd.DataFrame, ratio: float, **style: Any) -> Line2D:
    """Draw the line of decay `ratio` through (mean layer, mean ln D) of the points, as least-squares lines pass."""
    ends = np.array([points.layer.min(), points.layer.max()])
    height = np.log(points[D]).mean()
    return axes.plot(ends, np.exp(height + (ends - points.layer.mean()) * np.log(ratio)), **style)[0]


def _remarks(
    table: pd.DataFrame, fit: pd.DataFrame, room: float, note: Callable[[pd.DataFrame], str] | None
) -> list[str]:
    """What is said above a panel: the fit, the learning rate that was chosen, layers without D, and the note."""
    shown, law = _chosen(table), _chosen(fit)
    law = law.loc[law.bn_mode == "train"]
    said = []
    if law.rho.notna().any():
        both = [rf"$\rho$ = {number(law.rho.mean(), '.3f')}", f"$r$ = {number(law.r.mean(), '.3f')}"]
        said.append((", " if room > 1.25 else "\n").join(both))
    if "chosen_by" in table:
        said.append(f"rate {number(shown.learning_rate.iloc[0])}")
    measured = shown.loc[(shown.bn_mode == "train") & shown[D].notna()]
    if len(measured) and measured.layer.max() < shown.layer.max():
        said.append(f"no $D$ beyond layer {measured.layer.max():.0f}")
    return [*said, note(law) if note else ""]


def accuracy(law: pd.DataFrame) -> str:
    """Train accuracy of a panel's fit, in words, with the status of its runs unless all are ok."""
    mean = law.train_accuracy.mean()
    known = "no run ended" if math.isnan(mean) else f"train accuracy {number(mean, '.3f')}"
    bad = law.status[law.status != "ok"].value_counts()
    return "\n".join([known, *(f"({count} of {len(law)} {status})" for status, count in bad.items())])


def _count(table: pd.DataFrame) -> str:
    """The number of seeds behind the points of a panel; layers without D have no point."""
    shown = _chosen(table).dropna(subset=D)
    return count_note(shown, D, ["layer", "bn_mode"]) if len(shown) else "$n$ = 0"
