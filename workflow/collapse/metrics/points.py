"""points.csv of a run: what a picture of its features shows, in the features' own coordinates."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from collapse.measuring import MAX_PICTURED
from collapse.metrics.rows import below
from collapse.metrics.simplex_picture import SimplexPicture

AXES = tuple(f"x{i + 1}" for i in range(MAX_PICTURED))
# What a point is: a kept sample; the mean of a class's samples by their labels; of its unchanged and of its changed
# samples, by true class; a row of the head's linear map, with its bias; a vertex of the simplex.
KINDS = ("sample", "mean", "clean_mean", "changed_mean", "classifier", "vertex")
# spread: of a mean, the root mean squared distance of the class's samples to it.
COLUMNS = ("split", "kind", "label", "true_label", *AXES, "spread", "bias")

Point = tuple[Any, ...]  # by COLUMNS; None where a column means nothing


def points(tensors: dict[str, np.ndarray], simplex_of: tuple[int, ...] | None = None) -> Iterator[Point]:
    """The points of one network, from its statistics (collapse.statistics.network): in the features' coordinates, or
    those of the three classes `simplex_of` within the simplex nearest to the class means.
    """
    if simplex_of is not None:
        yield from _simplex_points(tensors, simplex_of)
        return
    for split in ("train", "test"):
        kept = below(tensors, f"{split}/samples")
        if kept:
            for place, label, true in zip(kept["features"], kept["labels"], kept["true_labels"], strict=True):
                yield split, "sample", int(label), int(true), *_places(place), None, None
            found = below(tensors, f"{split}/eval/features")
            yield from _means(split, "mean", found["mean"], np.sqrt(found["trace"]))
    for kind in ("clean_mean", "changed_mean"):
        means = tensors.get(f"train/corruption/{kind}")
        if means is not None:
            yield from _means("train", kind, means)
    for label, (row, bias) in enumerate(zip(tensors["head/product/features"], tensors["head/bias"], strict=True)):
        yield "-", "classifier", label, label, *_places(row), None, float(bias)


def _simplex_points(tensors: dict[str, np.ndarray], classes: tuple[int, ...]) -> Iterator[Point]:
    means, chosen = tensors["train/eval/features/mean"], list(classes)
    if np.isnan(means).any():
        return  # without a mean of each class there is no simplex
    picture = SimplexPicture.of(means, classes)
    kept = below(tensors, "train/samples")
    places = picture.features(kept["features"])
    for place, label, true in zip(places, kept["labels"], kept["true_labels"], strict=True):
        yield "train", "sample", int(label), int(true), *_places(place), None, None
    of_classes = {
        ("train", "mean"): picture.features(means[chosen]),
        ("-", "classifier"): picture.classifiers(tensors["head/product/features"])[chosen],
        ("-", "vertex"): picture.vertices,
    }
    for (split, kind), places in of_classes.items():
        for label, place in zip(chosen, places, strict=True):
            yield split, kind, label, label, *_places(place), None, None


def _means(split: str, kind: str, means: np.ndarray, spread: np.ndarray | None = None) -> Iterator[Point]:
    for label, mean in enumerate(means):
        if not np.isnan(mean).any():
            yield split, kind, label, label, *_places(mean), None if spread is None else float(spread[label]), None


def _places(vector: np.ndarray) -> list[float | None]:
    return [float(vector[i]) if i < len(vector) else None for i in range(MAX_PICTURED)]
