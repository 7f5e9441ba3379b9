"""Tidy tables: what a figure shows, read from the metrics of its runs."""

from functools import cache
from pathlib import Path

import pandas as pd

from collapse.grid import axis_value
from collapse.metrics.groups import group_name
from collapse.paper import Column, Prediction, TableSpec
from collapse.theory.predictions import PREDICTIONS

ROW_KEYS = ["split", "layer", "bn_mode", "classes", "metric"]


def seeds_table(spec: TableSpec, runs: Path) -> pd.DataFrame:
    """One row a run: the spec's axes, seed, the columns at the last epoch, and what theories predict from them.

    `runs` is the folder above dataset/model/variant. A run that failed has no metrics: its values are missing.
    """
    metrics = cache(last_metrics)
    rows = []
    for axes, cell, recipe in spec.grid.points():
        # k_major and the like as the grid asked for them: a balanced run serves every k_major.
        named = {axis: axes.get(axis, axis_value(recipe, axis)) for axis in spec.axes}
        keys = {name: _key(column, named, len(recipe.class_counts())) for name, column in spec.columns.items()}
        for seed in spec.grid.seeds:
            measured = metrics(runs / cell / f"seed-{seed}" / "metrics.csv")
            row = named | {"seed": seed} | {name: measured.get(key) for name, key in keys.items()}
            rows.append(
                row | {"oversampling": recipe.imbalance.oversampling, "num_classes": len(recipe.class_counts())}
            )
    table = pd.DataFrame(rows)
    for name, prediction in spec.predictions.items():
        table[name] = predict(table, spec, prediction)
    return table[[*spec.axes, "seed", *spec.columns, *spec.predictions]]


def predict(table: pd.DataFrame, spec: TableSpec, prediction: Prediction) -> list[float]:
    """What a theory says of each row, from its own measured columns or from those of the run at `prediction.at`."""
    source, measured = table.astype(dict.fromkeys(spec.columns, float)), list(spec.columns)
    if prediction.at:
        same = [axis for axis in (*spec.axes, "seed") if axis not in prediction.at]
        chosen = source[(source[list(prediction.at)] == pd.Series(prediction.at)).all(axis=1)]
        source = source.drop(columns=measured).merge(chosen[[*same, *measured]], on=same, how="left")
    theory = PREDICTIONS[prediction.theory]
    return [theory(row, row["num_classes"]) for row in source.to_dict("records")]


def last_metrics(path: Path) -> dict[tuple[str, ...], float]:
    """Values of a metrics.csv at its last epoch, by ROW_KEYS."""
    table = pd.read_csv(path)
    return table[table.epoch == table.epoch.max()].set_index(ROW_KEYS).value.to_dict()


def _key(column: Column, axes: dict, num_classes: int) -> tuple[str, ...]:
    classes = group_name(column.classes, axes.get("k_major", num_classes), num_classes)
    bn_mode = "-" if column.split == "-" else column.bn_mode
    return column.split, column.layer, bn_mode, classes, column.metric


def summary(seeds: pd.DataFrame, spec: TableSpec) -> pd.DataFrame:
    """Mean and standard deviation (n - 1) over the seeds that have a value, and n, their number: a row a grid point."""
    names = (*spec.columns, *spec.predictions)
    wanted = {f"{name}_{how}": (name, how) for name in names for how in ("mean", "std")}
    wanted["n"] = (next(iter(spec.columns)), "count")
    return seeds.groupby(list(spec.axes), sort=False).agg(**wanted).reset_index()
