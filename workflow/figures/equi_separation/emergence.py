"""How well ln D is a line, and how steep, after each measured epoch."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {"r": ("Pearson's $r$", -1, "a falling line, $r$ = \N{MINUS SIGN}1"),
            "rho": (r"decay ratio $\rho$", 1, r"no decay, $\rho$ = 1")}  # fmt: skip


def draw(fit: pd.DataFrame) -> Figure:
    """`fit` is epochs_fit.csv; epoch 0 is the untrained network."""
    figure, panels = plt.subplots(1, len(MEASURES), figsize=(plotting.TWO_COLUMNS, 2.4))
    modes = plotting.looks(["train", "eval"], ordered=False)
    lines = []
    for axes, (column, (label, level, name)) in zip(panels, MEASURES.items(), strict=True):
        for mode, look in modes.items():
            plotting.over_epochs(axes, fit.loc[fit.bn_mode == mode], column, look)
        lines.append(plotting.level_line(axes, level, name))
        lines[-1].set_linestyle("-" if column == "r" else "--")
        axes.set(xlabel="epoch", ylabel=label)
    handles = [look.handle(f"batch norms in {mode} mode") for mode, look in modes.items()]
    count = plotting.count_note(fit, "r", ["epoch", "bn_mode"])
    plotting.legend(figure, [*handles, *lines], f"thin: one seed ({count}); thick, with marks: median of the seeds")
    return figure
