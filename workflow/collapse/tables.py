"""Tidy tables: what a figure shows, read from the metrics of its runs."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pandas as pd

from collapse.metrics.groups import group_name
from collapse.plan import PlannedRun, TableSpec
from collapse.recipe import Recipe
from collapse.runs import POINTS, check_dataset, read_run
from collapse.strict import UserError
from collapse.table import TPT_ACCURACY, Column, Content, Prediction
from collapse.theory.entries import PREDICTIONS

KEYS = ["epoch", "split", "layer", "bn_mode", "classes", "metric"]
Values = dict[tuple, float]  # of one run, by KEYS, in the order of its metrics.csv

STATUSES = ("ok", "untrained", "diverged")  # of runs (collapse.training.run.train_run)


class CutOff(UserError, RuntimeError):
    """A table whose end is missing: writing or copying it was interrupted."""


class NoSuchValue(UserError, ValueError):
    """A column that names a layer, metric, split, mode or group of classes that no run has."""


@dataclass(frozen=True)
class Run:
    """What a table reads of a finished run: its recipe, how it went, its values, and why some are missing."""

    recipe: Recipe
    status: str
    reason: str
    zero_error: int | None  # its first epoch of zero training error
    values: Values
    reasons: dict[tuple, str]


def read_measured_run(run: PlannedRun, results: Path) -> Run:
    """Read a finished run; raises CutOff, DamagedFile, and WrongRun for a run of another recipe or other images."""
    folder = results / "runs" / run.folder
    recipe, how = read_run(folder)
    dataset = results / "data" / recipe.dataset
    if (dataset / "manifest.json").exists():  # runs copied from elsewhere may come without the images
        check_dataset(folder, how, dataset)
    values, reasons = read_metrics(folder / run.measuring / "metrics.csv")
    return Run(recipe, how["status"], how["reason"], how["first_zero_error_epoch"], values, reasons)


def seeds_table(spec: TableSpec, plan: Sequence[PlannedRun], results: Path) -> pd.DataFrame:
    """The rows of every run: one, or one for each combination of the axes in `spec.rows_per` (epoch, layer, bn_mode).

    Columns: the spec's key_columns, rows_per, seed, the measured columns (at the protocol's last epoch, unless rows_per
    has epoch), the theories' predictions from these, the run's `status` (ok, untrained, diverged), and `reason`: why
    the run is not ok, and why values are missing, as "column: why". `results` is the folder above runs/.
    Raises NoSuchValue for a column that asks for a layer, metric, split, bn_mode or classes that no run has.
    """
    read: dict[tuple[str, str], Run] = {}
    rows, unmatched = [], dict.fromkeys(spec.columns, 0)
    for planned in plan:
        where = planned.folder, planned.measuring
        run = read[where] = read.get(where) or read_measured_run(planned, results)
        num_classes = len(run.recipe.class_counts())
        known = {"oversampling": run.recipe.imbalance.oversampling, "num_classes": num_classes}
        for places in within_run(run, spec):
            keys = {name: _key(column, planned.axes, places, num_classes) for name, column in spec.columns.items()}
            values = {name: run.values.get(key) for name, key in keys.items()}
            for name, key in keys.items():
                unmatched[name] += key in run.values or places["epoch"] is None
            reason = {"status": run.status, "reason": why_missing(run, keys, places)}
            numbered = _numbered(places, run, spec.inside)
            rows.append(known | planned.axes | numbered | {"seed": planned.seed} | values | reason)
    for name, matches in unmatched.items():
        if not matches:
            _refuse(name, spec, list(read.values()))
    table = pd.DataFrame(rows)
    for name, prediction in spec.predictions.items():
        table[name] = predict(table, spec, prediction)
        lacking = table[name].isna()
        table.loc[lacking, "reason"] = [
            _joined(reason, f"{name}: {PREDICTIONS[prediction.theory].missing}") for reason in table.reason[lacking]
        ]
    if spec.best:
        table = best(table, spec)
    return table.loc[:, [*spec.keys, "seed", *spec.value_columns, "status", "reason"]]


def points_table(spec: TableSpec, plan: Sequence[PlannedRun], results: Path) -> pd.DataFrame:
    """The points of every run's picture (collapse.metrics.points): of its last epoch, unless `spec.rows_per` has epoch.

    Columns: the spec's key_columns, epoch, seed, those of points.csv, and the run's `status`. Raises CutOff for a run
    whose points are gone.
    """
    parts = []
    for planned in plan:
        run = read_measured_run(planned, results)
        path = results / "runs" / planned.folder / planned.measuring / POINTS
        if not path.exists():
            raise CutOff(f"{path} is gone: delete {path.with_name('metrics.csv')}, and run again to measure anew")
        part = pd.read_csv(path)
        if "epoch" not in spec.rows_per:
            part = part.loc[part.epoch == run.recipe.protocol.total_epochs]
        parts.append(part.assign(**planned.axes, seed=planned.seed, status=run.status))
    table = pd.concat(parts, ignore_index=True)
    first = [*spec.key_columns, "epoch", "seed"]
    return table.loc[:, [*first, *(name for name in table if name not in first)]]


def count_points(points: pd.DataFrame, spec: TableSpec) -> pd.DataFrame:
    """The number of points of each kind, for each combination of the spec's keys."""
    keys = [*spec.keys, "split", "kind"]
    return points.groupby(keys, sort=False, dropna=False).agg(points=("seed", "size")).reset_index()


def why_missing(run: Run, keys: dict[str, tuple], places: dict[str, Any]) -> str:
    """Why a run is not ok, and why its values at `keys`, by column, are missing: "why; column: why; ..."."""
    said = [run.reason] if run.reason else []
    if places["epoch"] is None:
        return _joined(*said, *(f"{name}: {LACKS_MOMENT[places['moment']]}" for name in ("epoch", *keys)))
    for name, key in keys.items():
        if key in run.values and math.isnan(run.values[key]):
            said.append(f"{name}: {run.reasons[key]}")
        elif key not in run.values and run.status != "diverged":
            said.append(f"{name}: not measured here")
    return "; ".join(said)


def _joined(*parts: str) -> str:
    return "; ".join(filter(None, parts))


def _refuse(name: str, spec: TableSpec, runs: list[Run]) -> None:
    """Raise NoSuchValue for a column that no run has, listing what the runs have. If no run has any metric, or all
    diverged, return: the column's values are only missing.
    """
    keys = [key for run in runs for key in run.values]
    if not keys or all(run.status == "diverged" for run in runs):
        return
    column = spec.columns[name]
    for what, place, wanted in (("layer", 2, column.layer), ("metric", 5, column.metric), ("split", 1, column.split)):
        there = dict.fromkeys(key[place] for key in keys)
        if wanted not in there:
            raise NoSuchValue(
                f"{spec.source}: column {name} asks for {what} {wanted}, which none of its runs has; they have "
                f"{', '.join(there)}"
            )
        keys = [key for key in keys if key[place] == wanted]
    there = dict.fromkeys(f"bn_mode {key[3]}, classes {key[4]}" for key in keys)
    raise NoSuchValue(
        f"{spec.source}: column {name} asks for {column.metric} of {column.classes} classes in bn_mode "
        f"{column.bn_mode}, which none of its runs has; they have {'; '.join(there)}"
    )


def best(table: pd.DataFrame, spec: TableSpec) -> pd.DataFrame:
    """Keep the rows at the best value of the axis `best.along`: one set for each column in `best.by`, which the key
    chosen_by names.
    """
    assert spec.best  # called for such a spec alone
    axes, same = list(spec.key_columns), [axis for axis in spec.key_columns if axis != spec.best.along]
    parts = []
    for column in spec.best.by:
        values = table.astype({column: float}).groupby(axes, sort=False, dropna=False)
        scores = values.agg(**{column: (column, "mean")}).reset_index()
        # Where every run failed, so that no value of the axis has a score, its first value counts as the best.
        ranked = scores.fillna({column: -math.inf}).groupby(same, sort=False, dropna=False)[column]
        parts.append(table.merge(scores.loc[ranked.idxmax(), axes].assign(chosen_by=column), on=axes))
    return pd.concat(parts)


def within_run(run: Run, spec: Content) -> Iterator[dict[str, Any]]:
    """Every combination of a run's moments or epochs, measured layers and bn_modes, as the spec asks for them.

    Epochs are the recipe's: a single seed's own epochs, as of zero training error, are reached by `moment` alone.
    """
    choices = {
        "moment": spec.moment,
        "epoch": sorted(run.recipe.checkpoint_epochs()),
        "layer": measured_layers(run.values, spec.inside) or [None],
        "bn_mode": ["eval", "train"],
    }
    asked = [*(["moment"] if spec.moment else []), *spec.rows_per]
    for combination in itertools.product(*(choices[place] for place in asked)):
        places = dict(zip(asked, combination, strict=True))
        yield {"epoch": epoch_of(places.get("moment", "last"), run)} | places


LACKS_MOMENT = {
    "zero_error": "no epoch of zero training error",
    "tpt": f"no measured epoch with a train accuracy of {TPT_ACCURACY}",
}
ACCURACY = ("train", "network", "eval", "all", "accuracy")  # of the train set, measured after an epoch


def epoch_of(moment: str, run: Run) -> int | None:
    """The epoch of a moment of a run (collapse.table.MOMENTS); None where the run has no such moment."""
    if moment == "zero_error":
        return run.zero_error
    if moment == "tpt":
        measured = sorted({key[0] for key in run.values})
        fitted = (epoch for epoch in measured if run.values.get((epoch, *ACCURACY), 0) >= TPT_ACCURACY)
        return next(fitted, None)
    return 0 if moment == "initial" else run.recipe.protocol.total_epochs


def measured_layers(measured: Values, inside: bool = False) -> list[str]:
    """Names of a run's measured layers, in order of depth, without the logits. `inside`: also layers inside a layer."""
    found = dict.fromkeys(key[2] for key in measured if key[5] == "separation_fuzziness")
    return [layer for layer in found if layer != "logits" and (inside or "." not in layer)]


def _numbered(places: dict[str, Any], run: Run, inside: bool) -> dict[str, Any]:
    """The places of a row with the layer's number instead of its name; the input is layer 0."""
    layer = places.get("layer")
    return places | ({} if layer is None else {"layer": measured_layers(run.values, inside).index(layer)})


def predict(table: pd.DataFrame, spec: TableSpec, prediction: Prediction) -> list[float]:
    """A theory's prediction for each row, from the row's measured columns; with `prediction.at`, from the measured
    columns of the same run's row there.
    """
    source, measured = table.astype(dict.fromkeys(spec.columns, float)), list(spec.columns)
    if prediction.at:
        within = [key for key in spec.keys if key != "chosen_by"]
        same = [axis for axis in (*within, "seed") if axis not in prediction.at]
        chosen = source[(source[list(prediction.at)] == pd.Series(prediction.at)).all(axis=1)]
        source = source.drop(columns=measured).merge(chosen.loc[:, [*same, *measured]], on=same, how="left")
    theory = resolve_name(PREDICTIONS[prediction.theory].function)
    return [theory(row, row["num_classes"]) for row in source.to_dict("records")]


def read_metrics(path: Path) -> tuple[Values, dict[tuple, str]]:
    """Values of a metrics.csv, and why values are NaN; raises CutOff for a file whose last line is incomplete."""
    if not path.read_bytes().endswith(b"\n"):
        raise CutOff(f"{path} is cut off: delete it, and run again to measure anew")
    table = pd.read_csv(path).set_index(KEYS)
    missing = table.value.isna()
    return table.value.to_dict(), table.reason[missing].to_dict()


def _key(column: Column, axes: dict[str, Any], places: dict[str, Any], num_classes: int) -> tuple:
    classes = group_name(column.classes, axes.get("k_major", num_classes), num_classes)
    layer = places.get("layer", column.layer) if column.layer == "features" else column.layer
    bn_mode = places.get("bn_mode", column.bn_mode)
    if column.split == "-":
        bn_mode = "-"  # no sample goes through a batch norm
    elif column.layer == "network":
        bn_mode = "eval"  # the network's answers are measured in eval mode only
    return places["epoch"], column.split, layer, bn_mode, classes, column.metric


def summary(seeds: pd.DataFrame, spec: Content) -> pd.DataFrame:
    """One row for each combination of the spec's keys. Each column becomes the mean over the seeds that have a value,
    their standard deviation (n - 1) and their number n. `runs` counts statuses, as "2 ok, 1 untrained".

    Without `spec.spread`, the mean keeps the column's name, and n is added. `spec.median` adds the median. Draws also
    get the central 95 %.
    """
    hows: dict[str, Any] = {"_mean": "mean", "_std": "std"} if spec.spread else {"": "mean"}
    if spec.median:
        hows["_median"] = "median"
    if spec.draws:
        hows |= {"_low": lambda values: values.quantile(0.025), "_high": lambda values: values.quantile(0.975)}
    hows["_n"] = "count"
    wanted = {f"{name}{ending}": (name, how) for name in spec.value_columns for ending, how in hows.items()}
    if "status" in seeds:
        wanted["runs"] = ("status", _counted)
    # A run that diverged before its first epoch ended may have no layer: it stands in a row of its own.
    return seeds.groupby(list(spec.keys), sort=False, dropna=False).agg(**wanted).reset_index()


def _counted(statuses: pd.Series) -> str:
    counts = statuses.value_counts()
    return ", ".join(f"{counts[status]} {status}" for status in STATUSES if status in counts)
