"""Fig 4: unconstrained features and their linear head, balanced: distance from the global optimum by iteration."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {
    "nc1": "NC1",
    "nc2_w": "NC2, $PP^T$",
    "nc2_h": "NC2, means",
    "nc3": "NC3",
    "spectrum_error": "error of $p$",
}
HEADS = {False: "without a bias", True: "with a last bias"}
ROUNDING = 1e-16  # of float64: a distance below it is none


def draw(direct: pd.DataFrame, iterations: pd.DataFrame) -> Figure:
    """A line of panels for heads without and with a bias. `iterations` is direct_iterations.csv."""
    table = iterations.loc[iterations.balance == "balanced"]
    heads = {bias: name for bias, name in HEADS.items() if bias in set(table.classifier_bias)}
    layers = ("linear_layers", lambda m: f"$M$ = {m}")
    figure, *_ = plotting.epoch_array(table, MEASURES, ("classifier_bias", heads), layers, "iteration", ROUNDING)
    return figure
