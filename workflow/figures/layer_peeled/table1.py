"""Table 1, drawn: test accuracy against the oversampling rate w_r, on the minority classes and on all."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

MEASURES: dict[str, plotting.Style] = {
    "minority_test_accuracy": ("-", "o", "minority"),
    "overall_test_accuracy": ("--", "s", "all classes"),
}


def draw(table: pd.DataFrame) -> Figure:
    """A panel for each network and dataset, a colour for each K_A. `table` is table1.csv.

    The paper prints the best w_r alone, chosen on the test data; here every w_r is shown.
    """
    figure, panels = plotting.panels(table, ["dataset", "model", "ratio"], height=2.8)
    for axes, group in panels:
        for column, (line, mark, _) in MEASURES.items():
            plotting.curves(
                axes, group, "oversampling", column, "k_major", lambda k: f"$K_A$ = {k}", linestyle=line, marker=mark
            )
        axes.set(
            xlabel=f"oversampling rate $w_r$  ({plotting.count_note(group, 'minority_test_accuracy')})",
            title=f"{plotting.network_and_dataset(group)}, $R$ = {group.ratio.iloc[0]:g}",
        )
    first = panels[0][0]
    first.set(ylabel="test accuracy", ylim=(-0.03, 1.03))
    handles = plotting.legend_handles(first, MEASURES.values())
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return figure
