"""Neural collapse along a training of your own: a plain PyTorch loop on scikit-learn's digits, measured as it goes.

Run it from the project's folder, with a folder for what it writes:
    PYTHONPATH=workflow .venv/torch/bin/python examples/monitor_your_training.py monitored
Or train first and measure the checkpoints afterwards, which gives the same table: model(), loader() and test() are what
the command wants of a file.
    PYTHONPATH=workflow .venv/torch/bin/python -m collapse.checkpoints examples/monitor_your_training.py \\
        monitored/checkpoints --out monitored/afterwards.csv
"""

import sys
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import collapse

EPOCHS = 60
OPTIONS = {"layers": ["2", "5"]}  # arguments of collapse.measure


def model() -> nn.Module:
    """The network."""
    layers = [(nn.Linear(size, 100), nn.BatchNorm1d(100), nn.ReLU()) for size in (64, 100, 100)]
    return nn.Sequential(*(part for layer in layers for part in layer), nn.Linear(100, 10))


def split(start: int, stop: int) -> TensorDataset:
    """Some of the digits."""
    digits = load_digits()
    images, labels = torch.from_numpy(digits.data).float() / 16, torch.from_numpy(digits.target)
    return TensorDataset(images[start:stop], labels[start:stop])


def loader() -> DataLoader:
    """What is measured of the train set: each sample once, in any order."""
    return DataLoader(split(0, 1400), batch_size=100)


def test() -> DataLoader:
    """The test set."""
    return DataLoader(split(1400, 1797), batch_size=100)


def train(folder: Path) -> collapse.Monitor:
    """Train, measure and save checkpoints."""
    torch.manual_seed(0)
    network = model()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    shuffled = DataLoader(split(0, 1400), batch_size=100, shuffle=True)
    (folder / "checkpoints").mkdir(parents=True)
    monitor = collapse.Monitor(
        network, loader(), test(), path=folder / "collapse.csv", epochs=EPOCHS, count=8, **OPTIONS
    )
    for epoch in range(1, EPOCHS + 1):
        for images, labels in shuffled:
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images), labels).backward()
            optimizer.step()
        if monitor() is not None:
            torch.save(network.state_dict(), folder / "checkpoints" / f"epoch-{epoch:04d}.pt")
    return monitor


if __name__ == "__main__":
    table = train(Path(sys.argv[1] if len(sys.argv) > 1 else "monitored")).table
    shown = table[(table.split == "train") & (table.layer == "features") & table.metric.isin(["nc1", "cosine_mean"])]
    print(shown.pivot(index="epoch", columns="metric", values="value").to_string())
