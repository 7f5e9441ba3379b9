"""Table 1, drawn: test accuracy and DeepFool perturbation of each network, at zero training error and at the end."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from collapse import plotting

MEASURES = {"test_accuracy": "test accuracy", "perturbation": "perturbation, l2"}
MOMENTS = {"zero_error": "first epoch of zero training error", "last": "last epoch"}


def draw(table: pd.DataFrame, published: Sequence[dict[str, Any]] = ()) -> Figure:
    """A line for each network and dataset, in it one for each seed, from the first moment to the last.

    `table` is table1.csv.
    """
    cells = list(dict.fromkeys(zip(table.dataset, table.model, strict=True)))
    size = (plotting.TWO_COLUMNS, min(0.4 * len(cells) + 1.3, plotting.PAGE_HEIGHT))
    figure, panels = plt.subplots(1, len(MEASURES), figsize=size, sharey=True)
    look = plotting.look(0)
    marks: dict[str, Line2D] = {}
    for axes, (measure, label) in zip(panels, MEASURES.items(), strict=True):
        for place, (dataset, model) in enumerate(cells):
            part = table.loc[(table.dataset == dataset) & (table.model == model)]
            seeds = list(part.groupby("seed"))
            for number, (_, seed) in enumerate(seeds):
                at = place + 0.5 * (number - (len(seeds) - 1) / 2) / len(seeds)
                values = seed.set_index("moment")[measure]
                axes.plot(values.reindex([*MOMENTS]), [at, at], color=look.colour, linewidth=0.6)
                for moment in MOMENTS:
                    axes.plot(values.get(moment), at, **look.points(filled=moment == "last"))
            for row in part.drop_duplicates("moment").to_dict("records"):
                for value in plotting.published_at(published, measure, row):
                    filled = plotting.GREY if row["moment"] == "last" else "none"
                    style = {"markersize": 8, "color": plotting.GREY, "markerfacecolor": filled, "zorder": 0}
                    axes.plot(value["value"], place, marker="o", linestyle="", **style)
                    name = f"large: {plotting.published_label([value])}"
                    marks[name] = Line2D([], [], marker="o", linestyle="", **style, label=name)
        axes.set_xlabel(label)
        axes.margins(x=0.08)
    names = [f"{plotting.dataset_title(dataset)}, {plotting.network_title(model)}" for dataset, model in cells]
    panels[0].set_yticks(range(len(cells)), names)
    panels[0].set_ylim(len(cells) - 0.4, -0.6)
    handles = [
        look.handle(name, linestyle="", **({} if moment == "last" else {"markerfacecolor": "none"}))
        for moment, name in MOMENTS.items()
    ]
    count = plotting.count_note(table, "test_accuracy", ["dataset", "model", "moment"])
    plotting.legend(figure, [*handles, *marks.values()], f"a line for each seed ({count})")
    return figure
