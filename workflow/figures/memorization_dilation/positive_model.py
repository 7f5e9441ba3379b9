"""The positive layer-peeled model: margin and norms of its minimiser against weight decay."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from collapse import plotting

MEASURES = {"margin": "margin $m^*$", "classifier_norm": r"$\|w_n\|$", "mean_norm": r"$\|h_n\|$"}


def draw(table: pd.DataFrame) -> Figure:
    """A line of panels for each number of classes, a curve for each smoothing. `table` is positive_model.csv."""
    series = plotting.looks(table.smoothing)
    counts = sorted(table.num_classes.unique())
    size = (plotting.TWO_COLUMNS, 1.7 * len(counts) + 0.6)
    figure, panels = plt.subplots(len(counts), len(MEASURES), figsize=size, sharex=True, sharey="col", squeeze=False)
    for row, classes in zip(panels, counts, strict=True):
        for axes, column in zip(row, MEASURES, strict=True):
            for alpha, part in table.loc[table.num_classes == classes].sort_values("weight_decay").groupby("smoothing"):
                look = {"color": series[alpha].colour, "marker": series[alpha].marker, "markevery": 8}
                axes.plot(part.weight_decay, part[column], **look)
                if column == "margin":
                    free = part.margin_unconstrained
                    axes.plot(part.weight_decay, free, color=series[alpha].colour, linestyle=(0, (2, 2)), linewidth=0.8)
            axes.set_xscale("log")
        row[0].set_ylabel(f"$N$ = {classes}")
    for axes, title in zip(panels[0], MEASURES.values(), strict=True):
        axes.set_title(title)
    plotting.label_outside(figure, r"decay $\lambda_W = \lambda_H$")
    handles = [look.handle(f"smoothing {plotting.number(a)}", linestyle="-") for a, look in series.items()]
    dashed = Line2D([], [], color=plotting.GREY, linestyle=(0, (2, 2)), label="features of either sign")
    plotting.legend(figure, [*handles, dashed])
    return figure
