"""Separation fuzziness D_0 of the images themselves: random subsets, and the value that the authors' figures show."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from collapse import plotting
from collapse.data.entries import dataset_title


def draw(table: pd.DataFrame, published: Sequence[dict[str, Any]] = ()) -> Figure:
    """`table` is inputs.csv; `published` holds the values of the paper's own draw, by dataset and image size."""
    runs = zip(table.dataset, table.image_size, strict=True)
    names = [f"{dataset_title(dataset)}, {size} x {size}" for dataset, size in runs]
    figure, axes = plt.subplots(figsize=(1.6 * plotting.COLUMN_WIDTH, 1.1 + 0.35 * len(table)))
    colour, other = plotting.colours()[:2]
    mean = table.separation_fuzziness_mean
    reach = [mean - table.separation_fuzziness_low, table.separation_fuzziness_high - mean]
    axes.errorbar(mean, names, xerr=reach, linestyle="", marker="o", color=colour, label="mean, central 95 % of draws")
    theirs = [
        (value["value"], name)
        for name, row in zip(names, table.to_dict("records"), strict=True)
        for value in published
        if all(row[axis] == wanted for axis, wanted in value["where"].items())
    ]
    if theirs:
        axes.scatter(
            *zip(*theirs, strict=True),
            marker="D",
            s=60,
            facecolors="none",
            edgecolors=other,
            zorder=3,
            label="published",
        )
    for name, value in zip(names, mean, strict=True):
        axes.annotate(f"{value:.3g}", (value, name), (0, 5), textcoords="offset points", ha="center", fontsize="small")
    axes.set(xlabel=f"separation fuzziness $D_0$  ({plotting.count_note(table, 'separation_fuzziness')} draws)")
    if mean.max() > 3 * mean.min():
        axes.set(xscale="log")
        axes.xaxis.set(
            major_locator=LogLocator(subs=(1, 2, 5)), major_formatter="{x:g}", minor_formatter=NullFormatter()
        )
    else:
        axes.set(xlim=(0, None))
    axes.margins(x=0.1, y=0.3)
    figure.legend(loc="outside lower center", ncols=2, fontsize="small", frameon=False)
    return figure
