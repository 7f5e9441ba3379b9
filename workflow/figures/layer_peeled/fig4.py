"""Fig 4: mean cosine between minority classifiers against the imbalance ratio R, a curve for each K_A."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

PANEL = ["dataset", "model"]


def draw(table: pd.DataFrame) -> Figure:
    """A panel for each network and dataset. `table` is fig4.csv."""
    figure, panels = plotting.panels(table, PANEL)
    series, scale = plotting.looks(table.k_major), plotting.LogScale.of(table.ratio)
    known = []
    for axes, group in panels:
        plotting.curves(axes, group, "ratio", "cos_minor", scale, series, hue="k_major")
        known = plotting.simplex_line(axes, group) or known
        axes.set_title(plotting.network_and_dataset(group))
        scale.draw(axes)
    plotting.label_outside(figure, "imbalance ratio $R$", "minority cosine")
    count = plotting.count_note(table, "cos_minor", [*PANEL, "k_major", "ratio"])
    handles = plotting.curve_handles(series, lambda k: f"$K_A$ = {k}")
    plotting.legend(figure, [*handles, *known], plotting.curve_note(count, aside=len(series) > 1))
    return figure
