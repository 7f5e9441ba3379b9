"""The terminal phase of training (Papyan, Han, Donoho 2020): arrays of networks and datasets over the epochs."""

from collections.abc import Mapping

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from collapse.data.entries import dataset_title
from collapse.models.entries import network_title
from collapse.plotting.epochs import log_epochs, moment_handles, moment_lines, over_epochs
from collapse.plotting.panels import count_note, label_outside, legend
from collapse.plotting.style import ONE_COLUMN, PAGE_HEIGHT, TWO_COLUMNS, log_numbers, looks

MOMENTS = {"zero_error": "zero training error", "tpt": "start of the terminal phase"}


def terminal_phase(
    table: pd.DataFrame, moments: pd.DataFrame, measures: Mapping[str, str], label: str, logarithmic: bool = False
) -> Figure:
    """A panel for each family of networks (rows) and dataset (columns), in it a curve for each measure: its column of
    the table -> its name. `label` is that of y.

    table: of seeds, with dataset, model and epoch; moments: of seeds, with these and moment.
    """
    datasets, rows = table.dataset.unique(), families(table)
    wide = len(datasets) > 1
    size = (TWO_COLUMNS if wide else ONE_COLUMN, min(1.5 * len(rows) + 1, PAGE_HEIGHT))
    figure, panels = plt.subplots(len(rows), len(datasets), figsize=size, sharex=True, sharey="row", squeeze=False)
    series, titled = looks(measures, ordered=False), set()
    for row, networks in zip(panels, rows, strict=True):
        for axes, dataset in zip(row, datasets, strict=True):
            part, reached = (
                given.loc[given.model.isin(networks) & (given.dataset == dataset)] for given in (table, moments)
            )
            if part.empty:
                axes.set_visible(False)
                continue
            for column, shown in series.items():
                over_epochs(axes, part, column, shown)
            moment_lines(axes, {name: reached.epoch[reached.moment == moment] for moment, name in MOMENTS.items()})
            log_epochs(axes, table.epoch.max())
            if logarithmic:
                log_numbers(axes)
            above = "" if dataset in titled else f"{dataset_title(dataset)}\n"
            titled.add(dataset)
            axes.set_title(above + ", ".join(network_title(model) for model in part.model.unique()))
    for row in panels:  # shared axes have their numbers at the edge of the array, where no panel may be
        next(axes for axes in row if axes.get_visible()).tick_params(labelleft=True)
    for column in panels.T:
        next(axes for axes in column[::-1] if axes.get_visible()).tick_params(labelbottom=True)
    label_outside(figure, "epoch")
    figure.supylabel(label)
    count = count_note(table, next(iter(measures)), ["dataset", "model", "epoch"])
    handles = [shown.handle(measures[column]) for column, shown in series.items()]
    note = f"thin: one seed ({count}); thick, with marks: median of the seeds"
    legend(figure, [*handles, *moment_handles(dict.fromkeys(MOMENTS.values(), ()))], note)
    return figure


def families(table: pd.DataFrame) -> list[tuple[str, ...]]:
    """The networks of each row: all, where each dataset has one alone; those that differ in their depth alone, as VGG11
    and VGG13, where no dataset has both; else each by itself.
    """
    if (table.groupby("dataset").model.nunique() == 1).all():
        return [tuple(table.model.unique())]
    found: dict[str, list[str]] = {}
    for model in table.model.unique():
        found.setdefault(network_title(model).rstrip("0123456789"), []).append(model)
    rows = [tuple(networks) for networks in found.values()]
    for networks in rows:
        if (table[table.model.isin(networks)].groupby("dataset").model.nunique() > 1).any():
            return [(model,) for model in table.model.unique()]
    return rows
