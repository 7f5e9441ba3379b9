"""Fig 8: how far DeepFool has to move test images before the network answers otherwise."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {
    "perturbation": "in normalised pixels, as the network sees them",
    "perturbation_raw": "in pixels from 0 to 1",
}


def draw(table: pd.DataFrame, moments: pd.DataFrame) -> Figure:
    """`table` is collapse.csv, `moments` collapse_moments.csv."""
    return plotting.terminal_phase(table, moments, MEASURES, "mean l2 norm of the perturbation")
