"""One look for every figure, and what several figures draw."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from collapse.data.specs import DATASETS

COLUMN_WIDTH = 3.4  # inches, one column of a journal page
SIMPLEX = r"simplex, $-1/(K-1)$"
MODEL_TITLES = {"mlp": "MLP", "convnet": "small ConvNet", "vgg11": "VGG11", "vgg13": "VGG13", "resnet18": "ResNet18"}


def render(draw: Callable[..., Figure], tables: Sequence[Path], outputs: Sequence[Path]) -> None:
    """Draw a figure from its tables and save it in every format asked for (by the outputs' suffixes)."""
    sns.set_theme(
        context="paper", style="ticks", palette="colorblind", rc={"axes.spines.right": False, "axes.spines.top": False}
    )
    # Type 42 keeps text selectable in the PDF; no creation date, so that the same table gives the same file.
    plt.rcParams |= {"pdf.fonttype": 42, "savefig.dpi": 300, "figure.constrained_layout.use": True}
    figure = draw(*(pd.read_csv(table) for table in tables))
    for output in outputs:
        output.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(output, metadata={"CreationDate": None} if output.suffix == ".pdf" else None)
    plt.close(figure)


def panels(
    table: pd.DataFrame, keys: Sequence[str], height: float = 2.5
) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """A row of axes that share y, one for each combination of `keys`, with its part of the table."""
    groups = [group for _, group in table.groupby(list(keys), sort=False)]
    figure, axes = plt.subplots(
        1, len(groups), figsize=(COLUMN_WIDTH * len(groups), height), sharey=True, squeeze=False
    )
    return figure, list(zip(axes[0], groups, strict=True))


def grid(rows: int, columns: int, height: float = 2.2) -> tuple[Figure, np.ndarray]:
    """Rows and columns of axes that share y."""
    return plt.subplots(
        rows, columns, figsize=(0.8 * COLUMN_WIDTH * columns, height * rows), sharey=True, squeeze=False
    )


def separation(axes: Axes, table: pd.DataFrame, fit: pd.DataFrame) -> None:
    """D of every layer in both batch norm modes (filled: train), and the fitted line of the train mode with rho and r.

    table: layer, bn_mode, separation_mean, separation_std; fit: bn_mode, r, rho. The line is drawn through the mean of
    ln D, where a least-squares line passes.
    """
    for mode, fill in (("eval", "none"), ("train", "full")):
        part = table[table.bn_mode == mode]
        axes.errorbar(
            part.layer, part.separation_mean, yerr=part.separation_std, linestyle="", marker="o", markersize=4,
            fillstyle=fill, color=sns.color_palette()[0], elinewidth=0.8,
        )  # fmt: skip
    shown, law = table[table.bn_mode == "train"].dropna(subset="separation_mean"), fit[fit.bn_mode == "train"]
    if len(shown) and law.rho.notna().all():
        rho, r = law.rho.iloc[0], law.r.iloc[0]
        height = np.log(shown.separation_mean).mean()
        line = np.exp(height + (shown.layer - shown.layer.mean()) * np.log(rho))
        axes.plot(shown.layer, line, color=sns.color_palette()[1], linewidth=1)
        text = rf"$\rho$ = {rho:.3f}, $r$ = {r:.3f}"
        axes.annotate(text, (0.97, 0.95), xycoords="axes fraction", ha="right", va="top", fontsize="small")
    axes.set(yscale="log")


def network_title(group: pd.DataFrame) -> str:
    """Network and dataset of a panel."""
    model, dataset = group.model.iloc[0], group.dataset.iloc[0]
    return f"{MODEL_TITLES.get(model, model)}, {DATASETS[dataset].title}"


def curves(
    axes: Axes,
    table: pd.DataFrame,
    x: str,
    y: str,
    hue: str,
    label: Callable[[object], str],
    linestyle: str = "-",
    marker: str = "o",
) -> None:
    """Mean curves with their spread (bars: one standard deviation), x in equal steps as the papers print it."""
    steps = sorted(table[x].unique())
    palette = dict(zip(sorted(table[hue].unique()), sns.color_palette(), strict=False))
    for value, part in table.groupby(hue):
        part = part.sort_values(x)
        axes.errorbar(
            [steps.index(step) for step in part[x]],
            part[f"{y}_mean"],
            yerr=part[f"{y}_std"].fillna(0),
            color=palette[value],
            label=label(value),
            linestyle=linestyle,
            marker=marker,
            markersize=4,
            capsize=2.5,
        )
    axes.set_xticks(range(len(steps)), [r"$\infty$" if np.isinf(step) else f"{step:g}" for step in steps])


def legend_handles(axes: Axes, styles: Iterable[tuple[str, str, str]]) -> list[Line2D]:
    """A legend of the colours of `axes`, by label, then of the styles (line, marker, name) of the curves."""
    handles, labels = axes.get_legend_handles_labels()
    colours = {
        label: handle if isinstance(handle, Line2D) else handle.lines[0]
        for handle, label in zip(handles, labels, strict=True)
    }
    plain = [
        Line2D([], [], color=line.get_color(), linestyle="-" if line.get_marker() != "None" else "--", label=label)
        for label, line in colours.items()
    ]
    return plain + [
        Line2D([], [], color="0.3", linestyle=line, marker=marker, markersize=4, label=name)
        for line, marker, name in styles
    ]


def simplex_line(axes: Axes, num_classes: int = 10) -> None:
    """The cosine of a simplex, -1/(K-1), as a grey line."""
    axes.axhline(-1 / (num_classes - 1), color="0.6", linewidth=1, linestyle="--", zorder=0, label=SIMPLEX)


def chance_line(axes: Axes, num_classes: int = 10) -> None:
    """The accuracy of guessing, as a grey line."""
    axes.axhline(1 / num_classes, color="0.6", linewidth=1, linestyle="--", zorder=0, label="chance")


def seeds_note(table: pd.DataFrame) -> str:
    """How many runs a point stands for."""
    low, high = table.n.min(), table.n.max()
    return f"n = {low}" if low == high else f"n = {low} to {high}"
