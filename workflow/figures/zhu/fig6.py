"""Fig 6: a learned classifier or a fixed frame, on all dimensions or as many as classes."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {"nc1": "NC1", "nc2": "NC2", "nc3": "NC3", "nc4": "NC4", "test_accuracy": "test accuracy"}
FLOOR = 1e-4  # where the NC2 of a fixed frame is drawn, which is 0
CLASSIFIERS = {"learned": "learned", "fixed_etf": "fixed frame"}


def draw(table: pd.DataFrame, epochs: pd.DataFrame) -> Figure:
    """A line of panels for each dataset and network. `table`, which is fig6.csv, is the end of fig6_epochs.csv."""
    width = epochs.feature_dim.map({"num_classes": "$d = K$"}).fillna("all $d$")
    kind = epochs.classifier.map(CLASSIFIERS) + ", " + width
    shown = epochs.assign(kind=kind)
    return plotting.measures_over_epochs(shown, MEASURES, "kind", str, floor=FLOOR)
