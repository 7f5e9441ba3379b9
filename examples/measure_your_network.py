"""Neural collapse of a network of your own: train a small one on scikit-learn's digits, then measure it.

In an environment with the library (pip install ".[torch]"): python examples/measure_your_network.py
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import collapse

torch.manual_seed(0)
digits = load_digits()
images, labels = torch.from_numpy(digits.data).float() / 16, torch.from_numpy(digits.target)
train = DataLoader(TensorDataset(images[:1400], labels[:1400]), batch_size=100)
test = DataLoader(TensorDataset(images[1400:], labels[1400:]), batch_size=100)

model = nn.Sequential(
    *(nn.Linear(64, 100), nn.BatchNorm1d(100), nn.ReLU()),
    *(nn.Linear(100, 100), nn.BatchNorm1d(100), nn.ReLU()),
    *(nn.Linear(100, 100), nn.BatchNorm1d(100), nn.ReLU()),
    nn.Linear(100, 10),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
for _ in range(60):
    for x, y in train:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

table = collapse.measure(model, train, test, layers=["2", "5"])

print(table[(table.split == "train") & (table.layer == "features") & (table.classes == "all")].to_string(index=False))
print(table[table.layer.isin(["network", "layers"]) & (table.classes == "all")].to_string(index=False))
