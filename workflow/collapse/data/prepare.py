"""Raw datasets to (images, labels): uint8 images (n, channels, side, side), int64 labels (n,), one row order for good.

Only this module knows where a dataset comes from. torchvision verifies the md5 of everything it reads.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from collapse.data.specs import DATASETS

Split = tuple[np.ndarray, np.ndarray]


class DatasetUnavailable(RuntimeError):
    """A raw dataset is absent or damaged and may not, or could not, be downloaded."""


def load(dataset: str, data_root: Path, download: bool) -> dict[str, Split]:
    """The train and test split of a dataset; raises DatasetUnavailable with the remedy."""
    return LOADERS[dataset](data_root, download)


def _digits(data_root: Path, download: bool) -> dict[str, Split]:
    """The 8x8 digits inside scikit-learn. They come writer by writer, so the split shuffles them first."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = bunch.images.astype(np.uint8)[:, None]
    labels = bunch.target.astype(np.int64)
    order = np.random.default_rng(0).permutation(len(labels))
    rank = np.empty(len(labels), dtype=np.int64)  # position of each sample among its class, in shuffled order
    for label in range(10):
        rank[order[labels[order] == label]] = np.arange((labels == label).sum())
    train = rank[order] < DATASETS["digits"].train_per_class
    return {
        "train": (images[order[train]], labels[order[train]]),
        "test": (images[order[~train]], labels[order[~train]]),
    }


def _torchvision(dataset_class: str, folder: str) -> Callable[[Path, bool], dict[str, Split]]:
    def loader(data_root: Path, download: bool) -> dict[str, Split]:
        from torchvision import datasets

        kind = getattr(datasets, dataset_class)
        try:
            splits = {
                name: kind(str(data_root), train=name == "train", download=download) for name in ("train", "test")
            }
        except (RuntimeError, OSError) as error:
            # torchvision raises RuntimeError for a missing or damaged file, OSError for a failed download.
            raise DatasetUnavailable(
                f"{dataset_class} is not usable in {(data_root / folder).resolve()} "
                f"({str(error).splitlines()[0]}). Remedy: put the files there as torchvision lays them out, point "
                f"data_root in config/config.yaml at a folder that holds them, or allow the download (download: true) "
                f"on a machine with a network. Delete a damaged file first."
            ) from None
        return {name: _arrays(split) for name, split in splits.items()}

    return loader


def _arrays(split) -> Split:
    images = np.asarray(split.data)
    images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(images), np.asarray(split.targets, dtype=np.int64)


LOADERS = {
    "digits": _digits,
    "mnist": _torchvision("MNIST", "MNIST/raw"),
    "fashion_mnist": _torchvision("FashionMNIST", "FashionMNIST/raw"),
    "cifar10": _torchvision("CIFAR10", "cifar-10-batches-py"),
}
