"""Fig 2: mean cosine between minority classifiers against R, and the layer-peeled model's prediction of it."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

SOURCES: dict[str, plotting.Style] = {
    "cos_minor": ("-", "o", "network"),
    "cos_own": ("--", "s", "model, at its own $E_H$, $E_W$ (ends where $w_B$ = 0)"),
    "cos_balanced": (":", "D", "model, at those of $R$ = 1"),
}


def draw(table: pd.DataFrame) -> Figure:
    """A panel for each network and dataset, a colour for each weight decay. `table` is fig2.csv.

    The energies of a network that has collapsed are small because it has: the prediction from them is partly circular,
    that from the balanced network's is not. Where the model's minority classifiers are zero there is no cosine.
    """
    figure, panels = plotting.panels(table, ["dataset", "model", "k_major"], height=3.1)
    for axes, group in panels:
        for column, (line, mark, _) in SOURCES.items():
            plotting.curves(
                axes,
                group,
                "ratio",
                column,
                "weight_decay",
                lambda d: f"weight decay {d:g}",
                linestyle=line,
                marker=mark,
            )
        plotting.simplex_line(axes)
        title = f"{plotting.network_and_dataset(group)}, $K_A$ = {group.k_major.iloc[0]}"
        axes.set(xlabel=f"imbalance ratio $R$  ({plotting.count_note(group, 'cos_minor')})", title=title)
    first = panels[0][0]
    first.set(ylabel="minority cosine", ylim=(-0.3, 1.08))
    figure.legend(handles=plotting.legend_handles(first, SOURCES.values()), loc="outside lower center", frameon=False)
    return figure
