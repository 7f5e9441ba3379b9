"""ResNet, from torchvision's blocks, with PyTorch's default initialisation unless options say otherwise."""

from collections.abc import Sequence

from torch import nn

from collapse.models.heads import with_head
from collapse.models.network import Network
from collapse.models.options import ResnetOptions
from collapse.models.shape import Shape


def stem(channels: int, width: int, kind: str) -> nn.Sequential:
    """Convolution, batch norm, ReLU: 3x3 of stride 1 (cifar); 7x7 of stride 2, then a 3x3 max-pool (imagenet)."""
    kernel, stride, padding = {"cifar": (3, 1, 1), "imagenet": (7, 2, 3)}[kind]
    convolution = nn.Conv2d(channels, width, kernel, stride, padding, bias=False)
    pool = [nn.MaxPool2d(3, stride=2, padding=1)] if kind == "imagenet" else []
    return nn.Sequential(convolution, nn.BatchNorm2d(width), nn.ReLU(), *pool)


def projection(channels: int, width: int, stride: int = 1) -> nn.Sequential:
    """The shortcut of a block whose output has another shape than its input: 1x1 convolution, batch norm."""
    return nn.Sequential(nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))


def stage(block: type, channels: int, planes: int, blocks: int, stride: int) -> nn.Sequential:
    """`blocks` residual blocks; the first takes `channels` channels and has stride `stride`."""
    width = planes * block.expansion
    shortcut = None if (stride, channels) == (1, width) else projection(channels, width, stride)
    return nn.Sequential(block(channels, planes, stride, shortcut), *(block(width, planes) for _ in range(1, blocks)))


def narrow(block: nn.Module, width: int) -> None:
    """Make a block with identity shortcut end in `width` channels, by a narrower last convolution and a projection."""
    last = "3" if hasattr(block, "conv3") else "2"
    first = next(child for child in block.children() if isinstance(child, nn.Conv2d))
    convolution = getattr(block, f"conv{last}")
    narrower = nn.Conv2d(
        convolution.in_channels, width, convolution.kernel_size, padding=convolution.padding, bias=False
    )
    setattr(block, f"conv{last}", narrower)
    setattr(block, f"bn{last}", nn.BatchNorm2d(width))
    block.downsample = projection(first.in_channels, width)


def resnet(shape: Shape, options: ResnetOptions, block: str, blocks: Sequence[int]) -> Network:
    """ResNet of four stages of torchvision's `block`: BasicBlock or Bottleneck. Layers stem, stage1, ..., stage4, pool.

    Stem cifar: Fang et al. 2021, Dang et al. 2023, Papyan et al. 2020, Zhu et al. 2021 (--SOTA); imagenet: Zhu et al.
    2021. Initialisation: PyTorch's default in the first two, `he` in the others (all: code). `feature_dim` narrows the
    last block (Zhu et al. 2021, --fixdim); `base_width` k gives their ResNet18_adapt, with 8k features.
    """
    from torchvision.models import resnet as torchvision  # importing it costs more than torch itself

    kind = getattr(torchvision, block)
    layers = {"stem": stem(shape.channels, options.base_width, options.stem)}
    channels = options.base_width
    for i, depth in enumerate(blocks):
        planes = options.base_width * 2**i
        layers[f"stage{i + 1}"] = stage(kind, channels, planes, depth, stride=1 if i == 0 else 2)
        channels = planes * kind.expansion
    width = options.declared_width(shape.num_classes)
    if width is not None:
        narrow(layers["stage4"][-1], width)
    layers["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return with_head(layers, channels if width is None else width, shape, options)
