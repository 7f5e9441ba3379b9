"""NC1 to NC4 on permuted labels, a curve for each width."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {"nc1": "NC1", "nc2": "NC2", "nc3": "NC3", "nc4": "NC4", "train_accuracy": "train accuracy"}


def draw(table: pd.DataFrame) -> Figure:
    """A line of panels for each dataset and network. `table` is random_labels.csv."""
    return plotting.measures_over_epochs(table, MEASURES, "width", lambda width: f"width {width}")
