"""The datasets by name: an entry for each, readable before the dataset's files exist.

To add one: its loader in a file of this folder, and an entry here.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class DatasetEntry:
    """A labelled image dataset with a train and a test split.

    `load`, a "module:function" (data_root, download) -> {split: (images, labels)}, reads it (collapse.data.prepare).
    `train_counts` are the samples of each class in the train split; `mean` and `std` normalise pixels that were first
    divided by `max_pixel`, one value a channel. `unconstrained`: there are no images. Each sample has features of its
    own that are optimised themselves, and the recipe alone says how many samples of which classes there are.
    `from_files`: it is read from files in the folder data_root.
    """

    title: str
    load: str
    channels: int
    image_size: int
    train_counts: tuple[int, ...]
    max_pixel: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    own: bool = False  # of the configuration (collapse.data.own), which has no loader
    unconstrained: bool = False
    from_files: bool = True
    version: int = 1  # raised by a fix that changes what it makes (Recipe.versions)

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.train_counts)


DATASETS: dict[str, DatasetEntry] = {
    # scikit-learn's copy of the UCI digits: 1,797 images, 174 to 183 a class; 140 a class train, the rest test.
    "digits": DatasetEntry(
        title="digits",
        load="collapse.data.prepare:digits",
        channels=1,
        image_size=8,
        train_counts=(140,) * 10,
        max_pixel=16,
        mean=(0.305,),
        std=(0.376,),
        from_files=False,
    ),
    "mnist": DatasetEntry(
        title="MNIST",
        load="collapse.data.idx:mnist",
        channels=1,
        image_size=28,
        train_counts=(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
        max_pixel=255,
        mean=(0.1307,),
        std=(0.3081,),
    ),
    # Here and below: the constants of the layer-peeled code (data preparation).
    "fashion_mnist": DatasetEntry(
        title="Fashion-MNIST",
        load="collapse.data.idx:fashion_mnist",
        channels=1,
        image_size=28,
        train_counts=(6000,) * 10,
        max_pixel=255,
        mean=(0.2860,),
        std=(0.3530,),
    ),
    "cifar10": DatasetEntry(
        title="CIFAR-10",
        load="collapse.data.prepare:cifar10",
        channels=3,
        image_size=32,
        train_counts=(5000,) * 10,
        max_pixel=255,
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.247, 0.243, 0.261),
    ),
    # The letters of EMNIST, capital and small ones together; constants of the deep linear code (a later copy).
    "emnist_letters": DatasetEntry(
        title="EMNIST letters",
        load="collapse.data.idx:emnist_letters",
        channels=1,
        image_size=28,
        train_counts=(4800,) * 26,
        max_pixel=255,
        mean=(0.1722,),
        std=(0.3309,),
    ),
    # The next three have no official constants: these are commonly used ones. CIFAR-100 has its fine labels.
    "cifar100": DatasetEntry(
        title="CIFAR-100",
        load="collapse.data.prepare:cifar100",
        channels=3,
        image_size=32,
        train_counts=(500,) * 100,
        max_pixel=255,
        mean=(0.5071, 0.4865, 0.4409),
        std=(0.2673, 0.2564, 0.2762),
    ),
    "svhn": DatasetEntry(
        title="SVHN",
        load="collapse.data.prepare:svhn",
        channels=3,
        image_size=32,
        train_counts=(4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659),
        max_pixel=255,
        mean=(0.4377, 0.4438, 0.4728),
        std=(0.1980, 0.2010, 0.1970),
    ),
    "stl10": DatasetEntry(
        title="STL-10",
        load="collapse.data.prepare:stl10",
        channels=3,
        image_size=96,
        train_counts=(500,) * 10,
        max_pixel=255,
        mean=(0.4467, 0.4398, 0.4066),
        std=(0.2603, 0.2566, 0.2713),
    ),
    "unconstrained": DatasetEntry(
        title="unconstrained features",
        load="collapse.data.prepare:unconstrained",
        channels=1,
        image_size=1,
        train_counts=(),
        max_pixel=1,
        mean=(0.0,),
        std=(1.0,),
        unconstrained=True,
        from_files=False,
    ),
}


def dataset_title(name: str) -> str:
    """Title of a dataset in figures. Their jobs do not know a dataset of one's own: it is called by its name."""
    return DATASETS[name].title if name in DATASETS else name


def check_channels(dataset: str, channels: int, **values: tuple[float, ...]) -> None:
    """Raise ValueError for a normalisation that has not one value for each channel of the dataset's images."""
    for name, given in values.items():
        if len(given) != channels:
            raise ValueError(f"{name} has {len(given)} values: images of {dataset} have {channels} channel(s)")
