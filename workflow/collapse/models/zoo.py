"""Networks by name. Adding one: its options in options.py, a builder here."""

from functools import partial

from collapse.models.convolutional import CONVNET, VGG11, VGG13, VGG16, VGG19, vgg, vgg_with
from collapse.models.densenet import DENSENET40, DENSENET201, DENSENET250, densenet
from collapse.models.mlp import mlp
from collapse.models.network import Builder
from collapse.models.resnet import resnet
from collapse.models.tiled import alexnet_tiled, gresnet, vgg13_tiled

BUILDERS: dict[str, Builder] = {
    "mlp": mlp,
    "convnet": partial(vgg_with, plan=CONVNET, hidden=(128,)),
    "vgg11": partial(vgg, plan=VGG11),
    "vgg13": partial(vgg, plan=VGG13),
    "vgg16": partial(vgg, plan=VGG16),
    "vgg19": partial(vgg, plan=VGG19),
    "resnet18": partial(resnet, block="BasicBlock", blocks=(2, 2, 2, 2)),
    "resnet50": partial(resnet, block="Bottleneck", blocks=(3, 4, 6, 3)),
    "resnet152": partial(resnet, block="Bottleneck", blocks=(3, 8, 36, 3)),
    "densenet40": partial(densenet, design=DENSENET40),
    "densenet201": partial(densenet, design=DENSENET201),
    "densenet250": partial(densenet, design=DENSENET250),
    "alexnet_tiled": alexnet_tiled,
    "vgg13_tiled": vgg13_tiled,
    "gresnet": gresnet,
}
