"""Accuracy and collapse against the learning rate, and the rate that held-out samples choose."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {"held_out_accuracy": "held-out accuracy", "test_accuracy": "test accuracy", "nc1": "NC1"}


def draw(table: pd.DataFrame, chosen: pd.DataFrame) -> Figure:
    """A panel for each measure, a curve for each network and dataset. `table` is learning_rates.csv, `chosen` is
    chosen_rate.csv.
    """
    table, chosen = (
        given.assign(cell=given.dataset.map(plotting.dataset_title) + ", " + given.model.map(plotting.network_title))
        for given in (table, chosen.loc[chosen.chosen_by == "held_out_accuracy"])
    )
    figure, panels = plt.subplots(1, len(MEASURES), figsize=(plotting.TWO_COLUMNS, 2.6))
    series, scale = plotting.looks(table.cell, ordered=False), plotting.LogScale.of(table.learning_rate)
    for axes, (measure, label) in zip(panels, MEASURES.items(), strict=True):
        plotting.curves(axes, table, "learning_rate", measure, scale, series, hue="cell")
        for cell, part in chosen.groupby("cell"):
            axes.axvline(
                scale.place(part.learning_rate, plotting.aside_of(cell, series))[0],
                color=series[cell].colour, linewidth=0.8, linestyle=(0, (1, 2)), zorder=0,
            )  # fmt: skip
        if measure == "nc1":
            plotting.log_numbers(axes)
        scale.draw(axes, narrow=True)
        axes.set_ylabel(label)
    plotting.label_outside(figure, "learning rate")
    count = plotting.count_note(table, "nc1", ["cell", "learning_rate"])
    handles = plotting.curve_handles(series, str)
    plotting.legend(figure, handles, f"{plotting.curve_note(count, aside=len(series) > 1)}; dotted: the rate chosen")
    return figure
