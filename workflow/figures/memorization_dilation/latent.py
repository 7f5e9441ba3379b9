"""Latent classes: dilation of the test features and merged accuracy against the share of hidden labels."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {"dilation": "dilation (test NC1)", "merged_accuracy": "merged test accuracy"}


def draw(table: pd.DataFrame) -> Figure:
    """A column of panels for each dataset and dimension of the features, a curve for each loss.

    `table` is latent.csv.
    """
    table = plotting.with_losses(table)
    series = plotting.loss_looks(table)
    cells = [cell for _, cell in table.groupby(["dataset", "feature_dim"])]
    size = (plotting.ONE_COLUMN if len(cells) == 1 else plotting.TWO_COLUMNS, 4.0)
    figure, panels = plt.subplots(2, len(cells), figsize=size, sharex=True, sharey="row", squeeze=False)
    for column, cell in zip(panels.T, cells, strict=True):
        column[0].set_title(f"{plotting.dataset_title(cell.dataset.iloc[0])}, $M$ = {cell.feature_dim.iloc[0]}")
        for axes, measure in zip(column, MEASURES, strict=True):
            for name in cell.series.unique():
                part, look = cell.loc[cell.series == name], series[name]
                means = part.groupby("latent", as_index=False).agg({measure: "mean"})
                axes.plot(means.latent, means[measure], color=look.colour, linestyle=look.line)
                axes.plot(part.latent, part[measure], **look.points(filled=False))
        column[0].set_ylim(bottom=0)
    for axes, label in zip(panels[:, 0], MEASURES.values(), strict=True):
        axes.set_ylabel(label)
    plotting.label_outside(figure, "share of hidden labels")
    count = plotting.count_note(table, "dilation", ["dataset", "feature_dim", "series", "latent"])
    plotting.legend(figure, plotting.curve_handles(series, str), plotting.curve_note(count, aside=False))
    return figure
