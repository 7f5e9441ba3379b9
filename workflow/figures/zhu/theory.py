"""Networks with decay on classifier and features, against the minimiser of the unconstrained-feature model."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from collapse import plotting

MEASURES = {
    "margin": "margin", "weight_energy": r"$\|w_k\|^2$", "feature_energy": r"$\|h\|^2$", "loss": "cross-entropy",
}  # fmt: skip
FEATURES = {"relu": "features behind a ReLU", "linear": "linear features"}


def draw(table: pd.DataFrame, epochs: pd.DataFrame) -> Figure:
    """Above against the decay at the end, below over training at one decay. `table` is theory.csv, `epochs` is
    theory_epochs.csv.
    """
    figure, panels = plt.subplots(2, len(MEASURES), figsize=(plotting.TWO_COLUMNS, 4.4))
    series, scale = plotting.looks(table.features), plotting.LogScale.of(table.weight_decay)
    decay = sorted(table.weight_decay.unique())[table.weight_decay.nunique() // 2]
    for (above, below), (measure, label) in zip(panels.T, MEASURES.items(), strict=True):
        for kind, look in series.items():
            part = table.loc[table.features == kind].sort_values("weight_decay")
            aside = plotting.aside_of(kind, series)
            above.plot(
                scale.place(part.weight_decay), part[f"{measure}_theory"], color=look.colour, linestyle=look.line
            )
            above.plot(scale.place(part.weight_decay, aside), part[measure], **look.points(filled=False))
            path = epochs.loc[(epochs.features == kind) & (epochs.weight_decay == decay)]
            plotting.over_epochs(below, path, measure, look)
            below.axhline(path[f"{measure}_theory"].iloc[0], color=look.colour, linewidth=0.8, linestyle=look.line)
        scale.draw(above, narrow=True)
        plotting.log_numbers(above)
        plotting.log_epochs(below, epochs.epoch.max())
        plotting.log_numbers(below)
        above.set(title=label, xlabel=r"$\lambda_W$")
        below.set(title=rf"$\lambda_W$ = {plotting.number(decay)}", xlabel="epoch")
    count = plotting.count_note(table, "margin", ["features", "weight_decay"])
    line = Line2D([], [], color=plotting.GREY, label="line without marks: the minimiser")
    handles = [look.handle(FEATURES[kind], markerfacecolor="none") for kind, look in series.items()]
    plotting.legend(figure, [*handles, line], f"above a point for each seed ({count}); below thick: their median")
    return figure
