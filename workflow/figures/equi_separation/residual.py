"""Residual networks: the law from block to block, and from convolution to convolution inside the blocks."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from collapse import plotting

POINTS = {"blocks": "", "convolutions": "_inside"}
COLUMNS = {"D": "", "D of 100 principal components": "_principal"}


def draw(blocks: pd.DataFrame, convolutions: pd.DataFrame, fit: pd.DataFrame) -> Figure:
    """Rows: blocks and convolutions, of all of D and of 100 components; a column for each kind of blocks.

    Tables: residual.csv, residual_inside.csv, residual_fit.csv.
    """
    kinds = list(blocks.block.drop_duplicates())
    figure, panels = plt.subplots(
        4, len(kinds), figsize=(0.8 * plotting.COLUMN_WIDTH * len(kinds), 8.4), sharey=True, squeeze=False
    )
    rows = [(points, measure) for points in POINTS for measure in COLUMNS]
    for line, (points, measure) in zip(panels, rows, strict=True):
        table, ending = {"blocks": blocks, "convolutions": convolutions}[points], COLUMNS[measure]
        names = {f"{name}{POINTS[points]}{ending}": name for name in ("r", "rho")}
        table = table.drop(columns=["separation_fuzziness_mean", "separation_fuzziness_std"] if ending else []).rename(
            columns={f"separation_fuzziness{ending}_{how}": f"separation_fuzziness_{how}" for how in ("mean", "std")}
        )
        for axes, kind in zip(line, kinds, strict=True):
            shown, law = (
                part.loc[(part.block == kind) & (part.chosen_by == "held_out_accuracy")]
                for part in (table, fit.loc[:, ["block", "bn_mode", "chosen_by", *names]].rename(columns=names))
            )
            plotting.separation_fuzziness(axes, shown, law)
            runs = plotting.count_note(shown, "separation_fuzziness")
            axes.set(title=f"{kind} {points}", xlabel=f"layer  ({runs})")
        line[0].set(ylabel=measure)
    return figure
