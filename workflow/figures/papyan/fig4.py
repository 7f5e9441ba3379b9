"""Fig 4: that angle becomes the greatest possible, the simplex's."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {"maximal_angle_means": "class means", "maximal_angle_classifiers": "classifiers"}


def draw(table: pd.DataFrame, moments: pd.DataFrame) -> Figure:
    """`table` is collapse.csv, `moments` collapse_moments.csv."""
    return plotting.terminal_phase(table, moments, MEASURES, "mean |cos + 1/(K−1)| over pairs")
