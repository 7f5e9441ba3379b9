"""Fig 3: minority cosine that the layer-peeled model predicts, against the imbalance ratio R."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from collapse import plotting

THRESHOLDS = {"r0": ("$R_0$: collapse", "o"), "r1": ("$R_1$: minority classifiers vanish, the curve ends", "X")}


def draw(table: pd.DataFrame, thresholds: pd.DataFrame) -> Figure:
    """A panel for each E_H, a curve for each (K_A, K_B), marks at the thresholds R0 and R1.

    Beyond R1 the minority classifiers are exactly zero and have no cosine: the curve ends there, and says so.
    `table` is fig3.csv, `thresholds` fig3_thresholds.csv.
    """
    figure, panels = plotting.panels(table, ["e_h"])
    limits = thresholds.set_index(["k_major", "e_h"])
    looks, scale = plotting.looks(table.k_major), plotting.LogScale.of(table.ratio)
    simplex = []
    for axes, group in panels:
        e_h, e_w = group.e_h.iloc[0], group.e_w.iloc[0]
        for k_major, curve in group.groupby("k_major"):
            _curve(axes, curve, limits.loc[(k_major, e_h)], looks[k_major])
        classes = group.assign(num_classes=group.k_major + group.k_minor)
        simplex = plotting.simplex_line(axes, classes)
        axes.set_title(f"$E_H$ = {plotting.number(e_h)}, $E_W$ = {plotting.number(e_w)}")
        scale.draw(axes)
    plotting.label_outside(figure, "imbalance ratio $R$", "minority cosine")
    sizes = table.drop_duplicates("k_major").set_index("k_major").k_minor
    curves = [look.handle(f"$K_A$ = {k}, $K_B$ = {sizes[k]}", marker="") for k, look in looks.items()]
    marks = [Line2D([], [], marker=mark, color="k", linestyle="", label=name) for name, mark in THRESHOLDS.values()]
    plotting.legend(figure, [*curves, *simplex, *marks])
    return figure


def _curve(axes: Axes, curve: pd.DataFrame, limit: pd.Series, look: plotting.Look) -> None:
    shown = curve[curve.status != "vanished"]
    # The curve has a corner at R0, between two ratios of the sweep, and an end at R1.
    ends = [limit.r0, limit.r1] if len(shown) < len(curve) else [limit.r0]
    ratio, cosine = np.append(shown.ratio, ends), np.append(shown.cos_minor, [1.0] * len(ends))
    order = np.argsort(ratio)
    axes.plot(ratio[order], cosine[order], color=look.colour, linestyle=look.line)
    for end, (_, mark) in zip(ends, THRESHOLDS.values(), strict=False):
        axes.plot(end, 1, marker=mark, markersize=5, color=look.colour, zorder=3)
