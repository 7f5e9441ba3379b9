"""Table 1, drawn: test accuracy against the oversampling rate w_r, on the minority classes and on all."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from collapse import plotting

MEASURES = {"minority_test_accuracy": "minority", "overall_test_accuracy": "all classes"}


def draw(table: pd.DataFrame, published: Sequence[dict[str, Any]] = ()) -> Figure:
    """A panel for each network, dataset and group of classes, a curve for each K_A. `table` is table1.csv.

    The paper prints the best w_r alone, chosen on the test data; here every w_r is shown.
    """
    both = pd.concat(table.assign(measure=measure, accuracy=table[measure]) for measure in MEASURES)
    figure, panels = plotting.panels(both, ["dataset", "model", "ratio", "measure"], aside=2)
    series, scale = plotting.looks(table.k_major), plotting.LogScale.of(table.oversampling)
    extra = {}
    for axes, group in panels:
        measure = group.measure.iloc[0]
        plotting.curves(axes, group, "oversampling", "accuracy", scale, series, hue="k_major")
        for k, part in group.groupby("k_major"):
            for line in plotting.published_points(axes, part, "oversampling", measure, scale, published, series[k]):
                extra[line.get_label()] = line
        extra |= {line.get_label(): line for line in plotting.chance_line(axes, group)}
        where = f"{plotting.network_and_dataset(group)}, $R$ = {plotting.number(group.ratio.iloc[0])}"
        axes.set_title(f"{where}: {MEASURES[measure]}")
        scale.draw(axes)
    plotting.label_outside(figure, "oversampling rate $w_r$", "test accuracy")
    count = plotting.count_note(both, "accuracy", ["dataset", "model", "ratio", "measure", "k_major", "oversampling"])
    handles = plotting.curve_handles(series, lambda k: f"$K_A$ = {k}")
    plotting.legend(figure, [*handles, *extra.values()], plotting.curve_note(count, aside=len(series) > 1))
    return figure
