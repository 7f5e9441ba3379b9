"""Fig 7: the network comes to answer with the class of the nearest mean."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {"ncc_mismatch_test": "test samples"}


def draw(table: pd.DataFrame, moments: pd.DataFrame) -> Figure:
    """`table` is collapse.csv, `moments` collapse_moments.csv."""
    return plotting.terminal_phase(table, moments, MEASURES, "share answered otherwise")
