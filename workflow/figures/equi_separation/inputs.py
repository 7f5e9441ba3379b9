"""Separation fuzziness D_0 of the images themselves."""

import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from collapse import plotting
from collapse.data.specs import DATASETS


def draw(table: pd.DataFrame) -> Figure:
    """`table` is inputs.csv."""
    names = [f"{DATASETS[run.dataset].title}, {run.image_size} x {run.image_size}" for run in table.itertuples()]
    figure, axes = plt.subplots(figsize=(1.4 * plotting.COLUMN_WIDTH, 0.7 + 0.3 * len(table)))
    axes.errorbar(
        table.separation_mean, names, xerr=table.separation_std, linestyle="", marker="o", color=sns.color_palette()[0]
    )
    for name, row in zip(names, table.itertuples(), strict=True):
        axes.annotate(f"{row.separation_mean:.3g}", (row.separation_mean, name), (6, 4), textcoords="offset points")
    axes.set(xlabel=f"separation fuzziness $D_0$  ({plotting.seeds_note(table)})", xlim=(0, None))
    axes.margins(x=0.15, y=0.3)
    return figure
