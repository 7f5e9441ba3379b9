"""Singular values of the centred class means over training: all are equal where the means are a simplex."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {"spectrum_greatest": "greatest", "spectrum_median": "median", "spectrum_least": "least of $K-1$"}


def draw(table: pd.DataFrame, moments: pd.DataFrame) -> Figure:
    """`table` is collapse_spectrum.csv, `moments` collapse_moments.csv."""
    return plotting.terminal_phase(table, moments, MEASURES, "singular value / root mean square")
