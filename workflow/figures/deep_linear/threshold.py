"""Where the smallest class collapses: its eigenvalue of P P^T against the level of the decays."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from collapse import plotting

LINEAR = 0.1  # the axis is linear below


def draw(table: pd.DataFrame, theory: pd.DataFrame) -> Figure:
    """A panel for each number of layers: lines of theory, a point for each seed. `table` is threshold.csv, `theory`
    threshold_theory.csv.
    """
    layers = sorted(table.linear_layers.unique())
    size = (plotting.TWO_COLUMNS, 2.4)
    figure, panels = plt.subplots(1, len(layers), figsize=size, sharex=True, sharey=True, squeeze=False)
    look = plotting.look(0)
    for axes, m in zip(panels.flat, layers, strict=True):
        lines, points = theory.loc[theory.linear_layers == m], table.loc[table.linear_layers == m]
        axes.plot(lines.level, lines.p_min_local, color=plotting.GREY, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)
        axes.plot(lines.level, lines.p_min_optimum, color=look.colour, zorder=2)
        axes.plot(points.level, points.p_min, **look.points(filled=False, zorder=3))
        axes.axvline(1, color=plotting.GREY, linewidth=0.8, linestyle=(0, (6, 3)), zorder=0)
        axes.set_yscale("symlog", linthresh=LINEAR)
        axes.set_title(f"$M$ = {m}")
    plotting.label_outside(figure, r"level $b\,/\,(n_{\min}\tau_M)$", "smallest eigenvalue of $PP^T$")
    count = plotting.count_note(table, "p_min", ["linear_layers", "level"])
    handles = [
        Line2D([], [], color=look.colour, label="global optimum"),
        Line2D([], [], color=plotting.GREY, linewidth=0.8, linestyle=(0, (2, 2)), label="local optimum beside $p$ = 0"),
        look.handle(f"gradient descent, a point for each seed ({count})", linestyle="", markerfacecolor="none"),
    ]
    plotting.legend(figure, handles)
    return figure
