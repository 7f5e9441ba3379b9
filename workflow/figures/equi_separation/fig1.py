"""Fig 1: separation fuzziness D of every layer, a row for each optimizer, a column for each depth."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

OPTIMIZERS = {"sgd": "SGD", "momentum": "SGD with momentum", "adam": "Adam"}


def draw(table: pd.DataFrame, fit: pd.DataFrame) -> Figure:
    """`table` is fig1.csv, `fit` fig1_fit.csv."""
    return plotting.laws(
        table, fit, ["layers"], lambda run: f"{OPTIMIZERS[run.optimizer]}, {run.layers} layers", rows=["optimizer"]
    )
