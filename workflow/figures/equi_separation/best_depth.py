"""Test accuracy, decay ratio and Pearson's r against the depth, for several datasets, the best depth marked."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from collapse import plotting
from collapse.data.entries import dataset_title

MEASURES = {"test_accuracy": "test accuracy", "rho": r"decay ratio $\rho$", "r": "Pearson's $r$"}
BEST = {"marker": "o", "markersize": 9, "markerfacecolor": "none", "color": "k", "linestyle": ""}


def draw(fit: pd.DataFrame) -> Figure:
    """`fit` is depth_fit.csv; train mode, the learning rate chosen by held-out accuracy."""
    shown = fit.loc[(fit.bn_mode == "train") & (fit.chosen_by == "held_out_accuracy")]
    series = plotting.looks(shown.dataset, ordered=False)
    figure, panels = plt.subplots(1, len(MEASURES), figsize=(plotting.TWO_COLUMNS, 2.3))
    for axes, (column, label) in zip(panels, MEASURES.items(), strict=True):
        for dataset, part in shown.groupby("dataset"):
            means = part.groupby("layers")[column].mean()
            axes.plot(means.index, means, color=series[dataset].colour, linestyle=series[dataset].line)
            axes.plot(part.layers, part[column], **series[dataset].points(filled=False))
            if column == "test_accuracy" and means.notna().any():
                axes.plot([means.idxmax()], [means.max()], **BEST)
        axes.set(xlabel="layers", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    handles = [look.handle(dataset_title(name), markerfacecolor="none") for name, look in series.items()]
    count = plotting.count_note(shown, "r", ["dataset", "layers"])
    plotting.legend(
        figure, [*handles, Line2D([], [], label="depth of the best test accuracy", **BEST)],
        plotting.curve_note(count, aside=False),
    )  # fmt: skip
    return figure
