"""FLOPs of a training step, from a network's options alone: the workflow plans without torch.

Each function mirrors the builder of the same name: (shape, options, **design) -> for each convolution and dense layer,
in order, the name of the Network's layer that holds it, and its multiplications in the forward pass of one image.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal

from collapse.models.options import (
    ConvnetOptions,
    DensenetOptions,
    FreeFeaturesOptions,
    GresnetOptions,
    MlpOptions,
    NetworkOptions,
    ResnetOptions,
    TiledOptions,
    VggOptions,
)
from collapse.models.shape import Shape

Products = list[tuple[str, int]]
Plan = Sequence[int | Literal["M"]]  # a number is a same-size convolution with that many filters, "M" a max-pool


def training_flops(products: Products, options: NetworkOptions) -> float:
    """FLOPs of a training step on one image: forward, gradient of the weights, gradient of each layer's input.

    Frozen layers need no gradient of their weights; layers up to the first trained one need no gradient of their input.
    """
    frozen = {*options.frozen, *(["classifier"] if options.classifier != "learned" else [])}
    trained = [layer not in frozen for layer, _ in products]
    passes = [1 + trains + any(trained[:i]) for i, trains in enumerate(trained)]
    return 2.0 * sum(number * times for (_, number), times in zip(products, passes, strict=True))


def with_head(products: Iterable[tuple[str, int]], width: int, shape: Shape, options: NetworkOptions) -> Products:
    """The products of a backbone, then the products of the linear head on features of `width` dimensions."""
    linear = [(f"linear{i}", width**2) for i in range(1, options.linear_layers)]
    return [*products, *linear, ("classifier", width * shape.num_classes)]


def mlp(shape: Shape, options: MlpOptions) -> Products:
    """Fully connected network."""
    pixels = shape.pixels if options.input_channel is None else shape.image_size**2
    narrow = [] if options.feature_dim is None else [options.declared_width(shape.num_classes)]
    widths = [pixels, *options.widths(), *narrow]
    products = dense(widths)
    if options.feature_linear:
        products.append(("feature_linear", widths[-1] ** 2))
    return with_head(products, widths[-1], shape, options)


def free_features(shape: Shape, options: FreeFeaturesOptions) -> Products:
    """Unconstrained features, as a linear layer on images that name the samples."""
    return with_head([("samples", shape.pixels * options.width)], options.width, shape, options)


def dense(widths: Sequence[int]) -> Products:
    """fc1, fc2, ... from widths[0] to widths[-1]."""
    return [(f"fc{i}", a * b) for i, (a, b) in enumerate(pairwise(widths), start=1)]


def vgg(shape: Shape, options: VggOptions | ConvnetOptions, plan: Plan) -> Products:
    """VGG, or any network of 3x3 convolutions, 2x2 pools and dense layers."""
    products, channels, size = convolutions(shape.channels, shape.image_size, plan)
    hidden = options.dense_widths
    products += dense([channels * size**2, *hidden])
    return with_head(products, hidden[-1] if hidden else channels, shape, options)


def tiled(shape: Shape, options: TiledOptions, times: int, plan: Plan, pool: tuple[int, int, int]) -> Products:
    """5x5 convolutions on tiled images."""
    products, channels, size = convolutions(times * shape.channels, shape.image_size, plan, kernel=5, pool=pool)
    return with_head([*products, *dense([channels * size**2, 4096, 4096])], 4096, shape, options)


def convolutions(
    channels: int, size: int, plan: Plan, kernel: int = 3, pool: tuple[int, int, int] = (2, 2, 0)
) -> tuple[Products, int, int]:
    """Products of conv1, conv2, ... of `plan`, and the channels and side of the last output."""
    products: Products = []
    for step in plan:
        if step == "M":
            size = output_size(size, *pool)
        else:
            products.append((f"conv{len(products) + 1}", kernel**2 * channels * step * size**2))
            channels = step
    return products, channels, size


def output_size(size: int, kernel: int, stride: int, padding: int) -> int:
    """Side of the output of a convolution or pool on images of side `size`."""
    return (size + 2 * padding - kernel) // stride + 1


def stem(channels: int, size: int, width: int, kind: str) -> tuple[Products, int]:
    """The stem of ResNet and DenseNet, and the side of its output."""
    kernel, stride = {"cifar": (3, 1), "imagenet": (7, 2)}[kind]
    size = output_size(size, kernel, stride, kernel // 2)
    products = [("stem", kernel**2 * channels * width * size**2)]
    return products, output_size(size, 3, 2, 1) if kind == "imagenet" else size


def resnet(shape: Shape, options: ResnetOptions, block: str, blocks: Sequence[int]) -> Products:
    """ResNet of torchvision's blocks."""
    expansion = {"BasicBlock": 1, "Bottleneck": 4}[block]
    products, size = stem(shape.channels, shape.image_size, options.base_width, options.stem)
    channels, narrow = options.base_width, options.declared_width(shape.num_classes)
    for i, depth in enumerate(blocks):
        planes = options.base_width * 2**i
        for j in range(depth):
            last = (i, j) == (len(blocks) - 1, depth - 1)
            width = narrow if last and narrow is not None else planes * expansion
            stride = 2 if i and not j else 1
            number, size = residual(channels, planes, width, size, stride, expansion)
            products.append((f"stage{i + 1}", number))
            channels = width
    return with_head(products, channels, shape, options)


def residual(channels: int, planes: int, width: int, size: int, stride: int, expansion: int) -> tuple[int, int]:
    """Multiplications of a basic block (expansion 1) or bottleneck, with any projection; and its output's side."""
    after = output_size(size, 3, stride, 1)
    projection = 0 if (stride, channels) == (1, width) else channels * width * after**2
    if expansion == 1:
        return (9 * channels * planes + 9 * planes * width) * after**2 + projection, after
    inner = channels * planes * size**2 + 9 * planes**2 * after**2
    return inner + planes * width * after**2 + projection, after


def densenet(
    shape: Shape,
    options: DensenetOptions,
    blocks: Sequence[int],
    growth: int,
    channels: int,
    bottleneck: bool,
    stem_norm: bool,
) -> Products:
    """DenseNet, with torchvision's bottlenecks of 4 * growth channels. Multiplications of batch norms are neglected."""
    products, size = stem(shape.channels, shape.image_size, channels, options.stem)
    for i, depth in enumerate(blocks, start=1):
        for _ in range(depth):
            each = 4 * growth * (channels + 9 * growth) if bottleneck else 9 * channels * growth
            products.append((f"block{i}", each * size**2))
            channels += growth
        if i < len(blocks):
            narrower = channels // 2 if bottleneck else channels
            products.append((f"transition{i}", channels * narrower * size**2))
            channels, size = narrower, size // 2
    return with_head(products, channels, shape, options)


def gresnet(shape: Shape, options: GresnetOptions, tiles: int, kernels: dict[str, Sequence[Sequence[int]]]) -> Products:
    """Residual blocks on tiled images."""
    channels = tiles * shape.channels
    products = [
        (f"block{i}", (kernel * channels * shape.image_size) ** 2)
        for i, block in enumerate(kernels[options.block], start=1)
        for kernel in block
    ]
    return with_head(products, channels * shape.image_size**2, shape, options)
