"""Fig 1: three classes in the space that their vertices of the simplex span, at four epochs."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from collapse import plotting

EPOCHS = (2 / 350, 16 / 350, 65 / 350, 1)  # of the published picture, as parts of the training
AZIMUTH, ELEVATION = np.radians(62), np.radians(25)  # from where the picture is seen, in parallel projection
VIEW = np.array([
    [-np.sin(AZIMUTH), np.cos(AZIMUTH), 0],
    [-np.sin(ELEVATION) * np.cos(AZIMUTH), -np.sin(ELEVATION) * np.sin(AZIMUTH), np.cos(ELEVATION)],
])  # fmt: skip
MARGIN = 0.15  # around all points, for the marks
KINDS = {
    "vertex": ("vertex of the simplex", {"marker": "o", "markersize": 8, "markerfacecolor": "none"}),
    "mean": ("class mean", {"marker": "o", "markersize": 4}),
    "classifier": ("classifier", {"marker": "^", "markersize": 5, "markerfacecolor": "none"}),
    "sample": ("sample", {"marker": ".", "markersize": 2}),
}


def draw(table: pd.DataFrame) -> Figure:
    """A line of panels for each network and dataset, of its first seed, a panel for each epoch. `table` is fig1.csv."""
    cells = [cell.loc[cell.seed == cell.seed.min()] for _, cell in table.groupby(["dataset", "model"], sort=False)]
    size = (plotting.TWO_COLUMNS, min(1.6 * len(cells) + 0.8, plotting.PAGE_HEIGHT))
    figure, panels = plt.subplots(len(cells), len(EPOCHS), figsize=size, squeeze=False)
    for row, cell in zip(panels, cells, strict=True):
        epochs = np.sort(cell.epoch.unique())
        places = seen(cell.loc[cell.epoch.isin(shown(epochs))])
        (left, low), (right, high) = places.min(0) - MARGIN, places.max(0) + MARGIN
        for axes, epoch in zip(row, shown(epochs), strict=True):
            picture(axes, cell.loc[cell.epoch == epoch])
            axes.set(title=f"epoch {epoch}", xlim=(left, right), ylim=(low, high), aspect="equal", xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        row[0].set_ylabel(plotting.network_and_dataset(cell))
    classes = sorted(table.true_label.unique())
    handles = [Line2D([], [], linestyle="", color=plotting.GREY, **style, label=name) for name, style in KINDS.values()]
    handles += [plotting.look(i).handle(f"class {label}", marker="", linestyle="-") for i, label in enumerate(classes)]
    kept = cells[0].loc[cells[0].kind == "sample"].groupby(["epoch", "true_label"]).size().max()
    plotting.legend(figure, handles, f"one seed ($n$ = {kept} samples a class)")
    return figure


def shown(epochs: np.ndarray) -> list[int]:
    """The measured epochs nearest, by their ratio, to the published parts of the training."""
    return [int(epochs[np.abs(np.log(epochs / (part * epochs.max()))).argmin()]) for part in EPOCHS]


def seen(points: pd.DataFrame) -> np.ndarray:
    """Where points are drawn: (n, 2)."""
    return points[["x1", "x2", "x3"]].to_numpy() @ VIEW.T


def picture(axes: plt.Axes, points: pd.DataFrame) -> None:
    """The points of one epoch, each class in its colour, and the simplex's sides as grey lines."""
    corners = seen(points.loc[points.kind == "vertex"])
    axes.plot(*corners[[*range(len(corners)), 0]].T, color=plotting.GREY, linewidth=0.5, zorder=0)
    for corner in corners:
        axes.plot(*np.stack([np.zeros(2), corner]).T, color=plotting.GREY, linewidth=0.5, zorder=0)
    for kind, (_, style) in reversed(KINDS.items()):
        for i, (_, part) in enumerate(points.loc[points.kind == kind].groupby("true_label")):
            axes.plot(*seen(part).T, linestyle="", color=plotting.look(i).colour, **style)
