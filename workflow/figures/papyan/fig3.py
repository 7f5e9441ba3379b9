"""Fig 3: all pairs of class means, and of classifiers, come to enclose the same angle."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {"equiangularity_means": "class means", "equiangularity_classifiers": "classifiers"}


def draw(table: pd.DataFrame, moments: pd.DataFrame) -> Figure:
    """`table` is collapse.csv, `moments` collapse_moments.csv."""
    return plotting.terminal_phase(table, moments, MEASURES, "std of cosines over pairs")
