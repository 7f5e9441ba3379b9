"""Residual networks: the law from block to block, and from convolution to convolution inside the blocks."""

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

# Each row of panels: its name, whether it counts the convolutions inside blocks, and the ending of its columns.
ROWS = {
    "blocks": (False, ""),
    "blocks, 100 PCs": (False, "_principal"),
    "convolutions": (True, ""),
    "convolutions,\n100 PCs": (True, "_principal"),
}


def draw(blocks: pd.DataFrame, convolutions: pd.DataFrame, fit: pd.DataFrame) -> Figure:
    """Rows: blocks and convolutions, of all of D and of 100 principal components; a column for each kind of blocks.

    Tables: residual.csv, residual_inside.csv, residual_fit.csv.
    """
    tables, fits = [], []
    for name, (inside, ending) in ROWS.items():
        table = (convolutions if inside else blocks).assign(points=name)
        tables.append(table.assign(separation_fuzziness=table[f"separation_fuzziness{ending}"]))
        wanted = {f"{column}{'_inside' if inside else ''}{ending}": column for column in ("r", "rho")}
        kept = fit.drop(columns=[column for column in ("r", "rho") if column not in wanted])
        fits.append(kept.rename(columns=wanted).assign(points=name))
    return plotting.laws(
        pd.concat(tables),
        pd.concat(fits),
        ["block"],
        lambda run: f"{run.block} blocks",
        rows=["points"],
        row_title=lambda run: run.points,
    )
