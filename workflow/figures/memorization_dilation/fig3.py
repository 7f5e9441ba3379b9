"""Fig 3: the memorization-dilation model: where features end, and the dilation against the noise."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from collapse import plotting

PICTURED = 0.05  # the picture shows the noise level nearest to it


def draw(table: pd.DataFrame) -> Figure:
    """Pictures of the model for the least and the greatest smoothing, and r against the noise. `table` is fig3.csv."""
    smoothings = sorted(table.smoothing.unique())
    series = {alpha: plotting.look(i) for i, alpha in enumerate(smoothings)}
    shown = table.noise.iloc[(table.noise - PICTURED).abs().argmin()]
    figure, panels = plt.subplots(1, 3, figsize=(plotting.TWO_COLUMNS, 2.6))
    pictured = table.loc[table.noise == shown]
    limit = 1.25 * max((pictured.h1_x + pictured.dilation).max(), (pictured.h2_y + pictured.dilation).max())
    for axes, alpha in zip(panels, (smoothings[0], smoothings[-1]), strict=False):
        picture(axes, pictured.loc[pictured.smoothing == alpha].iloc[0].to_dict(), limit)
        axes.set_title(f"smoothing {plotting.number(alpha)}, noise {plotting.number(float(f'{shown:.1g}'))}")
    for alpha, part in table.sort_values("noise").groupby("smoothing"):
        style = {"color": series[alpha].colour}
        panels[-1].plot(part.noise, part.dilation, linestyle=series[alpha].line, **style)
        panels[-1].plot(part.noise, part.dilation_small_noise, linestyle=(0, (1, 2)), linewidth=0.8, **style)
    panels[-1].set(xscale="log", xlabel=r"noise $\eta$", ylabel="dilation $r$")
    plotting.log_numbers(panels[-1])
    plotting.legend(figure, handles(series))
    return figure


def picture(axes: Axes, row: dict[str, float], limit: float) -> None:
    """Features of right labels with their spread r, those of wrong labels, and where they may lie."""
    reach = row["memorization"]
    for own, other, name in (("h1", "u2", 0), ("h2", "u1", 1)):
        look = plotting.look(name)
        centre = (row[f"{own}_x"], row[f"{own}_y"])
        axes.add_patch(Circle(centre, row["dilation"], color=look.colour, alpha=0.3, linewidth=0))
        axes.add_patch(Circle(centre, reach, fill=False, edgecolor=plotting.GREY, linewidth=0.6, linestyle=(0, (2, 2))))
        axes.plot(*centre, **look.points(markersize=5))
        axes.plot(row[f"{other}_x"], row[f"{other}_y"], **plotting.look(name).points(marker="x", markersize=5))
    axes.plot([0, limit], [0, limit], color=plotting.GREY, linewidth=0.8, linestyle=(0, (6, 3)), zorder=0)
    axes.set(xlim=(-0.3 * limit, limit), ylim=(-0.3 * limit, limit), aspect="equal", xlabel="$h_1$", ylabel="$h_2$")


def handles(series: dict[float, plotting.Look]) -> list[Line2D]:
    """Entries of the legend."""
    grey = plotting.GREY
    return [
        *(shown.handle(f"smoothing {plotting.number(a)}", marker="") for a, shown in series.items()),
        Line2D([], [], color=grey, linestyle=(0, (1, 2)), label="small-noise formula"),
        Line2D([], [], color=grey, linestyle="", marker="o", label="$h_1, h_2$, shaded: their spread $r$"),
        Line2D([], [], color=grey, linestyle="", marker="x", label="looks like it, labelled as the other"),
        Line2D([], [], color=grey, linestyle=(0, (2, 2)), label="where it may lie"),
    ]
