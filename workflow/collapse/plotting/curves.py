"""Measured curves over a ratio or a rate: every seed a point, a line through the means, infinity set apart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter

from collapse.plotting.panels import published_at, published_label
from collapse.plotting.style import GREY, Look, log_subs, look, number

BREAK = [(-0.5, -1), (0.5, 1)]  # a slanted stroke


@dataclass(frozen=True)
class LogScale:
    """A logarithmic axis of a sweep's values, with infinity, if it is one of them, beyond a break of the axis."""

    low: float
    high: float  # the greatest finite value
    infinite: bool

    @classmethod
    def of(cls, values: pd.Series) -> "LogScale":
        """The axis that shows all the values."""
        finite = values[np.isfinite(values)]
        return cls(float(finite.min()), float(finite.max()), len(finite) < len(values))

    @property
    def at_infinity(self) -> float:
        """Where infinity is drawn: a fifth of the axis, at least half a decade, beyond the greatest finite value."""
        return self.high * max((self.high / self.low) ** 0.2, 10**0.5)

    def place(self, values: Any, aside: float = 0.0) -> np.ndarray:
        """Where values are drawn; `aside` shifts them, in hundredths of the axis."""
        end = self.at_infinity if self.infinite else self.high
        places = np.where(np.isinf(values), self.at_infinity, np.asarray(values, float))
        return places * (end / self.low) ** (aside / 100)

    def draw(self, axes: Axes, narrow: bool = False) -> None:
        """Set the scale, its ticks (in a narrow panel powers of ten alone), and the break before infinity."""
        axes.set_xscale("log")
        subs = (1,) if narrow else log_subs(self.low, self.high)
        ticks = LogLocator(subs=subs).tick_values(self.low, self.high)
        shown = [tick for tick in ticks if 0.99 * self.low <= tick <= 1.01 * self.high]
        labels = [number(tick) for tick in shown]
        if self.infinite:
            shown, labels = [*shown, self.at_infinity], [*labels, number(np.inf)]
            self._break(axes)
        axes.set_xticks(shown, labels)
        minor = LogLocator(subs=range(2, 10)).tick_values(self.low, self.high)
        axes.xaxis.set_minor_locator(FixedLocator([tick for tick in minor if self.low <= tick <= self.high]))
        axes.xaxis.set_minor_formatter(NullFormatter())

    def _break(self, axes: Axes) -> None:
        middle = np.sqrt(self.high * self.at_infinity)
        at, common = [middle / 1.06, middle * 1.06], {"transform": axes.get_xaxis_transform(), "clip_on": False}
        axes.plot(at, [0, 0], color="white", linewidth=2, zorder=5, label="_break", **common)
        axes.plot(
            at, [0, 0], linestyle="", marker=BREAK, markersize=6, markeredgewidth=0.7, color="k", zorder=6,
            label="_break", **common,
        )  # fmt: skip


def curves(
    axes: Axes,
    table: pd.DataFrame,
    x: str,
    y: str,
    scale: LogScale,
    series: dict[Any, Look],
    hue: str | None = None,
) -> None:
    """Draw a column of a table of seeds against x: a point for each seed, a line through the means over the seeds.

    series: the look of each value of `hue`, or of the one column y where there is no hue. Series stand side by side,
    two hundredths of the axis apart, so that none covers another; no line leads to infinity.
    """
    parts = table.groupby(hue) if hue else [(y, table)]
    for value, part in parts:
        curve(axes, part, x, y, scale, series[value], aside_of(value, series))


def aside_of(value: Any, series: dict[Any, Look]) -> float:
    """How far aside a series is drawn (LogScale.place)."""
    return 2 * (list(series).index(value) - (len(series) - 1) / 2)


def curve(axes: Axes, part: pd.DataFrame, x: str, y: str, scale: LogScale, shown: Look, aside: float = 0.0) -> None:
    """One of the `curves`."""
    means = part.dropna(subset=y).groupby(x, as_index=False).agg({y: "mean"})
    finite = means.loc[np.isfinite(means[x])]
    axes.plot(scale.place(finite[x], aside), finite[y], color=shown.colour, linestyle=shown.line)
    axes.plot(scale.place(part[x], aside), part[y], **shown.points())


def curve_handles(series: dict[Any, Look], label: Callable[[Any], str]) -> list[Line2D]:
    """Entries of a legend for the series of `curves`."""
    return [shown.handle(label(value)) for value, shown in series.items()]


def curve_note(count: str, aside: bool = True) -> str:
    """What a legend of `curves` says of its points, as its title; `count` is what panels.count_note says."""
    note = f"a point for each seed ({count}), lines through their means"
    return f"{note}; series side by side" if aside else note


def published_points(
    axes: Axes,
    table: pd.DataFrame,
    x: str,
    y: str,
    scale: LogScale,
    published: Sequence[dict[str, Any]],
    shown: Look,
) -> list[Line2D]:
    """Draw the published values that belong to rows of the table as large hollow marks of a series; for a legend."""
    found = {
        (row[x], value["value"]): value for row in table.to_dict("records") for value in published_at(published, y, row)
    }
    if not found:
        return []
    places, values = zip(*found, strict=True)
    axes.plot(scale.place(places), values, **shown.points(filled=False, markersize=8, zorder=4))
    label = f"large and hollow: {published_label(list(found.values()))}"
    return [Line2D([], [], linestyle="", marker="o", markersize=8, color=GREY, markerfacecolor="none", label=label)]


def theory_curves(
    axes: Axes,
    theory: pd.DataFrame,
    measured: pd.DataFrame,
    x: str,
    y: str,
    hue: str,
    label: Callable[[Any], str],
) -> list[Line2D]:
    """Draw theory as lines and, on them, a point for each measured row, a look for each value of `hue`.

    theory, measured: tables with the columns x, y, hue; the seeds of a measured place are rows. Returns the entries of
    a legend.
    """
    values = sorted({*theory[hue], *measured[hue]})
    shown = {value: look(i) for i, value in enumerate(values)}
    for value, part in theory.sort_values(x).groupby(hue):
        axes.plot(part[x], part[y], color=shown[value].colour, linestyle=shown[value].line, zorder=1)
    for value, part in measured.groupby(hue):
        axes.plot(part[x], part[y], **shown[value].points(filled=False))
    handles = [shown[value].handle(label(value), markerfacecolor="none") for value in values]
    return [
        *handles,
        Line2D([], [], color=GREY, label="theory"),
        Line2D([], [], color=GREY, linestyle="", marker="o", markerfacecolor="none", label="measured, a point a seed"),
    ]
