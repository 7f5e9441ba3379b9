"""NC1 and the loss after every epoch at a constant step size: single seeds jump, their median does so less."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {"nc1": "NC1", "train_loss": "train loss"}
THIN, THICK = {"marker": "", "linestyle": "-", "linewidth": 0.4}, {"marker": "", "linestyle": "-", "linewidth": 1.2}


def draw(table: pd.DataFrame) -> Figure:
    """NC1 above, loss below, a column of panels for each network and dataset. `table` is spikes.csv."""
    cells = [cell for _, cell in table.groupby(["dataset", "model"], sort=False)]
    figure, panels = plt.subplots(
        len(MEASURES), len(cells), figsize=(plotting.TWO_COLUMNS, 4.2), sharex="col", sharey="row", squeeze=False
    )
    one, median = plotting.look(0), plotting.look(1)
    for row, (measure, label) in zip(panels, MEASURES.items(), strict=True):
        row[0].set_ylabel(label)
        for axes, cell in zip(row, cells, strict=True):
            for _, seed in cell.groupby("seed"):
                axes.plot(seed.epoch, seed[measure], color=one.colour, **THIN)
            medians = cell.groupby("epoch")[measure].median()
            axes.plot(medians.index, medians, color=median.colour, **THICK)
            plotting.log_numbers(axes)
    for axes, cell in zip(panels[0], cells, strict=True):
        axes.set_title(plotting.network_and_dataset(cell))
    plotting.label_outside(figure, "epoch")
    count = plotting.count_note(table, "nc1", ["dataset", "model", "epoch"])
    plotting.legend(figure, [one.handle(f"one seed ({count})", **THIN), median.handle("median of the seeds", **THICK)])
    return figure
