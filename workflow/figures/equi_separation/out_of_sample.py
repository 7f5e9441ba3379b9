"""Frozen training against training all layers at once: the law, and what the test set says."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

NAMES = {False: "all layers together", True: "first half, then second"}


def draw(table: pd.DataFrame, fit: pd.DataFrame) -> Figure:
    """`table` is out_of_sample.csv, `fit` out_of_sample_fit.csv."""
    return plotting.laws(
        table,
        fit,
        ["frozen"],
        lambda run: NAMES[run.frozen],
        note=lambda law: f"test accuracy {plotting.number(law.test_accuracy.mean(), '.3f')}",
    )
