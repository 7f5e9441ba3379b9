"""Metrics of random subsets of a dataset, without a network."""

from collections.abc import Iterable
from pathlib import Path

import torch

from collapse.data.drawn import Subset
from collapse.data.entries import DATASETS
from collapse.data.images import normalise
from collapse.data.store import read_split
from collapse.data.subsets import draw
from collapse.metrics.entries import OF_IMAGES
from collapse.statistics.classes import class_statistics

CPU = torch.device("cpu")


def measure_draws(
    subset: Subset, dataset: Path, seeds: Iterable[int], metrics: Iterable[str]
) -> list[dict[str, float]]:
    """Metrics by name, for the subset drawn at each seed; its images are measured as the activations of one layer.

    A run with that seed trains on the same subset (collapse.data.subsets.draw).
    """
    images, labels = read_split(dataset, "train")
    spec, found = DATASETS[subset.dataset], []
    for seed in seeds:
        rows = draw(labels, subset.class_counts(), seed)
        pixels = normalise(images[rows], subset.image_size, spec.max_pixel, subset.mean, subset.std, CPU)
        if subset.input_channel is not None:
            pixels = pixels[:, subset.input_channel]
        measured = class_statistics(pixels, torch.from_numpy(labels[rows]), spec.num_classes)
        given = {name: getattr(measured, name).numpy() for name in ("coordinates", "within", "count")}
        given["width"] = measured.mean.shape[1]
        found.append({name: float(OF_IMAGES[name](given)) for name in metrics})
    return found
