"""Networks of 20 layers without activations, or without batch norm, beside one of Fig 1."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

VARIANT = ["activation", "batch_norm", "initialisation"]


def name(run: pd.Series) -> str:
    """What is left out of the network."""
    if run.activation == "identity":
        return "no activation"
    return "as in Fig 1" if run.batch_norm else f"no batch norm, {run.initialisation} init."


def draw(table: pd.DataFrame, fit: pd.DataFrame) -> Figure:
    """A panel for each variant. `table` is linear.csv, `fit` linear_fit.csv."""
    return plotting.laws(table, fit, VARIANT, name, note=lambda law: plotting.accuracy(law.train_accuracy))
