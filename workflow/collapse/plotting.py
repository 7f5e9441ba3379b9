"""One look for every figure, and what several figures draw."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator
from matplotlib.typing import LineStyleType

from collapse.data.entries import dataset_title
from collapse.models.entries import network_title

COLUMN_WIDTH = 3.4  # inches, one column of a journal page
Colour = tuple[float, float, float]
Style = tuple[LineStyleType, str, str]  # line, marker, name
SIMPLEX = r"simplex, $-1/(K-1)$"


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


def colours() -> list[Colour]:
    """The colours of every figure, in order."""
    return list(sns.color_palette())


def panels(
    table: pd.DataFrame, keys: Sequence[str], height: float = 2.5
) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """A figure of one row of panels that share y: for each combination of `keys` a panel and its rows of the table."""
    groups = [group for _, group in table.groupby(list(keys), sort=False)]
    figure, axes = plt.subplots(
        1, len(groups), figsize=(COLUMN_WIDTH * len(groups), height), sharey=True, squeeze=False
    )
    return figure, list(zip(axes[0], groups, strict=True))


def laws(
    table: pd.DataFrame,
    fit: pd.DataFrame,
    columns: Sequence[str],
    title: Callable[[pd.Series], str],
    rows: Sequence[str] = (),
    note: Callable[[pd.Series], str] | None = None,
) -> Figure:
    """The law of data separation in many panels: `rows` and `columns` are the axes along a row and a column of panels.

    table, fit: as for `separation_fuzziness`, for all panels. Where a learning rate was chosen, a panel shows the rate
    that held-out accuracy chose; if test accuracy chose another, grey crosses show that one. `title` makes a panel's
    title from the first row of its table, `note` a remark from its fit.
    """
    above, aside = _values(table, rows), _values(table, columns)
    figure, panels = plt.subplots(
        len(above), len(aside), figsize=(0.75 * COLUMN_WIDTH * len(aside), 2.2 * len(above)), sharey="row",
        squeeze=False,
    )  # fmt: skip
    for (i, up), (j, side) in itertools.product(enumerate(above), enumerate(aside)):
        here = [part.loc[(part[[*rows, *columns]] == [*up, *side]).all(axis=1)] for part in (table, fit)]
        axes = panels[i][j]
        if here[0].empty:
            axes.set_axis_off()
            continue
        shown, law = (_chosen(part, "held_out_accuracy") for part in here)
        separation_fuzziness(axes, shown, law, note(law.iloc[0]) if note else "")
        _other_choice(axes, here[0])
        axes.set(title=title(shown.iloc[0]), xlabel=f"layer  ({count_note(shown, 'separation_fuzziness')})")
    for axes in panels[:, 0]:
        axes.set(ylabel="separation fuzziness $D$")
    return figure


def _values(table: pd.DataFrame, axes: Sequence[str]) -> list[tuple]:
    """Combinations of the axes that a table holds: numbers in order, names as they come."""
    if not axes:
        return [()]
    found = table.loc[:, list(axes)].drop_duplicates()
    numeric = [axis for axis in axes if pd.api.types.is_numeric_dtype(found[axis])]
    return list((found.sort_values(numeric, kind="stable") if numeric else found).itertuples(index=False, name=None))


def _chosen(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """The rows that `column` chose; all rows of a table without `chosen_by`."""
    return table.loc[table.chosen_by == column] if "chosen_by" in table else table


def _other_choice(axes: Axes, table: pd.DataFrame) -> None:
    """Draw D in train mode at the learning rate that test accuracy chose, if held-out accuracy chose another."""
    if "chosen_by" not in table:
        return
    ours, theirs = (_chosen(table, column) for column in ("held_out_accuracy", "test_accuracy"))
    if set(ours.learning_rate) != set(theirs.learning_rate):
        part = theirs[theirs.bn_mode == "train"]
        values = part.separation_fuzziness_mean
        axes.plot(part.layer, values, linestyle="", marker="x", markersize=4, color="0.5", zorder=1)


def separation_fuzziness(axes: Axes, table: pd.DataFrame, fit: pd.DataFrame, note: str = "") -> None:
    """Draw D of every layer in both batch norm modes (filled: train), and the line fitted in train mode with rho and r.

    table: layer, bn_mode, separation_fuzziness_mean, separation_fuzziness_std; fit: bn_mode, r, rho; `note` is printed
    below rho and r. The line passes through the mean of ln D, as every least-squares line does.
    """
    for mode, fill in (("eval", "none"), ("train", "full")):
        part = table[table.bn_mode == mode]
        axes.errorbar(
            part.layer, part.separation_fuzziness_mean, yerr=part.separation_fuzziness_std, linestyle="", marker="o",
            markersize=4, fillstyle=fill, color=colours()[0], elinewidth=0.8,
        )  # fmt: skip
    train, law = table.loc[table.bn_mode == "train"], fit.loc[fit.bn_mode == "train"]
    shown = train.dropna(subset="separation_fuzziness_mean")
    if len(shown) and train.layer.max() > shown.layer.max():  # such layers keep their place
        axes.set_xlim(-0.05 * train.layer.max(), 1.05 * train.layer.max())
        note = f"no $D$ beyond layer {shown.layer.max():.0f}\n{note}"
    axes.xaxis.set_major_locator(MaxNLocator(integer=True) if len(shown) else NullLocator())
    if len(shown) and law.rho.notna().all():
        fitted_line(axes, shown, law.rho.iloc[0])
        note = f"$\\rho$ = {law.rho.iloc[0]:.3f}, $r$ = {law.r.iloc[0]:.3f}\n{note}"
    axes.annotate(note.strip(), (0.03, 0.05), xycoords="axes fraction", ha="left", va="bottom", fontsize="small")
    axes.set(yscale="log")


def fitted_line(axes: Axes, shown: pd.DataFrame, ratio: float, colour: int = 1) -> None:
    """Draw the line of decay `ratio` through (mean of the layers, mean of ln D) of the layers shown."""
    height = np.log(shown.separation_fuzziness_mean).mean()
    line = np.exp(height + (shown.layer - shown.layer.mean()) * np.log(ratio))
    axes.plot(shown.layer, line, color=colours()[colour], linewidth=1)


def accuracy(law: pd.Series) -> str:
    """Train accuracy of a row of the law's fit, in words, with the status of its runs unless all are ok."""
    known = "no run ended" if pd.isna(law.train_accuracy) else f"train accuracy {law.train_accuracy:.3f}"
    return known if law.runs.endswith("ok") and "," not in law.runs else f"{known} ({law.runs})"


def network_and_dataset(group: pd.DataFrame) -> str:
    """Network and dataset of a panel."""
    model, dataset = group.model.iloc[0], group.dataset.iloc[0]
    return f"{network_title(model)}, {dataset_title(dataset)}"


def curves(
    axes: Axes,
    table: pd.DataFrame,
    x: str,
    y: str,
    hue: str,
    label: Callable[[object], str],
    linestyle: LineStyleType = "-",
    marker: str = "o",
) -> None:
    """Draw mean curves with bars of one standard deviation. The values of x are equally spaced, as in the papers."""
    steps = sorted(table[x].unique())
    palette: dict[Any, Colour] = dict(zip(sorted(table[hue].unique()), colours(), strict=False))
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


def legend_handles(axes: Axes, styles: Iterable[Style]) -> list[Line2D]:
    """Handles of a legend: the labels of `axes` by colour, then the names of the `styles` (line, marker, name)."""
    handles, labels = axes.get_legend_handles_labels()
    coloured = {label: _line(handle) for handle, label in zip(handles, labels, strict=True)}
    plain = [
        Line2D([], [], color=line.get_color(), linestyle="-" if line.get_marker() != "None" else "--", label=label)
        for label, line in coloured.items()
    ]
    return plain + [
        Line2D([], [], color="0.3", linestyle=line, marker=marker, markersize=4, label=name)
        for line, marker, name in styles
    ]


def _line(handle: Any) -> Line2D:
    """The line of a legend's handle; for error bars, the line through the points."""
    return handle if isinstance(handle, Line2D) else handle.lines[0]


def simplex_line(axes: Axes, num_classes: int = 10) -> None:
    """The cosine of a simplex, -1/(K-1), as a grey line."""
    axes.axhline(-1 / (num_classes - 1), color="0.6", linewidth=1, linestyle="--", zorder=0, label=SIMPLEX)


def chance_line(axes: Axes, num_classes: int = 10) -> None:
    """The accuracy of guessing, as a grey line."""
    axes.axhline(1 / num_classes, color="0.6", linewidth=1, linestyle="--", zorder=0, label="chance")


def count_note(table: pd.DataFrame, column: str) -> str:
    """The number n of runs, or draws, behind each point of a column, in words."""
    low, high = table[f"{column}_n"].min(), table[f"{column}_n"].max()
    return f"n = {low}" if bool(low == high) else f"n = {low} to {high}"
