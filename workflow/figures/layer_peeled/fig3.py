"""Fig 3: minority cosine that the layer-peeled model predicts, against the imbalance ratio R."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from collapse import plotting

THRESHOLDS = {"$R_0$, collapse": "o", "$R_1$, minority classifiers vanish": "X"}


def draw(table: pd.DataFrame, thresholds: pd.DataFrame) -> Figure:
    """A panel for each E_H, a curve for each (K_A, K_B), marks at the thresholds R0 and R1.

    Beyond R1 the minority classifiers are exactly zero and have no cosine: the curve ends there, and says so.
    `table` is fig3.csv, `thresholds` fig3_thresholds.csv.
    """
    figure, panels = plotting.panels(table, ["e_h"], height=2.9)
    limits = thresholds.set_index(["k_major", "e_h"])
    for axes, group in panels:
        e_h, e_w = group.e_h.iloc[0], group.e_w.iloc[0]
        for (k_major, curve), colour in zip(group.groupby("k_major"), plotting.colours(), strict=False):
            _curve(axes, curve, limits.loc[(k_major, e_h)], colour)
        plotting.simplex_line(axes)
        axes.set(xscale="log", xlabel="imbalance ratio $R$", title=f"$E_H$ = {e_h:g}, $E_W$ = {e_w:g}")
    panels[0][0].set(ylabel="minority cosine", ylim=(-0.3, 1.15))
    handles, _ = panels[0][0].get_legend_handles_labels()
    marks = [Line2D([], [], marker=mark, color="0.3", linestyle="", label=name) for name, mark in THRESHOLDS.items()]
    figure.legend(handles=[*handles, *marks], loc="outside lower center", ncols=3, frameon=False)
    return figure


def _curve(axes: Axes, curve: pd.DataFrame, limit: pd.Series, colour: tuple[float, ...]) -> None:
    shown = curve[curve.status != "vanished"]
    # The curve has a corner at R0, between two ratios of the sweep.
    ratio, cosine = np.append(shown.ratio, limit.r0), np.append(shown.cos_minor, 1.0)
    order = np.argsort(ratio)
    label = f"$K_A$ = {curve.k_major.iloc[0]}, $K_B$ = {curve.k_minor.iloc[0]}"
    axes.plot(ratio[order], cosine[order], color=colour, label=label)
    axes.plot(limit.r0, 1, marker="o", markersize=4, color=colour)
    if len(shown) < len(curve):
        axes.plot([shown.ratio.max(), limit.r1], [1, 1], color=colour)
        axes.plot(limit.r1, 1, marker="X", markersize=6, color=colour)
        where = {"xytext": (0, 7), "textcoords": "offset points", "ha": "center", "fontsize": "small"}
        axes.annotate("$w_B = 0$ beyond", (limit.r1, 1), color=colour, **where)
