"""Every metric of a run, as tidy rows: what metrics.csv holds."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from collapse.files import read_tensors, write_csv
from collapse.metrics import geometry, variability
from collapse.metrics.groups import class_groups

Statistics = dict[str, np.ndarray]

GEOMETRY = {
    "cosine_mean": geometry.cosine_mean,
    "cosine_std": geometry.cosine_std,
    "maximal_angle": geometry.maximal_angle,
    "norm_variation": geometry.norm_variation,
}


class Row(NamedTuple):
    """One value: `classes` is all, or the first and last class of a contiguous group, as 7-9."""

    epoch: int
    split: str
    layer: str
    classes: str
    metric: str
    value: float


def measure_file(statistics: Path, path: Path) -> None:
    """Read a run's statistics and write its metrics.csv."""
    tensors, _ = read_tensors(statistics)
    epochs = sorted({name.partition("/")[0] for name in tensors})
    rows = [row for epoch in epochs for row in measure(_below(tensors, epoch), int(epoch.removeprefix("epoch-")))]
    write_csv(path, Row._fields, rows)


def measure(tensors: Statistics, epoch: int) -> Iterator[Row]:
    """Metrics of one epoch, from its tensors as collapse.statistics.extract names them."""
    weight = tensors["classifier/weight"]
    groups = class_groups(len(weight))
    for name, group in groups.items():
        for metric, value in _geometry(weight[group]).items():
            yield Row(epoch, "-", "classifier", name, metric, value)
        yield Row(epoch, "-", "classifier", name, "energy", geometry.energy(weight[group]))
    for split in ("train", "test"):
        features, correct = _below(tensors, f"{split}/features"), tensors[f"{split}/network/correct"]
        for name, group in groups.items():
            yield from (Row(epoch, split, *rest) for rest in _feature_rows(features, group, name))
            value = variability.accuracy(correct[group], features["count"][group])
            yield Row(epoch, split, "network", name, "accuracy", value)
        yield from (Row(epoch, split, "features", "all", *rest) for rest in _joint_rows(features, weight))


def _geometry(rows: np.ndarray) -> dict[str, float]:
    return {name: metric(rows) for name, metric in GEOMETRY.items()} if len(rows) > 1 else {}


def _feature_rows(features: Statistics, group: slice, name: str) -> Iterator[tuple[str, str, str, float]]:
    """Metrics of the class means of a group, centred by the sample mean of all classes (Fang et al. 2021, code)."""
    centre = variability.global_mean(features["mean"], features["count"])
    for metric, value in _geometry(features["mean"][group] - centre).items():
        yield "features", name, metric, value
    value = variability.feature_energy(features["mean"][group], features["within_trace"][group], centre)
    yield "features", name, "energy", value


def _joint_rows(features: Statistics, weight: np.ndarray) -> Iterator[tuple[str, float]]:
    centred = features["mean"] - variability.global_mean(features["mean"], features["count"])
    present = features["count"] > 0
    yield "self_duality", geometry.self_duality(weight, centred) if present.all() else np.nan
    yield "nc1", variability.nc1(features["spectrum"], features["within_spectrum"], int(present.sum()))
    yield "rank_between", float(len(features["spectrum"]))


def _below(tensors: Statistics, prefix: str) -> Statistics:
    return {name.removeprefix(f"{prefix}/"): value for name, value in tensors.items() if name.startswith(f"{prefix}/")}
