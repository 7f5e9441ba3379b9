"""How well ln D is a line, and how steep, after each measured epoch."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {"r": ("Pearson's $r$", -1, "a falling line, $r$ = \N{MINUS SIGN}1"),
            "rho": (r"decay ratio $\rho$", 1, r"no decay, $\rho$ = 1")}  # fmt: skip


# A table's moments by the names that lines have.
MOMENTS = {"zero_error": "zero training error", "tpt": "start of the terminal phase"}


def draw(fit: pd.DataFrame, moments: pd.DataFrame) -> Figure:
    """`fit` is epochs_fit.csv, where epoch 0 is the untrained network; `moments` is epochs_moments.csv."""
    figure, panels = plt.subplots(1, len(MEASURES), figsize=(plotting.TWO_COLUMNS, 2.4))
    modes = plotting.looks(["train", "eval"], ordered=False)
    lines = []
    # One mode alone: a moment of a run is the same epoch in both.
    reached = moments.loc[moments.bn_mode == "train"]
    epochs = {name: reached.epoch[reached.moment == moment].tolist() for moment, name in MOMENTS.items()}
    for axes, (column, (label, level, name)) in zip(panels, MEASURES.items(), strict=True):
        for mode, look in modes.items():
            plotting.over_epochs(axes, fit.loc[fit.bn_mode == mode], column, look)
        plotting.moment_lines(axes, epochs)
        lines.append(plotting.level_line(axes, level, name))
        lines[-1].set_linestyle("-" if column == "r" else "--")
        axes.set(xlabel="epoch", ylabel=label)
    handles = [look.handle(f"batch norms in {mode} mode") for mode, look in modes.items()]
    count = plotting.count_note(fit, "r", ["epoch", "bn_mode"])
    plotting.legend(
        figure,
        [*handles, *lines, *plotting.moment_handles(epochs)],
        f"thin: one seed ({count}); thick, with marks: median of the seeds",
    )
    return figure
