"""How well ln D is a line, and how steep, after each measured epoch."""

import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from collapse import plotting


def draw(fit: pd.DataFrame) -> Figure:
    """`fit` is epochs_fit.csv; epoch 0 is the untrained network."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(2 * plotting.COLUMN_WIDTH, 2.5))
    for axes, column, label in ((left, "r", "Pearson's $r$"), (right, "rho", r"decay ratio $\rho$")):
        sns.lineplot(
            fit, x="epoch", y=column, hue="bn_mode", marker="o", ax=axes,
            legend=axes is right,  # pyright: ignore[reportArgumentType] (seaborn's default hides that it may be a bool)
        )  # fmt: skip
        axes.set(xscale="symlog", xlim=(0, None), xlabel="epoch", ylabel=label)
    left.axhline(-1, color="0.6", linewidth=1, linestyle="--", zorder=0)
    right.axhline(1, color="0.6", linewidth=1, linestyle="--", zorder=0)
    right.legend(title="batch norm mode")
    return figure
