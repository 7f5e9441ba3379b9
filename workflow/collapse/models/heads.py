"""The end of every network: the features' batch norm, the linear head, the classifier; and the initialisers."""

from collections.abc import Mapping, Sequence
from pkgutil import resolve_name

import torch
from torch import Tensor, nn

from collapse.models.initialisers import INITIALISERS
from collapse.models.network import Network
from collapse.models.options import NetworkOptions
from collapse.models.shape import Shape


def with_head(
    layers: Mapping[str, nn.Module],
    width: int,
    shape: Shape,
    options: NetworkOptions,
    measured: Sequence[str] | None = None,
) -> Network:
    """The network whose backbone `layers` end in features (n, width).

    Layers added: feature_norm, a batch norm (Dang et al. 2023, code); linear1, ..., linear{M-1}, bias-free (width x
    width); the classifier. `measured` names the backbone's measured layers (None: all); added layers are measured too.
    Raises ValueError for a frozen layer that does not exist and for a simplex of more classes than feature dimensions.
    """
    backbone, layers = tuple(layers), dict(layers)
    if options.feature_batch_norm:
        layers["feature_norm"] = nn.BatchNorm1d(width)
    for i in range(1, options.linear_layers):
        layers[f"linear{i}"] = nn.Linear(width, width, bias=False)
    fixed = options.classifier == "fixed_etf"
    classifier = nn.Linear(width, shape.num_classes, bias=options.classifier_bias)
    measured = (*(backbone if measured is None else measured), *list(layers)[len(backbone) :])
    network = Network(layers, classifier, measured, fixed)
    resolve_name(INITIALISERS[options.initialisation].function)(network)
    if fixed:
        with torch.no_grad():
            network.classifier.weight.copy_(simplex(shape.num_classes, width))
    network.freeze(options.frozen)
    return network


def simplex(num_classes: int, width: int) -> Tensor:
    """Simplex equiangular tight frame (K, width) with unit-norm rows √(K/(K-1)) (I - 11ᵀ/K) in the first K coordinates.

    Zhu et al. 2021 (code): no random rotation. Raises ValueError where width < K.
    """
    if width < num_classes:
        raise ValueError(f"a simplex of {num_classes} classes needs features of that dimension, not {width}")
    frame = torch.eye(num_classes, width)
    frame[:, :num_classes] -= 1 / num_classes
    return frame * (num_classes / (num_classes - 1)) ** 0.5


def default(network: Network) -> None:
    """Keep the weights that PyTorch drew when it made the layers."""


def orthogonal(network: Network) -> None:
    """Linear head and classifier orthogonal, gain 1 (Dang et al. 2023, code). mlp initialises its hidden layers."""
    for weight in network.head_weights():
        nn.init.orthogonal_(weight)


def normal(network: Network) -> None:
    """Every matrix normal of standard deviation 0.1; biases as PyTorch drew them (Dang et al. 2023, code)."""
    for parameter in network.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=0.1)


def he(network: Network) -> None:
    """Normal weights, gain √2: convolutions by fan out, dense layers by fan in; zero biases. The head is not changed.

    For ResNet this is torchvision's initialisation, which Zhu et al. 2021 and Papyan et al. 2020 use.
    """
    for name, layer in network.layers.items():
        for module in layer.modules():
            if name.startswith("linear") or not isinstance(module, nn.Conv2d | nn.Linear):
                continue
            fan = "fan_out" if isinstance(module, nn.Conv2d) else "fan_in"
            nn.init.kaiming_normal_(module.weight, mode=fan, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
