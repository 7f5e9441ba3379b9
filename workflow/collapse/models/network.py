"""What the rest of the library needs to know of a network: its logits, its layers' activations, its classifier."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Shape:
    """What a network is built for."""

    channels: int
    image_size: int
    num_classes: int


class Network(nn.Module):
    """A stack of named layers and a linear classifier on the last one's output."""

    def __init__(self, layers: dict[str, nn.Module], classifier: nn.Linear):
        super().__init__()
        self.layers = nn.ModuleDict(layers)
        self.classifier = classifier

    def activations(self, images: Tensor) -> dict[str, Tensor]:
        """Each layer's output, by name and in order; the last, (n, d), is the input of the classifier."""
        outputs, hidden = {}, images
        for name, layer in self.layers.items():
            hidden = outputs[name] = layer(hidden)
        return outputs

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, K) of images (n, channels, side, side)."""
        for layer in self.layers.values():
            images = layer(images)
        return self.classifier(images)


Builder = Callable[[Shape], Network]


def build(builder: Builder, shape: Shape, seed: int) -> Network:
    """A network with PyTorch's default initialisation, drawn from `seed` alone, on the CPU."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return builder(shape)
