"""Direct optimisation: our iteration against plain autograd, with and without metrics, and three runs in a batch.

Environment: torch

Four classes of 100 free features of dimension 64 under 1, 3 and 9 linear layers; squared loss, SGD with momentum, one
CPU thread; CPU microseconds per iteration. The reference is autograd in float32 with torch.optim.SGD on all features,
as in the code of Dang et al. 2023. "measured" adds what that code does at every iteration: NC1 by a pseudo-inverse of
the between-class covariance in 64 x 64, NC2 and NC3. "batch of 3" is an iteration of three of our runs side by side
against three times the iteration of one. Ours is in float64. All take turns; each figure is the median of its turns.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from table import Row, write
from torch import Tensor

from collapse.training.direct import DirectOptimisation
from collapse.training.direct_problem import Problem, Weights
from collapse.training.losses import mse_per_sample, penalty

WIDTH, CLASSES, SAMPLES = 64, 4, 100  # samples of a class
PROBLEM = Problem((SAMPLES,) * CLASSES, "mse_per_sample", weight_decay=5e-4, feature_decay=5e-4, momentum=0.9)
LEARNING_RATE = 0.1
TURNS = 9


def draw(layers: int, seed: int) -> Weights:
    """A start, N(0, 0.1^2) as in the paper's code, without a bias."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return 0.1 * torch.randn(shape, generator=generator, dtype=torch.float64)

    head = (*(normal(WIDTH, WIDTH) for _ in range(layers - 1)), normal(CLASSES, WIDTH))
    return Weights(normal(WIDTH, CLASSES * SAMPLES), head)


def metrics(features: Tensor, head: list[Tensor], labels: Tensor) -> tuple[float, float, float]:
    """NC1, NC2 and NC3 of features (N, d) and weights, by their definitions on every sample."""
    means = features.view(CLASSES, SAMPLES, WIDTH).mean(1)
    deviations, centred = features - means[labels], means - features.mean(0)
    within, between = deviations.T @ deviations / len(features), centred.T @ centred / CLASSES
    nc1 = torch.trace(within @ torch.linalg.pinv(between)) / CLASSES
    product = head[0]
    for weight in head[1:]:
        product = weight @ product
    frame = torch.eye(CLASSES) / CLASSES**0.5
    gram, logits = product @ product.T, product @ means.T
    nc2, nc3 = ((matrix / matrix.norm() - frame).norm() for matrix in (gram, logits))
    return nc1.item(), nc2.item(), nc3.item()


def plain(start: Weights, *, measured: bool) -> Callable[[int], None]:
    """Iterations of the reference."""
    features = start.features.T.float().clone().requires_grad_()  # (N, d)
    head = [weight.float().requires_grad_() for weight in start.head]
    labels = torch.arange(CLASSES).repeat_interleave(SAMPLES)
    optimizer = torch.optim.SGD([features, *head], lr=LEARNING_RATE, momentum=PROBLEM.momentum)

    def iterate(count: int) -> None:
        for _ in range(count):
            outputs = features
            for weight in head:
                outputs = outputs @ weight.T
            decay = penalty(features, head, PROBLEM.feature_decay, PROBLEM.weight_decay)
            loss = mse_per_sample(outputs, labels) + decay
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if measured:
                with torch.no_grad():
                    metrics(features, head, labels)

    return iterate


def ours(*starts: Weights) -> Callable[[int], None]:
    """Our iterations."""
    return partial(DirectOptimisation(PROBLEM, starts).advance, learning_rate=LEARNING_RATE)


def microseconds(loops: list[tuple[Callable[[int], None], int]]) -> list[float]:
    """CPU microseconds per iteration of each (loop, iterations a turn), in turns: the median."""
    seen: list[list[float]] = [[] for _ in loops]
    for _ in range(TURNS):
        for times, (loop, count) in zip(seen, loops, strict=True):
            start = time.process_time()
            loop(count)
            times.append((time.process_time() - start) / count * 1e6)
    return [statistics.median(times) for times in seen]


def compare(layers: int) -> list[Row]:
    """Rows of one depth."""
    starts = [draw(layers, seed) for seed in range(3)]
    fast, slow, measured, batch = microseconds(
        [
            (ours(starts[0]), 1000),
            (plain(starts[0], measured=False), 100),
            (plain(starts[0], measured=True), 50),
            (ours(*starts), 500),
        ]
    )
    case, unit = f"M={layers}", "CPU us per iteration"
    return [
        Row(case, fast, slow, unit, slow / fast),
        Row(f"{case} measured", fast, measured, unit, measured / fast),
        Row(f"{case} batch of 3", batch, 3 * fast, unit, 3 * fast / batch),
    ]


if __name__ == "__main__":
    torch.set_num_threads(1)
    write("direct", [row for layers in (1, 3, 9) for row in compare(layers)])
