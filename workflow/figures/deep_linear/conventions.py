"""Two conventions of the squared loss: distance of a head from the optimum of either, and between the two."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from collapse import plotting

TARGETS = {"": r"optimum at the loss's own decays ($K\lambda$ for the code's)", "_code": r"optimum at $\lambda$"}
PANELS = {("mse_per_sample", "nc2_w"): "theory's loss, NC2", ("half_mse", "nc2_w"): "code's loss, NC2",
          ("half_mse", "nc3"): "code's loss, NC3"}  # fmt: skip
ROUNDING = 1e-16  # of float64: a distance below it is none


def draw(table: pd.DataFrame) -> Figure:
    """A point for each seed against the number of linear layers. `table` is conventions.csv."""
    figure, panels = plt.subplots(1, len(PANELS), figsize=(plotting.TWO_COLUMNS, 2.5), sharey=True)
    series = plotting.looks(TARGETS, ordered=False)
    floor = None
    for axes, ((loss, measure), title) in zip(panels, PANELS.items(), strict=True):
        part = table.loc[table.loss == loss].sort_values("linear_layers")
        for number, (target, look) in enumerate(series.items()):
            aside = 0.16 * (number - 0.5)  # so that none covers the other
            values = part[measure + target].clip(lower=ROUNDING)
            axes.plot(part.linear_layers + aside, values, **look.points(filled=False))
        floors = part.drop_duplicates("linear_layers")
        if (floors[f"{measure}_floor"] > 0).all():
            (floor,) = axes.plot(
                floors.linear_layers, floors[f"{measure}_floor"], color=plotting.GREY, linewidth=0.8,
                label="where the two optima lie apart", zorder=0,
            )  # fmt: skip
        axes.set_yscale("log")
        axes.set_xticks(sorted(table.linear_layers.unique()))
        axes.set_title(title)
    plotting.label_outside(figure, "linear layers $M$", "distance")
    count = plotting.count_note(table, "nc3", ["loss", "linear_layers"])
    handles = [look.handle(TARGETS[target], linestyle="", markerfacecolor="none") for target, look in series.items()]
    plotting.legend(figure, handles + ([floor] if floor else []), f"a point for each seed ({count})")
    return figure
