"""Fig 2: mean cosine between minority classifiers against R, and the layer-peeled model's prediction of it."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

SOURCES = {
    "cos_minor": "network",
    "cos_own": "model at the network's own $E_H$, $E_W$ (none where $w_B$ = 0)",
    "cos_balanced": "model at those of $R$ = 1",
}


def draw(table: pd.DataFrame, published: Sequence[dict[str, Any]] = ()) -> Figure:
    """A panel for each network, dataset and weight decay. `table` is fig2.csv.

    The energies of a network that has collapsed are small because it has: the prediction from them is partly circular,
    that from the balanced network's is not. Where the model's minority classifiers are zero there is no cosine.
    """
    figure, panels = plotting.panels(table, ["dataset", "model", "k_major", "weight_decay"])
    series, scale = plotting.looks(SOURCES, ordered=False), plotting.LogScale.of(table.ratio)
    extra = {}
    for axes, group in panels:
        for column in SOURCES:
            plotting.curves(axes, group, "ratio", column, scale, series)
            for line in plotting.published_points(axes, group, "ratio", column, scale, published, series[column]):
                extra[line.get_label()] = line
        extra |= {line.get_label(): line for line in plotting.simplex_line(axes, group)}
        decay = plotting.number(group.weight_decay.iloc[0])
        axes.set_title(f"{plotting.network_and_dataset(group)}\n$K_A$ = {group.k_major.iloc[0]}, weight decay {decay}")
        scale.draw(axes)
    plotting.label_outside(figure, "imbalance ratio $R$", "minority cosine")
    count = plotting.count_note(table, "cos_minor", ["dataset", "model", "k_major", "weight_decay", "ratio"])
    plotting.legend(
        figure, [*plotting.curve_handles(series, SOURCES.__getitem__), *extra.values()], plotting.curve_note(count)
    )
    return figure
