"""What is known of each dataset before it is there. Adding one: an entry here, its loader in prepare.py."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DatasetSpec:
    """A labelled image dataset with a train and a test split.

    `train_counts` are the samples of each class in the train split; `mean` and `std` normalise pixels that were first
    divided by `max_pixel`, one value a channel.
    """

    title: str
    num_classes: int
    channels: int
    image_size: int
    train_counts: tuple[int, ...]
    max_pixel: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


MNIST_COUNTS = (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)

DATASETS = {
    # scikit-learn's copy of the UCI digits: 1,797 images, 174 to 183 a class; 140 a class train, the rest test.
    "digits": DatasetSpec("digits", 10, 1, 8, (140,) * 10, 16, (0.305,), (0.376,)),
    "mnist": DatasetSpec("MNIST", 10, 1, 28, MNIST_COUNTS, 255, (0.1307,), (0.3081,)),
    # The constants of the layer-peeled code (data preparation).
    "fashion_mnist": DatasetSpec("Fashion-MNIST", 10, 1, 28, (6000,) * 10, 255, (0.2860,), (0.3530,)),
    "cifar10": DatasetSpec("CIFAR-10", 10, 3, 32, (5000,) * 10, 255, (0.4914, 0.4822, 0.4465), (0.247, 0.243, 0.261)),
}
