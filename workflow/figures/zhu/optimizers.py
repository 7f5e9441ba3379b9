"""NC0 to NC4 at the end under coupled and decoupled weight decay."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {
    "nc0": "NC0", "nc1": "NC1", "nc2": "NC2", "nc2_row_centred": "NC2, rows centred", "nc3": "NC3", "nc4": "NC4",
}  # fmt: skip
NAMES = {"sgd": "SGD", "momentum": "momentum", "adam": "Adam", "adamw": "AdamW"}


def draw(table: pd.DataFrame) -> Figure:
    """A panel for each measure, a place for each optimizer and decay, a look for each number of epochs. `table` is
    optimizers.csv.
    """
    places = list(dict.fromkeys(zip(table.optimizer, table.weight_decay, strict=True)))
    figure, panels = plt.subplots(2, 3, figsize=(plotting.TWO_COLUMNS, 4.6), sharex=True)
    series = plotting.looks(table.epochs)
    for axes, (measure, label) in zip(panels.flat, MEASURES.items(), strict=True):
        for number, (epochs, look) in enumerate(series.items()):
            aside = 0.3 * (number - (len(series) - 1) / 2)  # so that none covers the other
            part = table.loc[table.epochs == epochs]
            at = [places.index(place) + aside for place in zip(part.optimizer, part.weight_decay, strict=True)]
            axes.plot(at, part[measure], **look.points(filled=False))
        plotting.log_numbers(axes)
        axes.set_title(label)
        names = [f"{NAMES[optimizer]} {plotting.number(decay)}" for optimizer, decay in places]
        axes.set_xticks(range(len(places)), names, rotation=90)
        axes.set_xlim(-0.6, len(places) - 0.4)
    count = plotting.count_note(table, "nc0", ["optimizer", "weight_decay", "epochs"])
    handles = [look.handle(f"{epochs} epochs", linestyle="", markerfacecolor="none") for epochs, look in series.items()]
    plotting.legend(figure, handles, f"optimizer and weight decay; a point for each seed ({count})")
    return figure
