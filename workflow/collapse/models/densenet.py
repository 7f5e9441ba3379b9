"""DenseNet without dropout, with PyTorch's default initialisation unless options say otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from collapse.models.heads import with_head
from collapse.models.network import Network, Shape
from collapse.models.options import DensenetOptions
from collapse.models.resnet import stem


@dataclass(frozen=True)
class Growth:
    """A DenseNet: dense layers in each block, channels a layer adds, channels of the stem (Huang et al. 2017).

    `bottleneck`: DenseNet-BC, with a 1x1 convolution in each layer, and transitions that halve the channels.
    `stem_norm`: batch norm and ReLU after the stem's convolution, as the ImageNet networks have.
    """

    blocks: Sequence[int]
    growth: int
    channels: int
    bottleneck: bool
    stem_norm: bool


DENSENET40 = Growth((12, 12, 12), growth=12, channels=16, bottleneck=False, stem_norm=False)
DENSENET250 = Growth((41, 41, 41), growth=24, channels=48, bottleneck=True, stem_norm=False)
DENSENET201 = Growth((6, 12, 48, 32), growth=32, channels=64, bottleneck=True, stem_norm=True)


class PlainLayer(nn.Sequential):
    """Batch norm, ReLU, 3x3 convolution: a dense layer without bottleneck, which torchvision does not have."""

    def __init__(self, channels: int, growth: int):
        convolution = nn.Conv2d(channels, growth, 3, padding=1, bias=False)
        super().__init__(nn.BatchNorm2d(channels), nn.ReLU(), convolution)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """The new channels, from all that the block has so far."""
        return super().forward(torch.cat(maps, 1))


def dense_block(depth: int, channels: int, design: Growth) -> nn.Module:
    """A block of `depth` dense layers, from `channels` channels: torchvision's, but for layers without bottleneck."""
    from torchvision.models.densenet import _DenseBlock  # importing torchvision costs more than torch itself

    if design.bottleneck:
        return _DenseBlock(depth, channels, bn_size=4, growth_rate=design.growth, drop_rate=0)
    block = _DenseBlock(0, channels, bn_size=4, growth_rate=design.growth, drop_rate=0)
    for i in range(depth):
        block.add_module(f"denselayer{i + 1}", PlainLayer(channels + i * design.growth, design.growth))
    return block


def densenet(shape: Shape, options: DensenetOptions, design: Growth) -> Network:
    """DenseNet with layers stem, block1, transition1, block2, ..., norm, pool (networks of Papyan et al. 2020).

    Papyan et al. do not state the growth rates: these are the usual ones (Huang et al. 2017).
    """
    from torchvision.models.densenet import _Transition

    channels = design.channels
    first = stem(shape.channels, channels, options.stem)
    if options.stem == "cifar" and not design.stem_norm:
        first = nn.Sequential(first[0])  # block1 begins with a batch norm and a ReLU of its own
    layers: dict[str, nn.Module] = {"stem": first}
    for i, depth in enumerate(design.blocks, start=1):
        layers[f"block{i}"] = dense_block(depth, channels, design)
        channels += depth * design.growth
        if i < len(design.blocks):
            narrower = channels // 2 if design.bottleneck else channels
            layers[f"transition{i}"] = _Transition(channels, narrower)
            channels = narrower
    layers["norm"] = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())
    layers["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return with_head(layers, channels, shape, options)
