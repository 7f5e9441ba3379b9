"""Training a perceptron: our loop against the loop of the reference repositories, and against no loop at all.

Environment: torch

The network is an MLP of six hidden layers of 100 with batch norm, Adam, batch 128, on one CPU thread; images per CPU
second. The reference is a DataLoader without workers over torchvision's own dataset class, whose images are turned into
tensors and normalised one by one, as the papers' repositories do; like ours it counts the loss and the right answers.
"bare" takes the same steps over and over on one batch that is already in memory, and counts nothing.
The three take turns, and each figure is the median of its turns.
"""

import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from table import Row, write
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from collapse.models.entries import NETWORKS
from collapse.models.network import Shape, build
from collapse.training.loop import Training
from collapse.training.protocol import Protocol

PROTOCOL = Protocol(optimizer="adam", learning_rate=1e-3, weight_decay=5e-4, batch_size=128, epochs=1)
TURNS = 7


def dataset(images: np.ndarray, labels: np.ndarray) -> datasets.MNIST:
    """These images in torchvision's own class: a PIL image and a transform for each sample."""
    made = object.__new__(datasets.MNIST)  # without its files
    made.data, made.targets, made.target_transform = torch.from_numpy(images), torch.from_numpy(labels), None
    made.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    return made


def stock(side: int) -> nn.Sequential:
    """The perceptron, written with PyTorch's own layers."""
    widths = [side * side, *[100] * 6]
    blocks = [(nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU()) for a, b in pairwise(widths)]
    return nn.Sequential(nn.Flatten(), *(layer for block in blocks for layer in block), nn.Linear(100, 10)).train()


def take_step(net: torch.nn.Module, optimizer: torch.optim.Optimizer, images, labels) -> tuple[torch.Tensor, ...]:
    """One step, as every training script writes it; returns the loss and the logits."""
    logits = net(images)
    loss = F.cross_entropy(logits, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss, logits


def reference(images: np.ndarray, labels: np.ndarray) -> Callable[[], int]:
    """An epoch of the reference loop; returns how many images it saw."""
    net = stock(images.shape[-1])
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=5e-4)
    loader = DataLoader(dataset(images, labels), batch_size=128, shuffle=True)

    def epoch() -> int:
        total, correct = 0.0, 0
        for batch, target in loader:
            loss, logits = take_step(net, optimizer, batch, target)
            total += loss.item()
            correct += (logits.argmax(1) == target).sum().item()
        return len(images)

    return epoch


def ours(images: np.ndarray, labels: np.ndarray) -> Callable[[], int]:
    """An epoch of our loop."""
    pixels = torch.from_numpy(images)[:, None].float().div(255).sub(0.5).div(0.5)
    net = build("mlp", Shape(1, images.shape[-1], 10), NETWORKS["mlp"].options(width=100, layers=7), seed=0)
    training = Training(net, pixels, torch.from_numpy(labels), torch.arange(len(labels)), PROTOCOL, order_seed=0)

    def epoch() -> int:
        training.run_epoch()
        return len(images)

    return epoch


def bare(images: np.ndarray, labels: np.ndarray) -> Callable[[], int]:
    """As many steps as an epoch has, all on one batch in memory, with our optimizer."""
    batch, target = torch.from_numpy(images[:128])[:, None].float(), torch.from_numpy(labels[:128])
    net = stock(images.shape[-1])
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=5e-4, fused=True)

    def epoch() -> int:
        steps = -(-len(images) // 128)
        for _ in range(steps):
            take_step(net, optimizer, batch, target)
        return steps * 128

    return epoch


def rates(epochs: list[Callable[[], int]], repeat: int) -> list[float]:
    """Images per CPU second of each, in turns: the median."""
    seen: list[list[float]] = [[] for _ in epochs]
    for _ in range(TURNS):
        for rate, epoch in zip(seen, epochs, strict=True):
            start = time.process_time()
            images = sum(epoch() for _ in range(repeat))
            rate.append(images / (time.process_time() - start))
    return [statistics.median(rate) for rate in seen]


def compare(count: int, side: int, repeat: int) -> list[Row]:
    """Rows of one size of data."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, side, side), dtype=np.uint8)
    data = images, rng.integers(0, 10, count)
    fast, slow, limit = rates([ours(*data), reference(*data), bare(*data)], repeat)
    case, unit = f"{count}x{side}x{side}", "images per CPU s"
    return [Row(case, fast, slow, unit, fast / slow), Row(f"{case} bare", fast, limit, unit, fast / limit)]


if __name__ == "__main__":
    torch.set_num_threads(1)
    write("train_mlp", compare(60_000, 28, repeat=1) + compare(1_000, 10, repeat=20))
