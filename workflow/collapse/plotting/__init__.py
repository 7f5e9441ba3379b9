"""One look for every figure, and what several figures draw. Scripts read tables with a row for each seed."""

from collapse.plotting.curves import (
    LogScale,
    aside_of,
    curve,
    curve_handles,
    curve_note,
    curves,
    published_points,
    theory_curves,
)
from collapse.plotting.epochs import epoch_axis, epoch_panels, moment_handles, moment_lines, over_epochs
from collapse.plotting.law import accuracy, laws
from collapse.plotting.panels import (
    chance_line,
    count_note,
    label_outside,
    legend,
    level_line,
    network_and_dataset,
    num_classes,
    panels,
    published_at,
    published_label,
    simplex_line,
)
from collapse.plotting.style import (
    GREY,
    ONE_COLUMN,
    TWO_COLUMNS,
    Look,
    house_style,
    log_numbers,
    look,
    looks,
    number,
    render,
)

__all__ = [
    "GREY", "ONE_COLUMN", "TWO_COLUMNS", "LogScale", "Look", "accuracy", "aside_of", "chance_line", "count_note",
    "curve", "curve_handles", "curve_note", "curves", "epoch_axis", "epoch_panels", "house_style", "label_outside",
    "laws", "legend", "level_line", "log_numbers", "look", "looks", "moment_handles",
    "moment_lines", "network_and_dataset", "num_classes", "number",
    "over_epochs", "panels", "published_at", "published_label", "published_points", "render", "simplex_line",
    "theory_curves",
]  # fmt: skip
