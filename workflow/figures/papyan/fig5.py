"""Fig 5: classifiers become the class means, but for their scale."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {"self_duality": "self-duality"}


def draw(table: pd.DataFrame, moments: pd.DataFrame) -> Figure:
    """`table` is collapse.csv, `moments` collapse_moments.csv."""
    label = r"self-duality, $\|W/\|W\| - M/\|M\|\|^2$"
    return plotting.terminal_phase(table, moments, MEASURES, label)
