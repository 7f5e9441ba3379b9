"""Networks of 20 layers without activations, or without batch norm, beside one of Fig 1."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting
from collapse.models.initialisers import INITIALISERS

VARIANT = ["activation", "batch_norm", "initialisation"]


def name(run: pd.Series) -> str:
    """What is left out of the network."""
    if run.activation == "identity":
        return "no activation"
    if run.batch_norm:
        return "as in Fig 1"
    return f"no batch norm, {INITIALISERS[run.initialisation].title}"


def draw(table: pd.DataFrame, fit: pd.DataFrame) -> Figure:
    """A panel for each variant. `table` is linear.csv, `fit` linear_fit.csv."""
    return plotting.laws(table, fit, VARIANT, name, note=plotting.accuracy)
