"""Fig 6: samples collapse onto the mean of their class."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {"nc1": "NC1"}


def draw(table: pd.DataFrame, moments: pd.DataFrame) -> Figure:
    """`table` is collapse.csv, `moments` collapse_moments.csv."""
    label = r"NC1, $\mathrm{tr}(\Sigma_W \Sigma_B^+)/K$"
    return plotting.terminal_phase(table, moments, MEASURES, label, logarithmic=True)
