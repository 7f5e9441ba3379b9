"""Trainable parameters of full-size networks, by classifier and dimension of the features."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from collapse import plotting

KINDS = {
    (False, "learned"): "learned, all $d$", (False, "fixed_etf"): "fixed frame, all $d$",
    (True, "learned"): "learned, $d = K$", (True, "fixed_etf"): "fixed frame, $d = K$",
}  # fmt: skip
STEMS = {"imagenet": "7x7 stem", "cifar": "3x3 stem"}


def draw(table: pd.DataFrame) -> Figure:
    """A line for each network and stem, in it a mark for each classifier and dimension. `table` is parameters.csv."""
    cells = list(dict.fromkeys(zip(table.model, table.stem, strict=True)))
    kinds = pd.Series(zip(table.feature_dim.notna(), table.classifier, strict=True))
    figure, axes = plt.subplots(figsize=(plotting.TWO_COLUMNS, 0.45 * len(cells) + 1.3))
    series = plotting.looks(KINDS, ordered=False)
    for number, (kind, look) in enumerate(series.items()):
        part = table.loc[(kinds == kind).to_numpy()]
        aside = 0.18 * (number - (len(series) - 1) / 2)  # so that none covers the other
        at = [cells.index(cell) + aside for cell in zip(part.model, part.stem, strict=True)]
        axes.plot(part.trainable / 1e6, at, **look.points(filled=False))
        for place, (_, row) in zip(at, part.iterrows(), strict=True):
            if kind == (True, "fixed_etf"):
                said = plotting.number(100 * row.saving, ".1f")
                axes.annotate(f"{said} % less", (row.trainable / 1e6, place), (6, -1), textcoords="offset points",
                              fontsize=7, va="center")  # fmt: skip
    axes.set_yticks(range(len(cells)), [f"{plotting.network_title(model)}, {STEMS[stem]}" for model, stem in cells])
    axes.set_ylim(len(cells) - 0.4, -0.6)
    axes.set_xlim(0)
    axes.set_xlabel("trainable parameters, millions")
    handles = [look.handle(KINDS[kind], linestyle="", markerfacecolor="none") for kind, look in series.items()]
    plotting.legend(figure, handles)
    return figure
