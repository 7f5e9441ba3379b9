"""Multilayer perceptrons."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from collapse.models.network import Network, Shape


def dense(width_in: int, width_out: int) -> nn.Sequential:
    """Linear (with bias), batch norm, ReLU."""
    return nn.Sequential(nn.Linear(width_in, width_out), nn.BatchNorm1d(width_out), nn.ReLU())


def mlp(shape: Shape, hidden: Sequence[int]) -> Network:
    """Fully connected network: a dense layer for each width in `hidden`, then a linear classifier with bias."""
    widths = [shape.channels * shape.image_size**2, *hidden]
    layers = {f"fc{i}": dense(*pair) for i, pair in enumerate(pairwise(widths), start=1)}
    return Network({"flatten": nn.Flatten(), **layers}, nn.Linear(widths[-1], shape.num_classes))
