"""Networks. A model file knows nothing of training. Importing this package is cheap: torch comes with its modules."""

NAMES = ("mlp", "convnet", "vgg11", "vgg13", "resnet18")
