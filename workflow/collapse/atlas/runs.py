"""Every run that the papers ask for and that is measured: its settings, how it went, and all its metrics."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from collapse.claims.language import comparable
from collapse.grid import AXES
from collapse.plan import Plan
from collapse.runs import read_run

# These layers exist in every network. The page leaves out hidden layers, which each network names itself; the table of
# all metrics has them.
COMMON_LAYERS = ("features", "classifier", "head", "logits", "network", "layers", "layers_inside", "-")
PLACE = ["metric", "layer", "split", "bn_mode", "classes"]
SAME = 1e-6  # relative difference of a value measured twice that rounding makes


class MeasuredRun(NamedTuple):
    """A finished run: its folder below runs/, who asks for it (as paper/table), its settings, and how it went."""

    folder: str
    tables: tuple[str, ...]
    measurings: tuple[str, ...]
    settings: dict[str, Any]
    how: dict[str, Any]


def measured_runs(plans: Iterable[Plan], results: Path) -> list[MeasuredRun]:
    """The runs of these plans whose metrics exist. Raises DamagedFile and WrongRun for a folder that is not the run."""
    asked: dict[str, dict[str, str]] = {}
    measurings: dict[str, dict[str, None]] = {}
    for plan in plans:
        for table in plan.points:
            for run in plan.runs(table):
                if (results / "runs" / run.folder / run.measuring / "metrics.csv").exists():
                    asked.setdefault(run.folder, {})[f"{plan.paper.name}/{table}"] = run.measuring
                    measurings.setdefault(run.folder, {})[run.measuring] = None
    found = []
    for folder, tables in asked.items():
        recipe, how = read_run(results / "runs" / folder)
        flat = _flat(recipe.model_dump(mode="json"))
        dataset, model, run, seed = folder.split("/")
        settings = {name: _told(value) for name, value in flat.items() if name in AXES}
        place = {"dataset": dataset, "model": model, "seed": int(seed.removeprefix("seed-"))}
        found.append(MeasuredRun(folder, tuple(tables), tuple(measurings[folder]), settings | place, how))
    return found


def _flat(recipe: dict[str, Any]) -> dict[str, Any]:
    """The values of a recipe, whatever group they stand in, by their own names."""
    flat: dict[str, Any] = {}
    for name, value in recipe.items():
        flat |= _flat(value) if isinstance(value, dict) else {name: value}
    return flat


def told_apart(runs: Sequence[MeasuredRun]) -> list[str]:
    """Names of the settings that have more than one value among these runs."""
    values: dict[str, set[str]] = {}
    for name in dict.fromkeys(name for run in runs for name in run.settings):
        values[name] = {json.dumps(run.settings.get(name)) for run in runs}
    return [name for name, those in values.items() if len(those) > 1]


def all_metrics(runs: Sequence[MeasuredRun], results: Path) -> pd.DataFrame:
    """All metrics of all runs: a row for each value, with the run's folder, the settings that tell runs apart, how the
    run went, the measuring, and the columns of metrics.csv. Values on which several measurings agree are kept once.
    """
    settings = [name for name in told_apart(runs) if name not in ("dataset", "model", "seed")]
    parts = []
    for run in runs:
        folder = results / "runs" / run.folder
        rows = _once(pd.concat([_read(folder / name / "metrics.csv", name) for name in run.measurings]))
        told = {name: run.settings.get(name) for name in ("dataset", "model", "seed", *settings)}
        parts.append(rows.assign(run=run.folder, status=run.how["status"], **told))
    if not parts:
        return pd.DataFrame(
            columns=["run", "status", "dataset", "model", "seed", "measuring", "epoch", *PLACE, "value", "reason"]
        )
    table = pd.concat(parts, ignore_index=True)
    table[settings] = table[settings].apply(one_kind)
    text = ["run", "status", "dataset", "model", "measuring", *PLACE, "reason"]
    first = ["run", "status", "dataset", "model", "seed", *settings]
    columns = [*first, "measuring", "epoch", *PLACE, "value", "reason"]
    return pd.DataFrame(table.astype(dict.fromkeys(text, "category")), columns=columns)


def _read(path: Path, measuring: str) -> pd.DataFrame:
    return pd.read_csv(path, engine="pyarrow", dtype={"reason": str}).assign(measuring=measuring)


def _once(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of one run without those that another measuring of the run has too, up to rounding.

    A value comes before a missing one: a measuring of few layers has no fit over layers, where another one has.
    """
    keys = ["epoch", *PLACE]
    present = rows.groupby(keys, observed=True)["value"].transform("count").to_numpy(int)
    rows = pd.DataFrame(rows[rows["value"].notna().to_numpy() | (present == 0)])
    values = rows.groupby(keys, observed=True)["value"]
    highest, lowest = values.transform("max").to_numpy(float), values.transform("min").to_numpy(float)
    with np.errstate(invalid="ignore"):  # infinity less infinity
        differ = highest - lowest > SAME * abs(highest)
    return pd.DataFrame(rows[differ | ~rows.duplicated(keys).to_numpy()])


def _told(value: Any) -> Any:
    """A setting as one cell of a table: a number, a text, or nothing; lists as JSON."""
    return json.dumps(value) if isinstance(value, list) else comparable(value)


def one_kind(column: pd.Series) -> pd.Series:
    """A setting's column as a file can hold it: all numbers, or all text."""
    kinds = {type(value) for value in column.unique() if value is not None and value == value}
    return column.astype(str).astype("category") if str in kinds else column


def last_values(metrics: pd.DataFrame) -> pd.DataFrame:
    """The rows of each run's last measured epoch, of the layers that every network has. `measuring` is kept where the
    run has other values of the same measure, and is empty elsewhere.
    """
    rows = metrics[metrics["layer"].isin(COMMON_LAYERS)]
    last = rows.groupby("run", observed=True)["epoch"].transform("max")
    rows = pd.DataFrame(rows[rows["epoch"] == last])
    several = rows.duplicated(["run", *PLACE], keep=False)
    return rows.assign(measuring=rows["measuring"].astype(str).where(several, ""))
