"""Fig 5: test accuracy on the minority classes against R, while the minority's own samples stay the same."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

PANEL = ["dataset", "model", "n_minor"]


def draw(table: pd.DataFrame) -> Figure:
    """A panel for each network and dataset, a curve for each K_A. `table` is fig5.csv."""
    figure, panels = plotting.panels(table, PANEL)
    series, scale = plotting.looks(table.k_major), plotting.LogScale.of(table.ratio)
    known = []
    for axes, group in panels:
        plotting.curves(axes, group, "ratio", "minority_test_accuracy", scale, series, hue="k_major")
        known = plotting.chance_line(axes, group) or known
        axes.set_title(f"{plotting.network_and_dataset(group)}, $n_B$ = {group.n_minor.iloc[0]}")
        scale.draw(axes)
    plotting.label_outside(figure, "imbalance ratio $R$", "minority test accuracy")
    count = plotting.count_note(table, "minority_test_accuracy", [*PANEL, "k_major", "ratio"])
    handles = plotting.curve_handles(series, lambda k: f"$K_A$ = {k}")
    plotting.legend(figure, [*handles, *known], plotting.curve_note(count, aside=len(series) > 1))
    return figure
