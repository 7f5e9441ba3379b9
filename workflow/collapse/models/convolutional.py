"""VGG and ResNet for small images, with PyTorch's default initialisation."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from collapse.models.mlp import dense
from collapse.models.network import Network, Shape


def vgg(shape: Shape, plan: Sequence[int | str], hidden: Sequence[int]) -> Network:
    """VGG with batch norm: biased 3x3 convolutions and max-pools as in `plan`, then dense layers of width `hidden`.

    torchvision's VGG differs (7x7 pooling, dropout, no batch norm in its head, another initialisation), so this is the
    layer_peeled networks' own layout: conv, batch norm, ReLU; head Linear, batch norm, ReLU (Fang et al. 2021, code).
    Layers are named conv1, conv2, ... (each with the pool that follows it), then fc1, fc2, ...
    """
    layers: dict[str, nn.Module] = {}
    channels, size = shape.channels, shape.image_size
    for step in plan:
        if step == "M":
            layers[f"conv{len(layers)}"].append(nn.MaxPool2d(2))
            size //= 2
        else:
            convolution = nn.Conv2d(channels, step, kernel_size=3, padding=1)
            layers[f"conv{len(layers) + 1}"] = nn.Sequential(convolution, nn.BatchNorm2d(step), nn.ReLU())
            channels = step
    widths = [channels * size**2, *hidden]
    layers["flatten"] = nn.Flatten()
    for i, pair in enumerate(pairwise(widths), start=1):
        layers[f"fc{i}"] = dense(*pair)
    return Network(layers, nn.Linear(widths[-1], shape.num_classes))


def resnet18(shape: Shape) -> Network:
    """ResNet18 for small images: 3x3 stride-1 stem without max-pool, basic blocks [2, 2, 2, 2], average pool.

    torchvision's blocks are exact; its stem is replaced, and its initialisation undone, as the reference keeps
    PyTorch's default (Fang et al. 2021, code).
    """
    from torchvision.models.resnet import BasicBlock, ResNet  # importing torchvision costs more than torch itself

    net = ResNet(BasicBlock, [2, 2, 2, 2])
    stem = nn.Conv2d(shape.channels, 64, kernel_size=3, padding=1, bias=False)
    layers = {
        "stem": nn.Sequential(stem, net.bn1, nn.ReLU()),
        **{f"stage{i}": getattr(net, f"layer{i}") for i in range(1, 5)},
        "pool": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    }
    network = Network(layers, nn.Linear(512, shape.num_classes))
    for module in network.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    return network
