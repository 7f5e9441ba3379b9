"""Fig 1: two-dimensional features of a few samples under label noise, and where the network decides."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from collapse import plotting

SPLITS = {"train": "train", "test": "test"}
MEANS = {"clean_mean": True, "changed_mean": False, "mean": True}  # by kind: whether its mark is filled


def draw(table: pd.DataFrame) -> Figure:
    """A line of panels for each dataset and loss, train beside test, of the first seed. `table` is fig1.csv."""
    table = plotting.with_losses(table.loc[table.seed == table.seed.min()])
    cells = [cell for _, cell in table.groupby(["dataset", "series", "noise"], sort=False)]
    size = (plotting.TWO_COLUMNS, min(2.6 * len(cells) + 0.7, plotting.PAGE_HEIGHT))
    figure, panels = plt.subplots(len(cells), len(SPLITS), figsize=size, squeeze=False)
    for row, cell in zip(panels, cells, strict=True):
        for axes, split in zip(row, SPLITS, strict=True):
            draw_points(axes, cell.loc[cell.split == split], split)
            decision_line(axes, cell.loc[cell.kind == "classifier"])
            axes.set(aspect="equal", **limits(cell))
        said = f"{cell.series.iloc[0]}, noise {plotting.number(cell.noise.iloc[0])}"
        row[0].set_ylabel(f"{plotting.dataset_title(cell.dataset.iloc[0])}, {said}\nfeature $h_2$")
    for axes, name in zip(panels[0], SPLITS.values(), strict=True):
        axes.set_title(name)
    plotting.label_outside(figure, "feature $h_1$")
    plotting.legend(figure, handles(sorted(table.true_label.unique())), "the samples of one seed ($n$ = 1)")
    return figure


def limits(points: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """The same square for train and test: all points of a network, with a margin."""
    shown = points.loc[points.kind != "classifier"]
    places, spread = shown[["x1", "x2"]].to_numpy(), shown[["spread"]].fillna(0).to_numpy()
    low, high = (places - spread).min(), (places + spread).max()
    margin = 0.05 * (high - low)
    return dict.fromkeys(("xlim", "ylim"), (low - margin, high + margin))


def draw_points(axes: Axes, points: pd.DataFrame, split: str) -> None:
    """The samples of a split, the means, and of the test split the circle of each class's spread."""
    for label in sorted(points.true_label.unique()):
        part, shown = points.loc[points.true_label == label], plotting.look(label)
        samples = part.loc[part.kind == "sample"]
        changed = samples.label != samples.true_label
        kept, moved = samples.loc[~changed], samples.loc[changed]
        axes.plot(kept.x1, kept.x2, **shown.points(markersize=2.5, alpha=0.5))
        axes.plot(moved.x1, moved.x2, **shown.points(marker="x", markersize=3.5))
        for kind, filled in MEANS.items():
            mean = part.loc[part.kind == kind]
            if kind != "mean" or split == "test":
                axes.plot(mean.x1, mean.x2, **shown.points(filled, marker="*", markersize=11, zorder=4))
                for place in mean.loc[mean.spread > 0].itertuples():
                    circle = Circle((place.x1, place.x2), place.spread, fill=False, color=shown.colour, linewidth=0.8)
                    axes.add_patch(circle)


def decision_line(axes: Axes, rows: pd.DataFrame) -> None:
    """The line on which both logits are equal, of the head's rows of two classes."""
    one, other = rows.sort_values("label")[["x1", "x2", "bias"]].to_numpy()[:2]
    x, y, offset = one - other
    normal = np.array([x, y])
    foot = -offset * normal / (normal @ normal)
    style: dict[str, Any] = {"color": plotting.GREY, "linewidth": 0.8, "linestyle": (0, (6, 3)), "zorder": 0}
    axes.axline((foot[0], foot[1]), (foot[0] - y, foot[1] + x), **style)


def handles(classes: list[int]) -> list[Line2D]:
    """Entries of the legend."""
    grey: dict[str, Any] = {"color": plotting.GREY, "linestyle": ""}
    return [
        *(plotting.look(label).handle(f"class {label}", linestyle="") for label in classes),
        Line2D([], [], marker="x", label="its label changed", **grey),
        Line2D([], [], marker="*", markersize=8, label="mean", **grey),
        Line2D([], [], marker="*", markersize=8, markerfacecolor="none", label="mean of changed samples", **grey),
        Line2D([], [], color=plotting.GREY, linestyle=(0, (6, 3)), label="where the network decides"),
    ]
