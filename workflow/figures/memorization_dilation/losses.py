"""Every measure against the rate of label noise, by loss."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {
    "dilation": "dilation\n(test NC1)",
    "nc1": "train NC1",
    "nc1_true_labels": "train NC1,\nright labels",
    "nc1_logits": "train NC1,\nlogits",
    "memorization": "memorization,\nsum",
    "memorization_relative": "memorization,\nrelative",
    "memorization_fraction": "memorization,\nfraction",
    "corruption_bias": "corruption\nbias",
    "train_accuracy": "train\naccuracy",
    "test_accuracy": "test\naccuracy",
    "calibration_error": "calibration\nerror",
}
LOGARITHMIC = ("dilation", "nc1", "nc1_true_labels", "nc1_logits")


def draw(table: pd.DataFrame) -> Figure:
    """A panel for each dataset and measure, a curve for each loss. `table` is fig2_losses.csv."""
    table = plotting.with_losses(table)
    series, datasets = plotting.loss_looks(table), list(table.dataset.unique())
    cells = [(dataset, measure) for measure in MEASURES for dataset in datasets]
    aside = len(datasets) if len(datasets) > 1 else 4
    lines = -(-len(cells) // aside)
    size = (plotting.TWO_COLUMNS, min(1.55 * lines + 0.5, plotting.PAGE_HEIGHT))
    figure, panels = plt.subplots(lines, aside, figsize=size, sharex=True, squeeze=False)
    plotting.drop_empty(panels.flat, len(cells))
    for i, (axes, (dataset, measure)) in enumerate(zip(panels.flat, cells, strict=False)):
        for name, part in table.loc[table.dataset == dataset].groupby("series", sort=False):
            means = part.dropna(subset=measure).groupby("noise")[measure].mean()
            axes.plot(means.index, means, color=series[name].colour, linestyle=series[name].line, linewidth=0.8)
            axes.plot(part.noise, part[measure], **series[name].points(filled=False, markersize=2))
        if measure in LOGARITHMIC:
            plotting.log_numbers(axes)
        if aside == 4 or i % aside == 0:
            axes.set_ylabel(MEASURES[measure], fontsize=7)
        if len(datasets) > 1 and i < aside:
            axes.set_title(plotting.dataset_title(dataset))
    plotting.label_outside(figure, "noise")
    count = plotting.count_note(table, "dilation", ["dataset", "series", "noise"])
    plotting.legend(figure, plotting.curve_handles(series, str), plotting.curve_note(count, aside=False))
    return figure
