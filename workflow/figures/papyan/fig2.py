"""Fig 2: class means and classifiers become equally long."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {"equinorm_means": "class means", "equinorm_classifiers": "classifiers"}


def draw(table: pd.DataFrame, moments: pd.DataFrame) -> Figure:
    """`table` is collapse.csv, `moments` collapse_moments.csv."""
    return plotting.terminal_phase(table, moments, MEASURES, "variation of norms, std / mean")
