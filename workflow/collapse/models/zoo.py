"""Networks by name. Adding one: a builder here, its name in __init__.py."""

from collapse.models.convolutional import resnet18, vgg
from collapse.models.mlp import mlp
from collapse.models.network import Builder

# A number is a 3x3 convolution with that many filters, "M" a 2x2 max-pool (Simonyan & Zisserman 2015, Table 1).
VGG11 = (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M")
VGG13 = (64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M")

BUILDERS: dict[str, Builder] = {
    "mlp": lambda shape: mlp(shape, hidden=(128, 128)),
    "convnet": lambda shape: vgg(shape, plan=(16, "M", 32, "M", 64, "M"), hidden=(128,)),
    "vgg11": lambda shape: vgg(shape, plan=VGG11, hidden=(4096, 4096)),
    "vgg13": lambda shape: vgg(shape, plan=VGG13, hidden=(4096, 4096)),
    "resnet18": resnet18,
}
