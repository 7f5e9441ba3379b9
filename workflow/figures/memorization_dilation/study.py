"""The studies of two losses, and the networks trained with what they chose.

Of each study: the objective of every trial in turn, and against each searched value (slices); how much of its variance
each searched value explains (importances); every trial as a line through its values (parallel coordinates).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from collapse import plotting

NAMES = {"learning_rate": "step size", "lr_factor": "its factor", "smoothing": "smoothing"}
TUNED = {"dilation": "dilation (test NC1)", "memorization": "memorization, sum", "test_accuracy": "test accuracy"}


def draw(cross_entropy: pd.DataFrame, label_smoothing: pd.DataFrame, tuned: pd.DataFrame) -> Figure:
    """Two rows of panels for each of the two tables of trials, and one for `tuned`, the networks that were chosen."""
    studies = [cross_entropy, label_smoothing]
    figure = plt.figure(figsize=(plotting.TWO_COLUMNS, 7.6))
    columns = 1 + max(study.parameter.nunique() for study in studies)
    grid = figure.add_gridspec(2 * len(studies) + 1, 2 * columns)
    for line, study in enumerate(studies):
        draw_study(figure, grid[2 * line : 2 * line + 2, :], study, columns, plotting.look(line))
    for place, (column, label) in enumerate(TUNED.items()):
        axes = figure.add_subplot(grid[-1, slice(*spans(2 * columns, len(TUNED))[place])])
        for number, loss in enumerate(tuned.loss.unique()):
            values = tuned.loc[tuned.loss == loss, column]
            axes.plot([number] * len(values), values, **plotting.look(number).points())
        axes.set_xticks(range(tuned.loss.nunique()), [plotting.loss_title(loss) for loss in tuned.loss.unique()])
        axes.set(ylabel=label, xlim=(-0.5, tuned.loss.nunique() - 0.5))
        axes.margins(y=0.12)
    handles = [plotting.look(line).handle(title(study), linestyle="") for line, study in enumerate(studies)]
    best = Line2D([], [], color="k", marker="o", markersize=7, markerfacecolor="none", linestyle="", label="chosen")
    count = plotting.count_note(tuned, "dilation", ["loss"])
    plotting.legend(figure, [*handles, best], f"a point for each trial; last line: for each seed ({count})")
    return figure


def title(study: pd.DataFrame) -> str:
    """What a study is of."""
    dataset, loss, noise = study.iloc[0][["dataset", "loss", "noise"]]
    return f"{plotting.loss_title(loss)}: {plotting.dataset_title(dataset)}, noise {plotting.number(noise)}"


def draw_study(figure: Figure, place: Any, study: pd.DataFrame, columns: int, look: plotting.Look) -> None:
    """History and slices, then importances and parallel coordinates."""
    lines = place.subgridspec(2, columns)
    parameters = list(study.parameter.unique())
    trials = study.drop_duplicates("trial")
    history = figure.add_subplot(lines[0, 0])
    history.plot(trials.trial + 1, trials.objective, **look.points())
    history.plot(trials.trial + 1, trials.best_so_far, color=look.colour)
    history.set(xlabel="trial", ylabel="held-out accuracy")
    history.margins(0.12)
    for number, name in enumerate(parameters, start=1):
        axes, part = figure.add_subplot(lines[0, number], sharey=history), study.loc[study.parameter == name]
        axes.plot(part.value, part.objective, **look.points())
        mark_chosen(axes, part.value, part.objective, part.chosen)
        axes.set(xlabel=NAMES.get(name, name), xscale="log" if part.log.iloc[0] else "linear")
        axes.margins(0.12)
        axes.tick_params(labelleft=False)
    importances(figure.add_subplot(lines[1, 0]), study.drop_duplicates("parameter"), look)
    parallel(figure.add_subplot(lines[1, 1:]), study, parameters, look)


def mark_chosen(axes: Axes, x: pd.Series, y: pd.Series, chosen: pd.Series) -> None:
    """A ring around the study's best trial."""
    axes.plot(x[chosen], y[chosen], color="k", marker="o", markersize=7, markerfacecolor="none", linestyle="")


def importances(axes: Axes, rows: pd.DataFrame, look: plotting.Look) -> None:
    """A bar for each parameter."""
    names = [str(NAMES.get(name, name)) for name in rows.parameter]
    axes.barh(names, rows.importance.fillna(0), color=look.colour, height=0.6)
    axes.set(xlabel="importance", xlim=(0, 1))


def parallel(axes: Axes, study: pd.DataFrame, parameters: Sequence[str], look: plotting.Look) -> None:
    """A line for each trial through its values, each axis from its least to its greatest, to its objective."""
    wide = study.pivot(index="trial", columns="parameter", values="value")[list(parameters)].astype(float)
    log = study.drop_duplicates("parameter").set_index("parameter").log
    trials = study.drop_duplicates("trial").set_index("trial")
    wide = wide.assign(objective=trials.objective)
    spans = {name: (wide[name].min(), wide[name].max()) for name in wide}
    scaled = pd.DataFrame({name: unit(wide[name], bool(log.get(name, False))) for name in wide})
    for trial, row in scaled.iterrows():
        best = bool(trials.chosen[trial])
        colour, width = ("k", 1.5) if best else (look.colour, 0.7)
        axes.plot(range(len(row)), row, color=colour, linewidth=width, alpha=1 if best else 0.25 + 0.75 * row.objective,
                  zorder=3 if best else 2)  # fmt: skip
    for place, (low, high) in enumerate(spans.values()):
        axes.axvline(place, color=plotting.GREY, linewidth=0.6)
        for height, value in ((0, low), (1, high)):
            axes.annotate(plotting.number(float(f"{value:.2g}")), (place, height), fontsize=7, xytext=(2, 0),
                          textcoords="offset points", va="center")  # fmt: skip
    axes.set_xticks(range(len(spans)), [NAMES.get(name, name) for name in parameters] + ["accuracy"])
    axes.set(yticks=[], ylim=(-0.1, 1.1), xlim=(-0.1, len(spans) - 0.7))


def unit(values: Any, log: bool) -> Any:
    """Values from 0 at the least to 1 at the greatest, on the axis they were searched on."""
    values = np.log(values) if log else values
    span = values.max() - values.min()
    return (values - values.min()) / span if span else values * 0 + 0.5


def spans(total: int, parts: int) -> list[tuple[int, int]]:
    """Columns of a grid that each of some panels takes."""
    return [(total * i // parts, total * (i + 1) // parts) for i in range(parts)]
