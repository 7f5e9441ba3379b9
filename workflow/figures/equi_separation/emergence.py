"""How well ln D is a line, and how steep, after each measured epoch."""

import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from collapse import plotting

# The mean epoch over the seeds; in both batch norm modes the same.
MOMENTS = {"zero_error": ("--", "zero training error"), "tpt": (":", "train accuracy 0.999")}


def draw(fit: pd.DataFrame, moments: pd.DataFrame) -> Figure:
    """`fit` is epochs_fit.csv, where epoch 0 is the untrained network; `moments` is epochs_moments.csv."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(2 * plotting.COLUMN_WIDTH, 2.5))
    for axes, column, label in ((left, "r", "Pearson's $r$"), (right, "rho", r"decay ratio $\rho$")):
        sns.lineplot(
            fit, x="epoch", y=column, hue="bn_mode", marker="o", ax=axes,
            legend=axes is right,  # pyright: ignore[reportArgumentType] (seaborn's default hides that it may be a bool)
        )  # fmt: skip
        axes.set(xscale="symlog", xlim=(0, None), xlabel="epoch", ylabel=label)
    for moment, (style, name) in MOMENTS.items():
        for epoch in moments.epoch_mean[moments.moment == moment].dropna().unique():
            for axes in (left, right):
                axes.axvline(epoch, color="0.6", linewidth=1, linestyle=style, zorder=0, label=name)
    left.legend(fontsize="small", loc="lower left")
    left.axhline(-1, color="0.6", linewidth=1, linestyle="--", zorder=0)
    right.axhline(1, color="0.6", linewidth=1, linestyle="--", zorder=0)
    right.legend(*(part[:2] for part in right.get_legend_handles_labels()), title="batch norm mode")
    return figure
