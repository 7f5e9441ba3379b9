"""Networks of 20 layers without activations, or without batch norm: separation fuzziness D of every layer."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting


def draw(table: pd.DataFrame, fit: pd.DataFrame) -> Figure:
    """A panel for each variant. `table` is linear.csv, `fit` linear_fit.csv."""
    keys = ["activation", "batch_norm", "initialisation"]
    variants = list(table[keys].drop_duplicates().itertuples(index=False, name=None))
    figure, panels = plotting.grid(1, len(variants))
    for axes, variant in zip(panels[0], variants, strict=True):
        chosen = [part[(part[keys] == list(variant)).all(axis=1)] for part in (table, fit)]
        plotting.separation(axes, *chosen)
        activation, _, initialisation = variant
        name = "no activation" if activation == "identity" else f"no batch norm, {initialisation} initialisation"
        accuracy = chosen[1].train_accuracy.max()
        outcome = "no run trained" if pd.isna(accuracy) else f"train accuracy {accuracy:.3f}"
        axes.set(title=f"{name}\n{outcome}", xlabel=f"layer  ({plotting.seeds_note(chosen[0])})")
    panels[0][0].set(ylabel="separation fuzziness $D$")
    return figure
