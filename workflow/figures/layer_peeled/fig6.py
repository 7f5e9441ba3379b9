"""Fig 6: mean cosine between minority classifiers against the oversampling rate w_r, a curve for each K_A."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

PANEL = ["dataset", "model", "ratio"]


def draw(table: pd.DataFrame) -> Figure:
    """A panel for each network and dataset, at its imbalance ratio. `table` is fig6.csv."""
    figure, panels = plotting.panels(table, PANEL)
    series, scale = plotting.looks(table.k_major), plotting.LogScale.of(table.oversampling)
    known = []
    for axes, group in panels:
        plotting.curves(axes, group, "oversampling", "cos_minor", scale, series, hue="k_major")
        known = plotting.simplex_line(axes, group) or known
        axes.set_title(f"{plotting.network_and_dataset(group)}, $R$ = {plotting.number(group.ratio.iloc[0])}")
        scale.draw(axes)
    plotting.label_outside(figure, "oversampling rate $w_r$", "minority cosine")
    count = plotting.count_note(table, "cos_minor", [*PANEL, "k_major", "oversampling"])
    handles = plotting.curve_handles(series, lambda k: f"$K_A$ = {k}")
    plotting.legend(figure, [*handles, *known], plotting.curve_note(count, aside=len(series) > 1))
    return figure
