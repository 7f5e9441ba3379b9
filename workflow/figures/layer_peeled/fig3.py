"""Fig 3: minority cosine that the layer-peeled model predicts, against the imbalance ratio R."""

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from collapse import plotting


def draw(table: pd.DataFrame, thresholds: pd.DataFrame) -> Figure:
    """A panel for each E_H, a curve for each (K_A, K_B), a tick at each threshold R0.

    Beyond R1 the minority classifiers are exactly zero and have no cosine: the curve ends there, and says so.
    `table` is fig3.csv, `thresholds` fig3_thresholds.csv.
    """
    figure, panels = plotting.panels(table, ["e_h"])
    for axes, group in panels:
        for (k_major, curve), colour in zip(group.groupby("k_major"), sns.color_palette(), strict=False):
            shown = curve[curve.status != "vanished"]
            k_minor = curve.k_minor.iloc[0]
            axes.plot(shown.ratio, shown.cos_minor, color=colour, label=f"$K_A$ = {k_major}, $K_B$ = {k_minor}")
            limit = thresholds[(thresholds.k_major == k_major) & (thresholds.e_h == curve.e_h.iloc[0])].iloc[0]
            axes.plot(limit.r0, 1, marker="o", markersize=4, color=colour)
            if len(shown) < len(curve):
                axes.plot(limit.r1, 1, marker="X", markersize=6, color=colour)
                axes.annotate(
                    "$w_B = 0$ beyond $R_1$", (limit.r1, 1), (0, 7), textcoords="offset points",
                    color=colour, ha="center", fontsize="small",
                )  # fmt: skip
        plotting.simplex_line(axes)
        e_w = group.e_w.iloc[0]
        axes.set(xscale="log", xlabel="imbalance ratio $R$", title=f"$E_H$ = {group.e_h.iloc[0]:g}, $E_W$ = {e_w:g}")
    panels[0][0].set(ylabel="minority cosine", ylim=(-0.3, 1.15))
    panels[0][0].legend(frameon=False, loc="center right")
    return figure
