"""The house style: sizes and type of a journal's page, looks that survive grey printing, and how a figure is saved."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from matplotlib.typing import LineStyleType

ONE_COLUMN, TWO_COLUMNS, PAGE_HEIGHT = 3.4, 7.0, 9.0  # inches, of a journal's page
SMALL, NORMAL = 7, 8  # points, of text in a figure that is printed at its own size
GREY = "0.45"  # of what was not measured: reference lines, marks of the axes

RC = {
    "axes.spines.right": False, "axes.spines.top": False, "axes.linewidth": 0.6,
    "xtick.major.width": 0.6, "ytick.major.width": 0.6, "xtick.minor.width": 0.4, "ytick.minor.width": 0.4,
    "xtick.major.size": 3, "ytick.major.size": 3, "xtick.minor.size": 1.5, "ytick.minor.size": 1.5,
    # A font that comes with matplotlib: the same figure on every machine.
    "font.family": "DejaVu Sans", "mathtext.fontset": "dejavusans",
    "font.size": NORMAL, "axes.labelsize": NORMAL, "axes.titlesize": NORMAL, "figure.labelsize": NORMAL,
    "figure.titlesize": NORMAL, "xtick.labelsize": SMALL, "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL, "legend.title_fontsize": SMALL, "legend.frameon": False,
    "lines.linewidth": 1, "lines.markersize": 3.5,
    # Type 42 embeds the fonts and keeps text selectable.
    "pdf.fonttype": 42, "savefig.dpi": 300, "figure.constrained_layout.use": True,
}  # fmt: skip


@dataclass(frozen=True)
class Look:
    """What tells one series from another: three ways at once, so that it does not take colour."""

    colour: Any
    marker: str
    line: LineStyleType

    def points(self, filled: bool = True, **more: Any) -> dict[str, Any]:
        """Arguments of `plot` for points alone."""
        face = self.colour if filled else "none"
        return {
            "linestyle": "", "marker": self.marker, "color": self.colour, "markerfacecolor": face,
            "markeredgewidth": 0.7,
        } | more  # fmt: skip

    def handle(self, label: str, **more: Any) -> Line2D:
        """An entry of a legend: line and marker, unless `more` says otherwise."""
        style = {"color": self.colour, "marker": self.marker, "linestyle": self.line} | more
        return Line2D([], [], **style, label=label)


# Of these lengths no two repeat together before the 35th series.
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES: tuple[LineStyleType, ...] = ("-", "--", "-.", (0, (1, 1)), (0, (4, 1, 1, 1, 1, 1)))
COLOURS = list(sns.color_palette("colorblind"))


def look(i: int) -> Look:
    """The look of a figure's series number i."""
    return Look(COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)], LINES[i % len(LINES)])


def looks(values: Iterable[Any], ordered: bool = True) -> dict[Any, Look]:
    """A look for each of the values, in their order, or as they come: the same in every panel of a figure."""
    found = list(dict.fromkeys(values))
    return dict(zip(sorted(found) if ordered else found, map(look, itertools.count()), strict=False))


def render(draw: Callable[..., Figure], tables: Sequence[Path], outputs: Sequence[Path]) -> None:
    """Draw a figure from its tables and save it in every format asked for (by the outputs' suffixes)."""
    with house_style():
        figure = draw(*(pd.read_csv(table) for table in tables))
        for output in outputs:
            output.parent.mkdir(parents=True, exist_ok=True)
            # No creation date, so that the same table gives the same file.
            figure.savefig(output, metadata={"CreationDate": None} if output.suffix == ".pdf" else None)
        plt.close(figure)


def house_style() -> Any:
    """A context in which every figure has the style."""
    return plt.rc_context(sns.axes_style("ticks") | RC)


def number(value: float, form: str = "g") -> str:
    """A number as text, with a minus that is no hyphen, and powers of ten where it is far from 1."""
    if value == float("inf"):
        return r"$\infty$"
    plain = f"{value:{form}}".replace("-", "\N{MINUS SIGN}")
    if form != "g" or value == 0 or 1e-3 <= abs(value) < 1e5:
        return plain
    mantissa, _, exponent = f"{value:.0e}".partition("e")
    times = "" if mantissa == "1" else rf"{mantissa} \times "
    return rf"${times}10^{{{int(exponent)}}}$"


def log_subs(low: float, high: float) -> tuple[int, ...]:
    """Which multiples of a power of ten are ticks of a log axis: more of them where it spans few decades."""
    return (1, 2, 5) if high < 200 * low else (1,)


def log_numbers(axes: Axes) -> None:
    """Make the axis of y, which is drawn, logarithmic, with plain numbers at its ticks."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=log_subs(*axes.get_ylim())))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axes.yaxis.set_minor_locator(LogLocator(subs=range(2, 10), numticks=20))
    axes.yaxis.set_minor_formatter(NullFormatter())
