"""The balanced baseline: how far classifiers and class means are from perfect collapse, by each measure."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

# Zero at perfect collapse, all of them; the second of a pair is of the class means.
MEASURES = {
    "equal norms": ("equinorm_classifiers", "equinorm_means"),
    "equal angles": ("equiangularity_classifiers", "equiangularity_means"),
    "maximal angle": ("maximal_angle_classifiers", "maximal_angle_means"),
    "self-duality": ("alignment_distance",),
    "NC1": ("nc1",),
}
KINDS = ("classifiers, or features", "class means")


def draw(table: pd.DataFrame, moments: pd.DataFrame) -> Figure:
    """A panel for each network and dataset. `table` is balanced.csv, `moments` balanced_moments.csv.

    Hollow: the same at the first epoch of zero training error, of runs of their own that kept it.
    """
    figure, panels = plotting.panels(table, ["dataset", "model"], height=2.9)
    for axes, group in panels:
        row = group.iloc[0]
        here = (moments.dataset == row.dataset) & (moments.model == row.model)
        fitted = moments.loc[here & (moments.moment == "zero_error")]
        for kind, (name, colour, mark) in enumerate(zip(KINDS, plotting.colours(), ("o", "s"), strict=False)):
            shown = {measure: columns[kind] for measure, columns in MEASURES.items() if kind < len(columns)}
            values = [row[f"{column}_mean"] for column in shown.values()]
            spread = [row[f"{column}_std"] for column in shown.values()]
            axes.errorbar(
                values, list(shown), xerr=spread, linestyle="", marker=mark, color=colour, capsize=2.5, label=name
            )
            if len(fitted):
                before = [fitted[f"{column}_mean"].iloc[0] for column in shown.values()]
                label = f"{name}, at zero training error"
                axes.plot(before, list(shown), linestyle="", marker=mark, fillstyle="none", color=colour, label=label)
        axes.set(
            xlim=(0, None),
            xlabel=f"distance from collapse  ({plotting.count_note(group, 'alignment_distance')})",
            title=f"{plotting.network_and_dataset(group)}\ntrain accuracy {row.train_accuracy_mean:.3f}",
        )
    panels[0][0].invert_yaxis()
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=1, frameon=False)
    return figure
