"""Networks on images whose channels are repeated, so that every measured layer is wide (He & Su 2023, code)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from collapse.models.convolutional import convolutions, dense_layers
from collapse.models.flops import Plan, output_size
from collapse.models.heads import with_head
from collapse.models.network import Network
from collapse.models.options import GresnetOptions, TiledOptions
from collapse.models.shape import Shape


class Tile(nn.Module):
    """Repeat all channels `times` times: (n, channels, side, side) -> (n, times * channels, side, side)."""

    def __init__(self, times: int):
        super().__init__()
        self.times = times

    def forward(self, images: Tensor) -> Tensor:
        """The repeated channels."""
        return images.repeat(1, self.times, 1, 1)


def tiled(shape: Shape, options: TiledOptions, times: int, plan: Plan, pool: tuple[int, int, int]) -> Network:
    """5x5 convolutions and max-pools as in `plan` on `times` times the channels, then dense layers 4096, 4096.

    Modified AlexNet: 5 convolutions, 3x3 pools of stride 2, 8 measured layers. Modified VGG13: 10 convolutions, 2x2
    pools, 13 measured layers. Measured: the tiled image, each convolution after its ReLU and before any pool, each
    dense layer. Raises ValueError where the image is too small for the pools.
    """
    size = shape.image_size
    for _ in range(plan.count("M")):
        size = output_size(size, *pool)
    if size < 1:
        raise ValueError(f"images of side {shape.image_size} are too small for {plan.count('M')} max-pools")
    channels = next(step for step in reversed(plan) if step != "M")
    layers = {
        "tile": Tile(times),
        **convolutions(times * shape.channels, plan, kernel=5, pool=pool),
        **dense_layers([channels * size**2, 4096, 4096]),
    }
    measured = [name for name in layers if name.startswith(("tile", "conv", "fc"))]
    return with_head(layers, 4096, shape, options, measured)


class Residual(nn.Module):
    """Residual block with identity shortcut: convolutions without bias, each with batch norm and ReLU.

    The shortcut is added before the last ReLU, whose output is both the last convolution's activation and the block's.
    `flat`: flatten the output to (n, channels * side * side), for the linear head. `inside`: maps the names of the
    other convolutions' activations to modules.
    """

    def __init__(self, channels: int, kernels: Sequence[int], flat: bool = False):
        super().__init__()
        self.flat = flat
        self.inside = {f"conv{i}": f"convolutions.{i - 1}" for i in range(1, len(kernels))}
        self.convolutions = nn.ModuleList()
        for i, kernel in enumerate(kernels, start=1):
            convolution = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=False)
            relu = [nn.ReLU()] if i < len(kernels) else []
            self.convolutions.append(nn.Sequential(convolution, nn.BatchNorm2d(channels), *relu))

    def forward(self, hidden: Tensor) -> Tensor:
        """The block's activation: (n, channels, side, side), or flat."""
        shortcut = hidden
        for convolution in self.convolutions:
            hidden = convolution(hidden)
        hidden = torch.relu(hidden + shortcut)
        return hidden.flatten(1) if self.flat else hidden


def gresnet(shape: Shape, options: GresnetOptions, tiles: int, kernels: dict[str, Sequence[Sequence[int]]]) -> Network:
    """Residual blocks on `tiles` times the channels, all at the image's size, then the classifier on the flat image.

    `kernels`: for each kind of network, the kernel sizes of its blocks' convolutions.

    Measured: the tiled image and each block (5 layers); `measured_inside` adds the blocks' other convolutions (basic 9,
    bottleneck 13, mixed 11). In the code, mixed is ResNetMixV2, the others GResNet, for images of one channel.
    """
    channels = tiles * shape.channels
    kinds = kernels[options.block]
    blocks = {f"block{i}": Residual(channels, kind, flat=i == len(kinds)) for i, kind in enumerate(kinds, start=1)}
    layers = {"tile": Tile(tiles), **blocks}
    return with_head(layers, channels * shape.image_size**2, shape, options, measured=["tile", *blocks])
