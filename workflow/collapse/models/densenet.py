"""DenseNet without dropout, with PyTorch's default initialisation unless options say otherwise."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from collapse.models.heads import with_head
from collapse.models.network import Network
from collapse.models.options import DensenetOptions
from collapse.models.resnet import stem
from collapse.models.shape import Shape


class PlainLayer(nn.Sequential):
    """Batch norm, ReLU, 3x3 convolution: a dense layer without bottleneck, which torchvision does not have."""

    def __init__(self, channels: int, growth: int):
        convolution = nn.Conv2d(channels, growth, 3, padding=1, bias=False)
        super().__init__(nn.BatchNorm2d(channels), nn.ReLU(), convolution)

    def forward(self, input: list[Tensor]) -> Tensor:
        """The new channels, from the concatenation of all channels of the block so far."""
        return super().forward(torch.cat(input, 1))


def dense_block(depth: int, channels: int, growth: int, bottleneck: bool) -> nn.Module:
    """A block of `depth` dense layers on `channels` channels: torchvision's block, or its like without bottlenecks."""
    from torchvision.models.densenet import _DenseBlock  # importing torchvision costs more than torch itself

    if bottleneck:
        return _DenseBlock(depth, channels, bn_size=4, growth_rate=growth, drop_rate=0)
    block = _DenseBlock(0, channels, bn_size=4, growth_rate=growth, drop_rate=0)
    for i in range(depth):
        block.add_module(f"denselayer{i + 1}", PlainLayer(channels + i * growth, growth))
    return block


def densenet(
    shape: Shape,
    options: DensenetOptions,
    blocks: Sequence[int],
    growth: int,
    channels: int,
    bottleneck: bool,
    stem_norm: bool,
) -> Network:
    """DenseNet with layers stem, block1, transition1, block2, ..., norm, pool (networks of Papyan et al. 2020).

    Papyan et al. do not state the growth rates: these are the usual ones (Huang et al. 2017).
    """
    from torchvision.models.densenet import _Transition

    first = stem(shape.channels, channels, options.stem)
    if options.stem == "cifar" and not stem_norm:
        first = nn.Sequential(first[0])  # block1 begins with a batch norm and a ReLU of its own
    layers: dict[str, nn.Module] = {"stem": first}
    for i, depth in enumerate(blocks, start=1):
        layers[f"block{i}"] = dense_block(depth, channels, growth, bottleneck)
        channels += depth * growth
        if i < len(blocks):
            narrower = channels // 2 if bottleneck else channels
            layers[f"transition{i}"] = _Transition(channels, narrower)
            channels = narrower
    layers["norm"] = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())
    layers["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return with_head(layers, channels, shape, options)
