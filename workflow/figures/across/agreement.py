"""Kendall's tau between the papers' measures over the runs of all papers, and the two that agree least."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from collapse import plotting
from collapse.table import TPT_ACCURACY

MEASURES = {
    "nc1": "NC1", "nc1_trace_ratio": "ratio of traces", "cdnv": "CDNV", "separation_fuzziness": "$D$ (He & Su)",
    "maximal_angle_means": "means' angles", "maximal_angle_classifiers": "classifiers' angles",
    "nc2": "NC2 (Zhu)", "self_duality": "self-duality", "nc3": "NC3 (Zhu)", "ncc_mismatch": "mismatch, test",
}  # fmt: skip


def concordance(runs: pd.DataFrame) -> pd.DataFrame:
    """Kendall's tau between every two measures over the runs: the median over the seeds."""
    taus = [pd.DataFrame(part[list(MEASURES)]).corr("kendall").to_numpy() for _, part in runs.groupby("seed")]
    return pd.DataFrame(np.median(np.stack(taus), axis=0), index=list(MEASURES), columns=list(MEASURES))


def least(taus: pd.DataFrame) -> tuple[str, str]:
    """The two measures with the least tau; x first."""
    below = taus.where(np.tril(np.ones(taus.shape, bool), -1))
    row, column = np.unravel_index(np.nanargmin(below.to_numpy()), taus.shape)
    return taus.columns[column], taus.index[row]


def matrix(axes: Axes, below: pd.DataFrame, above: pd.DataFrame) -> None:
    """The taus as numbers on colours, of all runs below the diagonal, of the fitted ones above it."""
    lower = np.tril(np.ones(below.shape, bool), -1)
    shown = np.where(lower, below, above)
    np.fill_diagonal(shown, np.nan)
    axes.imshow(shown, cmap="RdBu", vmin=-1, vmax=1)
    for (row, column), tau in np.ndenumerate(shown):
        if np.isfinite(tau):
            colour = "white" if abs(tau) > 0.7 else "black"
            axes.text(column, row, plotting.number(tau, ".2f"), ha="center", va="center", color=colour, fontsize=7)
    titles = list(MEASURES.values())
    axes.set_xticks(range(len(titles)), titles, rotation=90)
    axes.set_yticks(range(len(titles)), titles)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def draw(table: pd.DataFrame) -> Figure:
    """The matrix, and every run in the plane of the two measures that agree least. `table`: runs.csv."""
    fitted = table.loc[table.train_accuracy >= TPT_ACCURACY]
    taus = concordance(table)
    figure, (left, right) = plt.subplots(1, 2, figsize=(plotting.TWO_COLUMNS, 3.9), width_ratios=[1.55, 1])
    matrix(left, taus, concordance(fitted))
    left.set_title("Kendall's $\\tau$")
    x, y = least(taus)
    looks = plotting.looks(["not fitted", "fitted"], ordered=False)
    for name, part in (("not fitted", table.drop(fitted.index)), ("fitted", fitted)):
        right.plot(part[x], part[y], **looks[name].points(filled=False), alpha=0.7)
    right.set(xscale="log", yscale="log", xlabel=MEASURES[x], ylabel=MEASURES[y])
    right.set_title("the two that agree least")
    handles = [
        looks["fitted"].handle("train accuracy at least 99.9 %", linestyle="", markerfacecolor="none"),
        looks["not fitted"].handle("less", linestyle="", markerfacecolor="none"),
    ]
    cells, others = (part.cell.nunique() for part in (table, fitted))
    count = plotting.count_note(table, "nc1", ["cell"])
    note = f"below the diagonal all {cells} cells, above it {others} with fitted runs: median of the seeds ({count})"
    plotting.legend(figure, handles, f"{note}; right: every run")
    return figure
