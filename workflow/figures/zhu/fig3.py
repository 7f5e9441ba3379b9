"""Fig 3: NC1 to NC4 and accuracies under three optimizers, in both modes of the batch norms."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting
from collapse.training.entries import OPTIMIZERS

MEASURES = {
    "nc1": "NC1", "nc2": "NC2", "nc3": "NC3", "nc4": "NC4",
    "train_accuracy": "train accuracy", "test_accuracy": "test accuracy",
}  # fmt: skip
MODES = {"eval": "eval mode", "train": "train mode"}


def draw(table: pd.DataFrame) -> Figure:
    """Each dataset, network and mode of the batch norms has a line of panels. `table` is fig3.csv."""
    return plotting.measures_over_epochs(table, MEASURES, "optimizer", lambda name: OPTIMIZERS[name].title, MODES)
