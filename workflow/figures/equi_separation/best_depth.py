"""Test accuracy, decay ratio and Pearson's r against the depth, for several datasets."""

import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from collapse import plotting
from collapse.data.entries import dataset_title

MEASURES = {"test_accuracy": "test accuracy", "rho": r"decay ratio $\rho$", "r": "Pearson's $r$"}


def draw(fit: pd.DataFrame) -> Figure:
    """`fit` is depth_fit.csv; train mode, the learning rate chosen by held-out accuracy."""
    shown = fit[(fit.bn_mode == "train") & (fit.chosen_by == "held_out_accuracy")]
    shown = shown.assign(dataset=[dataset_title(name) for name in shown.dataset])
    figure, panels = plt.subplots(1, len(MEASURES), figsize=(2.4 * plotting.COLUMN_WIDTH, 2.5))
    for axes, (column, label) in zip(panels, MEASURES.items(), strict=True):
        sns.lineplot(
            shown, x="layers", y=column, hue="dataset", marker="o", ax=axes,
            legend=axes is panels[0],  # pyright: ignore[reportArgumentType] (seaborn's default hides that it may be a bool)
        )  # fmt: skip
        axes.set(xlabel="layers", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0].legend(title=None)
    return figure
