"""ResNet18 with the CIFAR stem on the CPU: bfloat16 with channels_last against plain float32.

Environment: torch

A step (forward, backward, SGD) on a batch of 64 images of 3x32x32, on one CPU thread, by our own `step`; images per CPU
second, in turns, the median.
"""

import statistics
import time

import torch
from table import Row, write

from collapse.models.entries import NETWORKS
from collapse.models.network import Shape, build
from collapse.training.loop import Training
from collapse.training.protocol import Protocol

BATCH, TURNS = 64, 3


def training(dtype: str) -> Training:
    """A training of one step an epoch."""
    images = torch.randn(BATCH, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    network = build("resnet18", Shape(3, 32, 10), NETWORKS["resnet18"].options(), seed=0)
    protocol = Protocol(learning_rate=0.1, momentum=0.9, weight_decay=5e-4, batch_size=BATCH, epochs=1, dtype=dtype)
    return Training(network, images, torch.arange(BATCH) % 10, torch.arange(BATCH), protocol, order_seed=0)


if __name__ == "__main__":
    torch.set_num_threads(1)
    cases = {dtype: training(dtype) for dtype in ("bfloat16", "float32")}
    seen: dict[str, list[float]] = {dtype: [] for dtype in cases}
    for turn in range(TURNS + 1):
        for dtype, case in cases.items():
            start = time.process_time()
            case.run_epoch()
            if turn:  # the first chooses its kernels
                seen[dtype].append(BATCH / (time.process_time() - start))
    fast, slow = (statistics.median(seen[dtype]) for dtype in ("bfloat16", "float32"))
    write("train_resnet18", [Row("bf16 + channels_last", fast, slow, "images per CPU s", fast / slow)])
