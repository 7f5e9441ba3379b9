"""VGG: stacks of convolutions and max-pools, then dense layers."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from collapse.models.flops import Plan
from collapse.models.heads import with_head
from collapse.models.mlp import dense
from collapse.models.network import Network
from collapse.models.options import ConvnetOptions, VggOptions
from collapse.models.shape import Shape


def convolutions(channels: int, plan: Plan, kernel: int = 3, pool: tuple[int, int, int] = (2, 2, 0)) -> dict:
    """The layers of `plan`: conv1, conv2, ... (same-size biased convolution, batch norm, ReLU) and pool1, pool2, ...

    `pool` is kernel, stride and padding of a max-pool.
    """
    layers: dict[str, nn.Module] = {}
    pools = 0
    for step in plan:
        if step == "M":
            pools += 1
            layers[f"pool{pools}"] = nn.MaxPool2d(*pool)
        else:
            convolution = nn.Conv2d(channels, step, kernel, padding=kernel // 2)
            layers[f"conv{len(layers) - pools + 1}"] = nn.Sequential(convolution, nn.BatchNorm2d(step), nn.ReLU())
            channels = step
    return layers


def dense_layers(widths: Sequence[int]) -> dict[str, nn.Module]:
    """flatten, then fc1, fc2, ... (Linear, batch norm, ReLU) from widths[0] to widths[-1]."""
    layers = {f"fc{i}": dense(*pair) for i, pair in enumerate(pairwise(widths), start=1)}
    return {"flatten": nn.Flatten(), **layers}


def vgg(shape: Shape, options: VggOptions | ConvnetOptions, plan: Plan) -> Network:
    """VGG with batch norm: convolutions and max-pools as in `plan`, then the dense layers that the options say.

    torchvision's VGG differs (7x7 pooling, dropout, no batch norm in its head, another initialisation), so this is the
    layer_peeled networks' own layout: conv, batch norm, ReLU; head Linear, batch norm, ReLU (Fang et al. 2021, code).
    Without dense layers, the features are the average over the remaining pixels (Dang et al. 2023, code, where one
    pixel remains). Raises ValueError where the image is too small for the pools.
    """
    shrink = 2 ** plan.count("M")
    size = shape.image_size // shrink
    if size == 0:
        raise ValueError(f"{plan.count('M')} max-pools need images of side {shrink}, not {shape.image_size}")
    layers = convolutions(shape.channels, plan)
    channels = next(step for step in reversed(plan) if step != "M")
    hidden = options.dense_widths
    if hidden:
        layers |= dense_layers([channels * size**2, *hidden])
    else:
        layers["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    measured = [name for name in layers if name.startswith(("conv", "fc")) or name == "pool"]
    return with_head(layers, hidden[-1] if hidden else channels, shape, options, measured)
