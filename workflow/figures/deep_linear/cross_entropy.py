"""Cross-entropy on unconstrained features: the objective reached, less that of the best simplex frame, and the rank."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {"gap": "objective less the simplex's", "rank": "rank of $P$"}


def draw(table: pd.DataFrame) -> Figure:
    """A point for each seed against the number of linear layers. `table` is cross_entropy.csv."""
    figure, panels = plt.subplots(1, len(MEASURES), figsize=(plotting.TWO_COLUMNS, 2.4))
    series = plotting.looks(table.num_classes)
    for axes, (column, label) in zip(panels, MEASURES.items(), strict=True):
        for number, classes in enumerate(series):
            part = table.loc[table.num_classes == classes]
            aside = 0.1 * (number - (len(series) - 1) / 2)  # so that none covers the other
            axes.plot(part.linear_layers + aside, part[column], **series[classes].points(filled=False))
            if column == "rank":
                simplex = series[classes].colour
                axes.axhline(classes - 1, color=simplex, linewidth=0.8, linestyle=series[classes].line, zorder=0)
        axes.set_xticks(sorted(table.linear_layers.unique()))
        axes.set(xlabel="linear layers $M$", ylabel=label)
    plotting.level_line(panels[0], 0, "simplex")
    count = plotting.count_note(table, "gap", ["num_classes", "linear_layers"])
    handles = [look.handle(f"$K$ = {k}", markerfacecolor="none") for k, look in series.items()]
    plotting.legend(figure, handles, f"a point for each seed ({count}); lines: the simplex, rank $K$ \N{MINUS SIGN} 1")
    return figure
