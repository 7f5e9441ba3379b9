"""Fig 2: dilation of the test features against memorization of wrong labels, in three normalisations."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {
    "memorization": "memorization, sum",
    "memorization_relative": "memorization, relative",
    "memorization_fraction": "memorization, fraction",
}


def draw(table: pd.DataFrame) -> Figure:
    """A line of panels for each dataset, a panel for each normalisation, and in it a curve over the noise levels for
    each loss. `table` is fig2.csv.
    """
    table = plotting.with_losses(table)
    table.loc[table.noise == 0, ["memorization", "memorization_fraction"]] = 0.0  # the sum over no sample
    series, datasets = plotting.loss_looks(table), list(table.dataset.unique())
    size = (plotting.TWO_COLUMNS, 2.0 * len(datasets) + 0.7)
    figure, panels = plt.subplots(len(datasets), len(MEASURES), figsize=size, sharey="row", squeeze=False)
    for row, dataset in zip(panels, datasets, strict=True):
        for axes, (column, label) in zip(row, MEASURES.items(), strict=True):
            for name, part in table.loc[table.dataset == dataset].groupby("series", sort=False):
                means = part.dropna(subset=column).groupby("noise")[[column, "dilation"]].mean()
                axes.plot(means[column], means.dilation, color=series[name].colour, linestyle=series[name].line)
                axes.plot(part[column], part.dilation, **series[name].points(filled=False, markersize=2.5))
            axes.set_xlabel(label)
        row[0].set_ylabel(f"{plotting.dataset_title(dataset)}\ndilation (test NC1)")
    levels = ", ".join(map(plotting.number, sorted(table.noise.unique())))
    count = plotting.count_note(table, "dilation", ["dataset", "series", "noise"])
    note = f"noise {levels}, from left to right; {plotting.curve_note(count, aside=False)}"
    plotting.legend(figure, plotting.curve_handles(series, str), note)
    return figure
