"""The networks by name, without torch: an entry each, which planning, training, figures and documentation read.

To add one: its builder in a file of this folder, and an entry here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from collapse.models import flops
from collapse.models.flops import Plan, Products
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


@dataclass(frozen=True)
class NetworkEntry:
    """A network that recipes can name.

    `build` is the "module:function" of its builder (shape, options, **design) -> Network, imported when a network is
    built. `multiplications` (shape, options, **design) counts its layers' multiplications (collapse.models.flops).
    """

    title: str
    options: type[NetworkOptions]
    build: str
    multiplications: Callable[..., Products]
    design: Mapping[str, Any] = field(default_factory=dict)
    own: bool = False  # of the configuration (collapse.models.own)
    flops: float | None = None  # of a training step on one image, where nothing counts them
    version: int = 1  # raised by a fix that changes what it makes (Recipe.versions)

    def training_flops(self, shape: Shape, options: NetworkOptions) -> float:
        """FLOPs of a training step on one image."""
        if self.flops is not None:
            return self.flops
        return flops.training_flops(self.multiplications(shape, options, **self.design), options)


def vgg(title: str, *plan: int | Literal["M"], options: type[NetworkOptions] = VggOptions) -> NetworkEntry:
    """A VGG: a number is a 3x3 convolution with that many filters, "M" a 2x2 max-pool."""
    return NetworkEntry(title, options, "collapse.models.convolutional:vgg", flops.vgg, {"plan": plan})


def resnet(title: str, block: str, *blocks: int) -> NetworkEntry:
    """A ResNet of torchvision's `block`; `blocks` says how many each stage has."""
    design = {"block": block, "blocks": blocks}
    return NetworkEntry(title, ResnetOptions, "collapse.models.resnet:resnet", flops.resnet, design)


def densenet(
    title: str, *blocks: int, growth: int, channels: int, bottleneck: bool = True, stem_norm: bool = False
) -> NetworkEntry:
    """A DenseNet (Huang et al. 2017) with `blocks` dense layers in each block, which add `growth` channels each.

    `channels`: channels of the stem. `bottleneck`: DenseNet-BC: 1x1 convolutions, and transitions halve the channels.
    `stem_norm`: batch norm and ReLU after the stem's convolution, as the ImageNet networks have.
    """
    design = {
        "blocks": blocks, "growth": growth, "channels": channels, "bottleneck": bottleneck, "stem_norm": stem_norm,
    }  # fmt: skip
    return NetworkEntry(title, DensenetOptions, "collapse.models.densenet:densenet", flops.densenet, design)


def tiled(title: str, times: int, plan: Plan, pool: tuple[int, int, int]) -> NetworkEntry:
    """5x5 convolutions on `times` times the channels. `pool`: kernel, stride and padding of a max-pool."""
    design = {"times": times, "plan": plan, "pool": pool}
    return NetworkEntry(title, TiledOptions, "collapse.models.tiled:tiled", flops.tiled, design)


# Simonyan & Zisserman 2015, Table 1.
VGG13: Plan = (64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M")
ALEXNET: Plan = (64, "M", 192, "M", 384, 256, 256, "M")
# Kernel sizes of the residual blocks on tiled images (He & Su 2023, code); no block narrows its channels.
BASIC, BOTTLENECK = (3, 3), (5, 5, 5)
BLOCKS = {"basic": (BASIC,) * 4, "bottleneck": (BOTTLENECK,) * 4, "mixed": (BOTTLENECK,) * 2 + (BASIC,) * 2}

NETWORKS: dict[str, NetworkEntry] = {
    "mlp": NetworkEntry("MLP", MlpOptions, "collapse.models.mlp:mlp", flops.mlp),
    "convnet": vgg("small ConvNet", 16, "M", 32, "M", 64, "M", options=ConvnetOptions),
    "vgg11": vgg("VGG11", 64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"),
    "vgg13": vgg("VGG13", *VGG13),
    "vgg16": vgg("VGG16", 64, 64, "M", 128, 128, "M", *(256,) * 3, "M", *(512,) * 3, "M", *(512,) * 3, "M"),
    "vgg19": vgg("VGG19", 64, 64, "M", 128, 128, "M", *(256,) * 4, "M", *(512,) * 4, "M", *(512,) * 4, "M"),
    "resnet18": resnet("ResNet18", "BasicBlock", 2, 2, 2, 2),
    "resnet50": resnet("ResNet50", "Bottleneck", 3, 4, 6, 3),
    "resnet152": resnet("ResNet152", "Bottleneck", 3, 8, 36, 3),
    "densenet40": densenet("DenseNet40", 12, 12, 12, growth=12, channels=16, bottleneck=False),
    "densenet201": densenet("DenseNet201", 6, 12, 48, 32, growth=32, channels=64, stem_norm=True),
    "densenet250": densenet("DenseNet250", 41, 41, 41, growth=24, channels=48),
    "alexnet_tiled": tiled("AlexNet, tiled", 32, ALEXNET, pool=(3, 2, 1)),
    "vgg13_tiled": tiled("VGG13, tiled", 16, VGG13, pool=(2, 2, 0)),
    "free_features": NetworkEntry(
        "unconstrained features",
        FreeFeaturesOptions,
        "collapse.models.free_features:free_features",
        flops.free_features,
    ),
    "gresnet": NetworkEntry(
        "residual network, tiled",
        GresnetOptions,
        "collapse.models.tiled:gresnet",
        flops.gresnet,
        {"tiles": 8, "kernels": BLOCKS},
    ),
}


def network_title(name: str) -> str:
    """Title of a network in figures. Their jobs do not know a network of one's own: it is called by its name."""
    return NETWORKS[name].title if name in NETWORKS else name
