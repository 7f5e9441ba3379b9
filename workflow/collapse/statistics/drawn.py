"""Metrics of random subsets of a dataset, without a network."""

from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from collapse.data.drawn import Subset
from collapse.data.images import normalise
from collapse.data.specs import DATASETS
from collapse.data.store import read_split
from collapse.data.subsets import draw
from collapse.metrics import variability
from collapse.statistics.classes import class_statistics

CPU = torch.device("cpu")

# By name, of (coordinates, within, count, width) as collapse.metrics.variability takes them.
METRICS: dict[str, Callable[..., float]] = {
    "separation_fuzziness": variability.separation_fuzziness,
    "nc1": variability.nc1,
    "nc1_sample_mean": lambda *given: variability.nc1(*given, centre="sample"),
    "nc1_sum": lambda coordinates, within, count, width: (
        (count > 0).sum() * variability.nc1(coordinates, within, count, width)
    ),
}


def measure_draws(
    subset: Subset, dataset: Path, seeds: Iterable[int], metrics: Iterable[str]
) -> list[dict[str, float]]:
    """The metrics, by name, of the subset's images as one layer, drawn at each seed.

    The subset of a seed is the one that a run with that seed trains on (collapse.data.subsets.draw).
    """
    images, labels = read_split(dataset, "train")
    spec, found = DATASETS[subset.dataset], []
    for seed in seeds:
        rows = draw(labels, subset.class_counts(), seed)
        pixels = normalise(images[rows], subset.image_size, spec.max_pixel, subset.mean, subset.std, CPU)
        if subset.input_channel is not None:
            pixels = pixels[:, subset.input_channel]
        measured = class_statistics(pixels, torch.from_numpy(labels[rows]), spec.num_classes)
        given = measured.coordinates.numpy(), measured.within.numpy(), measured.count.numpy(), measured.mean.shape[1]
        found.append({name: float(METRICS[name](*given)) for name in metrics})
    return found
