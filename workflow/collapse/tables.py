"""Tidy tables: what a figure shows, read from the metrics of its runs."""

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from collapse.grid import axis_value
from collapse.metrics.groups import group_name
from collapse.paper import Column, Prediction, TableSpec
from collapse.strict import Explained
from collapse.theory.predictions import PREDICTIONS

KEYS = ["epoch", "split", "layer", "bn_mode", "classes", "metric"]
Values = dict[tuple, float]  # of one run, by KEYS, in the order of its metrics.csv


class CutOff(Explained, RuntimeError):
    """A table that was not written, or not copied, to its end."""


def seeds_table(spec: TableSpec, runs: Path) -> pd.DataFrame:
    """One row a run, or one for each epoch, layer and bn_mode of it that `spec.each` asks for.

    Columns: the spec's axes, `each`, seed, the measured columns (at the last epoch, where `each` asks for none), and
    what theories predict from them. `runs` is the folder above dataset/model/variant. A run that failed has no metrics:
    its values are missing.
    """
    metrics = cache(read_metrics)
    rows = []
    for axes, cell, recipe in spec.grid.points():
        # k_major and the like as the grid asked for them: a balanced run serves every k_major.
        named = {axis: axes.get(axis, axis_value(recipe, axis)) for axis in spec.axes}
        num_classes = len(recipe.class_counts())
        known = {"oversampling": recipe.imbalance.oversampling, "num_classes": num_classes}
        for seed in spec.grid.seeds:
            measured = metrics(runs / cell / f"seed-{seed}" / "metrics.csv")
            for places in within_run(measured, spec.each, spec.inside):
                keys = {name: _key(column, named, places, num_classes) for name, column in spec.columns.items()}
                values = {name: measured.get(key) for name, key in keys.items()}
                rows.append(known | named | _numbered(places, measured, spec.inside) | {"seed": seed} | values)
    table = pd.DataFrame(rows)
    for name, prediction in spec.predictions.items():
        table[name] = predict(table, spec, prediction)
    if spec.best:
        table = best(table, spec)
    return table[[*spec.keys, "seed", *spec.columns, *spec.predictions]]


def best(table: pd.DataFrame, spec: TableSpec) -> pd.DataFrame:
    """The rows of the best value of one axis, once for each column that chooses, which their chosen_by names."""
    axes, same = list(spec.axes), [axis for axis in spec.axes if axis != spec.best.along]
    parts = []
    for column in spec.best.by:
        scores = table.astype({column: float}).groupby(axes, sort=False, dropna=False)[column].mean().reset_index()
        # Where every run failed, and so none has a score, the first stands for them.
        ranked = scores.fillna({column: -math.inf}).groupby(same, sort=False, dropna=False)[column]
        parts.append(table.merge(scores.loc[ranked.idxmax(), axes].assign(chosen_by=column), on=axes))
    return pd.concat(parts)


def within_run(measured: Values, each: Sequence[str], inside: bool = False) -> Iterator[dict[str, Any]]:
    """Every combination of the epochs, measured layers and bn_modes of a run; a failed one has but the modes."""
    choices = {
        "epoch": sorted({key[0] for key in measured}) or [None],
        "layer": measured_layers(measured, inside) or [None],
        "bn_mode": ["eval", "train"],
    }
    for combination in itertools.product(*(choices[place] for place in each)):
        yield {"epoch": choices["epoch"][-1]} | dict(zip(each, combination, strict=True))


def measured_layers(measured: Values, inside: bool = False) -> list[str]:
    """Names of a run's measured layers, in order of depth; the logits are none, those inside another only if asked."""
    found = dict.fromkeys(key[2] for key in measured if key[5] == "separation")
    return [layer for layer in found if layer != "logits" and (inside or "." not in layer)]


def _numbered(places: dict[str, Any], measured: Values, inside: bool) -> dict[str, Any]:
    """The places of a row as a table shows them: a layer by its number, the input being 0."""
    layer = places.get("layer")
    return places | ({} if layer is None else {"layer": measured_layers(measured, inside).index(layer)})


def predict(table: pd.DataFrame, spec: TableSpec, prediction: Prediction) -> list[float]:
    """What a theory says of each row, from its own measured columns or from those of the run at `prediction.at`."""
    source, measured = table.astype(dict.fromkeys(spec.columns, float)), list(spec.columns)
    if prediction.at:
        same = [axis for axis in (*spec.axes, *spec.each, "seed") if axis not in prediction.at]
        chosen = source[(source[list(prediction.at)] == pd.Series(prediction.at)).all(axis=1)]
        source = source.drop(columns=measured).merge(chosen[[*same, *measured]], on=same, how="left")
    theory = PREDICTIONS[prediction.theory]
    return [theory(row, row["num_classes"]) for row in source.to_dict("records")]


def read_metrics(path: Path) -> Values:
    """Values of a metrics.csv; raises CutOff for one that does not end with the end of a line."""
    if not path.read_bytes().endswith(b"\n"):
        raise CutOff(f"{path} is cut off: delete it, and run again to measure anew")
    return pd.read_csv(path).set_index(KEYS).value.to_dict()


def _key(column: Column, axes: dict[str, Any], places: dict[str, Any], num_classes: int) -> tuple:
    classes = group_name(column.classes, axes.get("k_major", num_classes), num_classes)
    layer = places.get("layer", column.layer) if column.layer == "features" else column.layer
    bn_mode = places.get("bn_mode", column.bn_mode)
    if column.split == "-":
        bn_mode = "-"  # no sample goes through a batch norm
    elif column.layer == "network":
        bn_mode = "eval"  # what a network answers is answered so
    return places["epoch"], column.split, layer, bn_mode, classes, column.metric


def summary(seeds: pd.DataFrame, spec: TableSpec) -> pd.DataFrame:
    """Mean and standard deviation (n - 1) over the seeds that have a value, and n, their number: a row a grid point.

    Where the spec wants no spread, the mean alone, under the column's own name.
    """
    names = (*spec.columns, *spec.predictions)
    hows = {"_mean": "mean", "_std": "std"} if spec.spread else {"": "mean"}
    wanted = {f"{name}{ending}": (name, how) for name in names for ending, how in hows.items()}
    wanted["n"] = (next(iter(spec.columns)), "count")
    # A failed run has no epoch or layer: it stands in a row of its own, where n is 0.
    return seeds.groupby(list(spec.keys), sort=False, dropna=False).agg(**wanted).reset_index()
