"""The balanced baseline: how far classifiers and class means are from perfect collapse, by each measure."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

# Zero at perfect collapse, all of them: measure -> {whose: column}.
MEASURES = {
    "equal norms": {"classifiers": "equinorm_classifiers", "class means": "equinorm_means"},
    "equal angles": {"classifiers": "equiangularity_classifiers", "class means": "equiangularity_means"},
    "maximal angle": {"classifiers": "maximal_angle_classifiers", "class means": "maximal_angle_means"},
    "self-duality": {"classifiers against class means": "alignment_distance"},
    "within-class\nvariability": {"features (NC1)": "nc1"},
}
KINDS = plotting.looks(list(dict.fromkeys(kind for columns in MEASURES.values() for kind in columns)), ordered=False)


def draw(table: pd.DataFrame, moments: pd.DataFrame) -> Figure:
    """A panel for each network and dataset. `table` is balanced.csv; `moments`, balanced_moments.csv, is of runs of the
    same training that kept the first epoch of zero training error: drawn in grey.
    """
    figure, panels = plotting.panels(table, ["dataset", "model"])
    for axes, group in panels:
        here = (moments.dataset == group.dataset.iloc[0]) & (moments.model == group.model.iloc[0])
        early = moments.loc[here & (moments.moment == "zero_error")]
        for place, columns in enumerate(MEASURES.values()):
            for i, (kind, column) in enumerate(columns.items()):
                aside = 0.15 * (2 * i - len(columns) + 1)  # so that none covers the other
                grey = KINDS[kind].points(filled=False, color=plotting.GREY, zorder=1)
                axes.plot(early[column], [place + aside] * len(early), **grey)
                axes.plot(group[column], [place + aside] * len(group), **KINDS[kind].points(filled=False))
        axes.axvline(0, color=plotting.GREY, linewidth=0.8, linestyle=(0, (6, 3)), zorder=0)
        axes.set_title(f"{plotting.network_and_dataset(group)}\ntrain accuracy {group.train_accuracy.mean():.3f}")
        axes.set_yticks(range(len(MEASURES)), list(MEASURES))
    axes, _ = panels[0]
    axes.set_ylim(len(MEASURES) - 0.5, -0.5)
    axes.set_xlim(-0.05 * axes.get_xlim()[1], None)
    count = plotting.count_note(table, "alignment_distance", ["dataset", "model"])
    plotting.label_outside(figure, "distance from collapse (0)")
    handles = [look.handle(kind, linestyle="", markerfacecolor="none") for kind, look in KINDS.items()]
    plotting.legend(figure, handles, f"a point for each seed ({count}); grey: at zero training error")
    return figure
