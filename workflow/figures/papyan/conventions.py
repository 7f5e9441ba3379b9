"""The measures of collapse beside those that other papers call by the same names, on the same runs."""

import math

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from collapse import plotting

GROUPS = {
    "NC1": {
        "nc1": "Papyan et al.", "nc1_sum": "their code: times $K$", "nc1_sample_mean": "about the sample mean",
        "nc1_trace_ratio": "ratio of traces (Tirer & Bruna)", "cdnv": "CDNV (Galanti et al.)",
    },
    "NC2": {"maximal_angle_classifiers": "Papyan et al.", "nc2": "Zhu et al."},
    "NC3": {"self_duality": "Papyan et al.", "nc3": "Zhu et al."},
}  # fmt: skip
TITLES = {"NC1": "variability", "NC2": "simplex", "NC3": "duality"}
REFERENCES = {
    "NC2": "an orthogonal frame, or random vectors of many dimensions",
    "NC3": "unrelated classifiers and means",
}


def references(classes: int | None) -> dict[str, float]:
    """What each measure is of an orthogonal frame, or of classifiers and means whose inner product is zero."""
    duality = {"self_duality": 2.0, "nc3": math.sqrt(2)}
    if classes is None:
        return duality
    frame = {"maximal_angle_classifiers": 1 / (classes - 1), "nc2": math.sqrt(2 - 2 * math.sqrt(1 - 1 / classes))}
    return duality | frame


def draw(table: pd.DataFrame) -> Figure:
    """Each network and dataset has a line of panels, one a group of measures. `table`: collapse_conventions.csv."""
    cells = [cell for _, cell in table.groupby(["dataset", "model"], sort=False)]
    size = (plotting.TWO_COLUMNS, min(2 * len(cells) + 1.2, plotting.PAGE_HEIGHT))
    figure, panels = plt.subplots(len(cells), len(GROUPS), figsize=size, sharex=True, squeeze=False)
    handles: list[Line2D] = []
    for row, cell in zip(panels, cells, strict=True):
        known = references(plotting.num_classes(cell))
        for axes, (group, measures) in zip(row, GROUPS.items(), strict=True):
            for column, look in plotting.looks(measures, ordered=False).items():
                plotting.over_epochs(axes, cell, column, look)
                if column in known:
                    axes.axhline(known[column], color=look.colour, linewidth=0.8, linestyle=(0, (1, 2)), zorder=0)
            plotting.log_epochs(axes, table.epoch.max())
            plotting.log_numbers(axes)
            axes.set_title(f"{TITLES[group]} ({group})")
        row[0].set_ylabel(plotting.network_and_dataset(cell))
    for group, measures in GROUPS.items():
        looks = plotting.looks(measures, ordered=False)
        handles += [look.handle(f"{group}: {measures[column]}") for column, look in looks.items()]
    dotted = {"color": plotting.GREY, "linewidth": 0.8, "linestyle": (0, (1, 2))}
    handles += [Line2D([], [], **dotted, label=f"{group}: {what}") for group, what in REFERENCES.items()]
    plotting.label_outside(figure, "epoch")
    count = plotting.count_note(table, "nc1", ["dataset", "model", "epoch"])
    plotting.legend(figure, handles, f"thin: one seed ({count}); thick, with marks: median of the seeds")
    return figure
