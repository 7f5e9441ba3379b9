"""Separation fuzziness D_0 of the images themselves: random subsets, and the value that the authors' figures show."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from collapse import plotting
from collapse.data.entries import dataset_title

D = "separation_fuzziness"
THEIRS = {"marker": "D", "markersize": 6, "markerfacecolor": "none", "color": "k", "linestyle": ""}


def draw(table: pd.DataFrame, published: Sequence[dict[str, Any]] = ()) -> Figure:
    """A line for each dataset: its draws, their mean and central 95 %, and the paper's own draw where it is known.

    `table` is inputs.csv, with a row for each draw.
    """
    groups = [group for _, group in table.groupby(["dataset", "image_size"], sort=False)]
    figure, axes = plt.subplots(figsize=(plotting.ONE_COLUMN, 1.1 + 0.38 * len(groups)))
    ours = plotting.look(0)
    theirs = []
    for line, draws in enumerate(groups):
        axes.plot(draws[D], [line + 0.2] * len(draws), marker="|", markersize=5, color=ours.colour, alpha=0.5, ls="")
        axes.plot(draws[D].quantile([0.025, 0.975]), [line] * 2, color="k")
        axes.plot(draws[D].mean(), line, marker="o", color="k")
        for value in plotting.published_at(published, D, draws.iloc[0].to_dict()):
            axes.plot(value["value"], line, **THEIRS)
            theirs.append(value)
    axes.set_yticks(range(len(groups)), [_name(draws.iloc[0]) for draws in groups])
    axes.set(ylim=(len(groups) - 0.5, -0.5), xlabel="separation fuzziness $D_0$ of the images", xscale="log")
    axes.margins(x=0.08)
    axes.xaxis.set(
        major_locator=LogLocator(subs=(1, 2, 5)), minor_formatter=NullFormatter(),
        major_formatter=FuncFormatter(lambda value, _: plotting.number(value)),
    )  # fmt: skip
    marks = [
        Line2D([], [], marker="|", color=ours.colour, linestyle="", markersize=5,
               label=f"one draw ({plotting.count_note(table, D, ['dataset', 'image_size'])})"),
        Line2D([], [], marker="o", color="k", label="mean and central 95 %"),
        *([Line2D([], [], label=plotting.published_label(theirs), **THEIRS)] if theirs else []),
    ]  # fmt: skip
    plotting.legend(figure, marks)
    return figure


def _name(draw: pd.Series) -> str:
    return f"{dataset_title(draw.dataset)}, {draw.image_size}\N{MULTIPLICATION SIGN}{draw.image_size}"
