"""NC1 to NC4 with weight decay on all parameters, and on the classifier and the features alone."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {"nc1": "NC1", "nc2": "NC2", "nc3": "NC3", "nc4": "NC4", "test_accuracy": "test accuracy"}
DECAYS = {False: "on all parameters", True: "on classifier and features"}


def draw(table: pd.DataFrame) -> Figure:
    """A line of panels for each dataset and network. `table` is decay.csv."""
    return plotting.measures_over_epochs(table, MEASURES, "separate_decay", lambda separate: DECAYS[separate])
