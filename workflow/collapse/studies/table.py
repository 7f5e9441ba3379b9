"""The trials of studies as a tidy table, for a figure; without Optuna."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from collapse.atomic_io import read_json

COLUMNS = ("trial", "parameter", "value", "log", "objective", "best_so_far", "importance", "chosen")


def trials_table(trials: Sequence[Path], bests: Sequence[Path], keys: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """A row for each trial and searched axis of some studies: the key columns of each study, and COLUMNS.

    value: of the axis `parameter` in that trial; log: whether the axis was searched by its logarithm; importance: the
    axis' share in the variation of the objective; chosen: whether the trial is the study's best.
    """
    parts = []
    for path, best, key in zip(trials, bests, keys, strict=True):
        parts.append(_of_study(pd.read_csv(path), read_json(best)).assign(**key))
    table = pd.concat(parts, ignore_index=True)
    return table.loc[:, [*keys[0], *COLUMNS]]


def _of_study(trials: pd.DataFrame, best: dict[str, Any]) -> pd.DataFrame:
    search, shares = best["study"]["search"], best["importances"]
    trials = trials.assign(best_so_far=trials.objective.cummax(), chosen=trials.trial == best["trial"])
    parts = [
        trials.assign(
            parameter=axis,
            value=trials[axis],
            log=search[axis]["log"] is not None,
            importance=shares.get(axis, float("nan")),
        )
        for axis in search
    ]
    return pd.concat(parts)
