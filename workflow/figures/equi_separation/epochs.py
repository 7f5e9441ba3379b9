"""The law over training: separation fuzziness D of every layer after some epochs, and how well it is a line."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

PANELS = 6


def draw(table: pd.DataFrame, fit: pd.DataFrame) -> Figure:
    """Panels from the initial network to the last epoch. `table` is epochs.csv, `fit` epochs_fit.csv."""
    epochs = sorted(table.epoch.unique())
    shown = {epochs[round(i * (len(epochs) - 1) / (PANELS - 1))] for i in range(PANELS)}
    return plotting.laws(table.loc[table.epoch.isin(shown)], fit, ["epoch"], lambda run: f"epoch {run.epoch:.0f}")
