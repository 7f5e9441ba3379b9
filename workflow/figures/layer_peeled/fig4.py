"""Fig 4: mean cosine between minority classifiers against the imbalance ratio R, a curve for each K_A."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting


def draw(table: pd.DataFrame) -> Figure:
    """A panel for each network and dataset. `table` is fig4.csv."""
    figure, panels = plotting.panels(table, ["dataset", "model"])
    for axes, group in panels:
        plotting.curves(axes, group, "ratio", "cos_minor", hue="k_major", label=lambda k: f"$K_A$ = {k}")
        plotting.simplex_line(axes)
        axes.set(
            xlabel=f"imbalance ratio $R$  ({plotting.count_note(group, 'cos_minor')})",
            title=plotting.network_and_dataset(group),
        )
    panels[0][0].set(ylabel="minority cosine", ylim=(-0.3, 1.08))
    panels[0][0].legend(frameon=False)
    return figure
