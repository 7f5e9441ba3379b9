"""Metrics of 50,000 features: ours against a loop over samples with a pseudo-inverse, as the reference code has it.

Environment: torch

Features lie in memory, N = 50,000, d = 512 (and 2048), in batches of 256, on one CPU thread; seconds of CPU time, the
least of three turns. The reference adds every sample to its class mean, then every sample's outer product to Sigma_W,
and takes SciPy's pseudo-inverse of Sigma_B: NC1. `all` is our class statistics, nearest class means, and every metric
of a layer and its classifier, against the reference's NC1 alone; `nc1` is collapse.nc1 against it. At d = 2048 the
reference's outer products are timed on 300 samples and multiplied up.
"""

import itertools
import time
from collections.abc import Callable

import scipy
import torch
from table import Row, write
from torch import Tensor

from collapse.api import nc1
from collapse.metrics.rows import At, bias_rows, classifier_rows, duality_rows, layer_rows
from collapse.statistics.split import Layers
from collapse.statistics.sweep import Batch

SAMPLES, BATCH, TURNS = 50_000, 256, 3


def features(num_classes: int, width: int) -> tuple[Tensor, Tensor]:
    """Random class means, a spread of a twentieth, far from the origin."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(num_classes, (SAMPLES,), generator=generator)
    means = torch.randn(num_classes, width, generator=generator) + 3
    return means[labels] + 0.05 * torch.randn(SAMPLES, width, generator=generator), labels


def reference_means(x: Tensor, y: Tensor, num_classes: int) -> Tensor:
    """Class means, a sample at a time."""
    sums, counts = [0] * num_classes, [0] * num_classes
    for part, label in zip(x.split(BATCH), y.split(BATCH), strict=True):
        for i in range(len(part)):
            k = label[i].item()
            sums[k] = sums[k] + part[i]
            counts[k] += 1
    return torch.stack([total / count for total, count in zip(sums, counts, strict=True)])


def reference_within(x: Tensor, y: Tensor, means: Tensor) -> Tensor:
    """Sigma_W, an outer product a sample."""
    within = torch.zeros(x.shape[1], x.shape[1])
    for part, label in zip(x.split(BATCH), y.split(BATCH), strict=True):
        for i in range(len(part)):
            deviation = part[i] - means[label[i].item()]
            within += deviation[:, None] @ deviation[None]
    return within / len(x)


def reference_ratio(within: Tensor, means: Tensor) -> float:
    """Tr(Sigma_W Sigma_B^+)/K."""
    centred = means - means.mean(0)
    between = sum(row[:, None] @ row[None] for row in centred) / len(means)
    return (within @ torch.from_numpy(scipy.linalg.pinv(between.numpy()))).trace().item() / len(means)


def reference_seconds(x: Tensor, y: Tensor, num_classes: int, outer: int = SAMPLES) -> float:
    """CPU seconds of the reference; outer products of the first `outer` samples stand for all."""
    started = time.process_time()
    means = reference_means(x, y, num_classes)
    middle = time.process_time()
    within = reference_within(x[:outer], y[:outer], means)
    end = time.process_time()
    reference_ratio(within, means)
    return middle - started + (end - middle) * SAMPLES / outer + time.process_time() - end


def everything(x: Tensor, y: Tensor, num_classes: int, weight: Tensor, logits: Tensor) -> list:
    """Ours: a layer's statistics and nearest means, and all its metrics with the classifier's."""
    layers = Layers([Batch({"features": x}, logits, y)], num_classes)
    tensors = layers.tensors(["features"]).items()
    found = {name.removeprefix("features/"): tensor.numpy() for name, tensor in tensors}
    at, product = At("train", "features", "eval"), weight.double().numpy()
    joint = duality_rows(found, product, at), bias_rows(found, product, product[:, 0], at)
    return [*layer_rows(found, at), *itertools.chain(*joint), *classifier_rows(product)]


def least(run: Callable[[], object]) -> float:
    """CPU seconds, the least of some turns."""
    seconds = []
    for _ in range(TURNS):
        started = time.process_time()
        run()
        seconds.append(time.process_time() - started)
    return min(seconds)


def compare(num_classes: int, width: int, outer: int = SAMPLES) -> list[Row]:
    """Rows of one number of classes and width."""
    x, y = features(num_classes, width)
    weight = torch.randn(num_classes, width, generator=torch.Generator().manual_seed(1))
    logits = x @ weight.T
    slow = min(reference_seconds(x, y, num_classes, outer) for _ in range(TURNS))
    name = f"K={num_classes}" if width == 512 else f"d={width} K={num_classes}"
    cases = {f"nc1 {name}": lambda: nc1(x, y)}
    if outer == SAMPLES:
        cases = {f"all {name}": lambda: everything(x, y, num_classes, weight, logits)} | cases
    return [Row(case, fast, slow, "CPU s", slow / fast) for case, run in cases.items() for fast in [least(run)]]


if __name__ == "__main__":
    torch.set_num_threads(1)
    write("metrics", compare(10, 512) + compare(100, 512) + compare(100, 2048, outer=300))
