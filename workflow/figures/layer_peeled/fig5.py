"""Fig 5: test accuracy on the minority classes against R, while the minority's own samples stay the same."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting


def draw(table: pd.DataFrame) -> Figure:
    """A panel for each network and dataset, a curve for each K_A. `table` is fig5.csv."""
    figure, panels = plotting.panels(table, ["dataset", "model", "n_minor"])
    for axes, group in panels:
        plotting.curves(axes, group, "ratio", "minority_test_accuracy", "k_major", lambda k: f"$K_A$ = {k}")
        plotting.chance_line(axes)
        title = f"{plotting.network_and_dataset(group)}, $n_B$ = {group.n_minor.iloc[0]}"
        axes.set(xlabel=f"imbalance ratio $R$  ({plotting.count_note(group, 'minority_test_accuracy')})", title=title)
    panels[0][0].set(ylabel="minority test accuracy", ylim=(-0.03, None))
    panels[0][0].legend(frameon=False)
    return figure
