"""Fig 6: mean cosine between minority classifiers against the oversampling rate w_r, a curve for each K_A."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting


def draw(table: pd.DataFrame) -> Figure:
    """A panel for each network and dataset, at its imbalance ratio. `table` is fig6.csv."""
    figure, panels = plotting.panels(table, ["dataset", "model", "ratio"])
    for axes, group in panels:
        plotting.curves(axes, group, "oversampling", "cos_minor", hue="k_major", label=lambda k: f"$K_A$ = {k}")
        plotting.simplex_line(axes)
        axes.set(
            xlabel=f"oversampling rate $w_r$  ({plotting.count_note(group, 'cos_minor')})",
            title=f"{plotting.network_and_dataset(group)}, $R$ = {group.ratio.iloc[0]:g}",
        )
    panels[0][0].set(ylabel="minority cosine", ylim=(-0.3, 1.08))
    panels[0][0].legend(frameon=False)
    return figure
