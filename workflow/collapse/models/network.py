"""The interface of every network: its logits, its layers by name, its classifier."""

import os
import sys
from collections.abc import Iterable, Sequence
from pkgutil import resolve_name

import torch
from torch import Tensor, nn

from collapse.models.entries import NETWORKS, NetworkEntry
from collapse.models.options import NetworkOptions
from collapse.models.shape import Shape
from collapse.strict import UserError, check_choice


class Network(nn.Module):
    """A stack of named layers and a linear classifier on the last one's output.

    `features_layer` names the layer whose output is H, the backbone's features: the last before the linear head.
    `measured` names the layers whose activations a paper measures, in order. Layers named linear1, linear2, ... belong
    to the linear head. `fixed_classifier`: the classifier's weight never trains. A layer may hold measured layers: its
    attribute `inside` maps their names to its submodules (tiled.Residual). `recordable`: what a pass computes depends
    on tensors alone, not on anything that Python decides, so that it may be recorded (collapse.training.recording).
    """

    def __init__(
        self,
        layers: dict[str, nn.Module],
        classifier: nn.Linear,
        measured: Sequence[str],
        fixed_classifier: bool = False,
    ):
        super().__init__()
        self.layers = nn.ModuleDict(layers)
        self.classifier = classifier
        self.measured = tuple(measured)
        self.fixed_classifier = fixed_classifier
        self.recordable = False
        self.frozen: tuple[str, ...] = ()
        self.features_layer = [name for name in layers if not name.startswith("linear")][-1]
        self._backbone = [layer for name, layer in layers.items() if not name.startswith("linear")]
        self._linear = [layer for name, layer in layers.items() if name.startswith("linear")]

    @property
    def measured_inside(self) -> tuple[str, ...]:
        """Names in `measured`; before each name, the layers inside that layer, called name.inner."""
        inside = ((*(f"{name}.{inner}" for inner in _inside(self.layers[name])), name) for name in self.measured)
        return tuple(name for names in inside for name in names)

    def module_names(self) -> dict[str, str]:
        """Map layers' names to names in named_modules(), in order; before a layer, the layers inside, as name.inner."""
        names = {}
        for name, layer in self.layers.items():
            names |= {f"{name}.{inner}": f"layers.{name}.{module}" for inner, module in _inside(layer).items()}
            names[name] = f"layers.{name}"
        return names

    def freeze(self, names: Iterable[str]) -> None:
        """Freeze the parameters of exactly the layers `names` ("classifier" may be one); all others train again.

        Batch norms of a frozen layer still update their running statistics. Raises ValueError for an unknown name.
        """
        parts, names = {**self.layers, "classifier": self.classifier}, tuple(names)
        for name in names:
            check_choice("layer", name, parts)
        self.frozen = names
        for name, part in parts.items():
            part.requires_grad_(name not in names)
        if self.fixed_classifier:
            self.classifier.weight.requires_grad_(False)

    def features(self, images: Tensor) -> Tensor:
        """H, the output of `features_layer`, (n, d)."""
        for layer in self._backbone:
            images = layer(images)
        return images

    def head(self, features: Tensor) -> Tensor:
        """Logits (n, K) of features (n, d): the layers after `features_layer`, then the classifier."""
        for layer in self._linear:
            features = layer(features)
        return self.classifier(features)

    def head_weights(self) -> list[Tensor]:
        """Weights W_1, ..., W_M of the linear head; W_M is the classifier's."""
        return [*(layer.get_parameter("weight") for layer in self._linear), self.classifier.weight]

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, K) of images (n, channels, side, side)."""
        return self.head(self.features(images))


def _inside(layer: nn.Module) -> dict[str, str]:
    return getattr(layer, "inside", {})


def build(name: str, shape: Shape, options: NetworkOptions, seed: int) -> Network:
    """The network of that name, on the CPU; its initial weights depend on `seed` alone.

    `options` must have the class that the network's entry names. Raises ValueError where options do not fit the shape.
    """
    return build_entry(NETWORKS[check_choice("network", name, NETWORKS)], shape, options, seed)


class BadBuilder(UserError, RuntimeError):
    """A builder of one's own that is not found, or returns no Network."""


def build_entry(entry: NetworkEntry, shape: Shape, options: NetworkOptions, seed: int) -> Network:
    """`build` for an entry; raises BadBuilder where its builder is not found or returns something else."""
    if entry.own and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # last, where it shadows nothing
    try:
        builder = resolve_name(entry.build)
    except (ImportError, AttributeError) as error:
        raise BadBuilder(f"networks: the builder {entry.build} is not found from {os.getcwd()} ({error})") from error
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = builder(shape, options, **entry.design)
    if not isinstance(network, Network):
        raise BadBuilder(
            f"networks: the builder {entry.build} returned a {type(network).__name__}, not a Network: "
            f"collapse.models.heads.with_head makes one of layers by name"
        )
    network.recordable = not entry.own  # of one's own network nothing is known
    return network
