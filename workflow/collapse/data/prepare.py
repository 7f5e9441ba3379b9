"""Raw datasets to (images, labels): uint8 images (n, channels, side, side), int64 labels (n,), in a fixed order.

A loader (data_root, download) -> {"train": ..., "test": ...} reads the files below data_root and checks their md5.
It downloads what is absent or damaged if `download` is true, else it raises DatasetUnavailable with the remedy.
"""

from collections.abc import Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, cast

import numpy as np

from collapse.data.entries import DATASETS
from collapse.data.own import SPLITS, OwnDataset, classes_in, images_of, read_image
from collapse.data.raw_files import require_files

Split = tuple[np.ndarray, np.ndarray]


def load(dataset: str, data_root: Path, download: bool) -> dict[str, Split]:
    """The train and test split of a dataset; raises DatasetUnavailable with the remedy."""
    return resolve_name(DATASETS[dataset].load)(data_root, download)


def load_own(source: OwnDataset) -> dict[str, Split]:
    """The train and test split of a dataset of one's own; raises BadDataset naming the file at fault."""
    entry = source.entry("")  # checks the archive, or the folders and their first image
    if source.npz:
        with np.load(source.path) as arrays:
            shape = (-1, entry.image_size, entry.image_size, entry.channels)
            images = {split: arrays[f"x_{split}"].reshape(shape).transpose(0, 3, 1, 2) for split in SPLITS}
            return {split: (images[split], arrays[f"y_{split}"].astype(np.int64)) for split in SPLITS}
    classes, shape = classes_in(source.path), (entry.channels, entry.image_size, entry.image_size)
    splits = {}
    for split in SPLITS:
        found = [images_of(source.path / split / name) for name in classes]
        images = np.empty((sum(map(len, found)), *shape), dtype=np.uint8)
        for i, path in enumerate(path for paths in found for path in paths):
            images[i] = read_image(path, entry.channels, entry.image_size)
        splits[split] = images, np.repeat(np.arange(len(classes)), list(map(len, found)))
    return splits


def digits(data_root: Path, download: bool) -> dict[str, Split]:
    """The 8x8 digits inside scikit-learn. Its samples are ordered by writer, so the split shuffles them first."""
    from sklearn.datasets import load_digits
    from sklearn.utils import Bunch

    bunch = cast(Bunch, load_digits())  # a tuple only if asked for one
    images = bunch.images.astype(np.uint8)[:, None]
    labels = bunch.target.astype(np.int64)
    order = np.random.default_rng(0).permutation(len(labels))
    rank = np.empty(len(labels), dtype=np.int64)  # position of each sample among its class, in shuffled order
    for label in range(10):
        rank[order[labels[order] == label]] = np.arange((labels == label).sum())
    train = rank[order] < DATASETS["digits"].train_counts[0]
    return {
        "train": (images[order[train]], labels[order[train]]),
        "test": (images[order[~train]], labels[order[~train]]),
    }


def cifar10(data_root: Path, download: bool) -> dict[str, Split]:
    """CIFAR-10: images (n, 3, 32, 32) and labels (n,) of each split."""
    return _cifar("CIFAR10", data_root, download)


def cifar100(data_root: Path, download: bool) -> dict[str, Split]:
    """CIFAR-100 with its 100 fine labels: images (n, 3, 32, 32) and labels (n,) of each split."""
    return _cifar("CIFAR100", data_root, download)


def _cifar(dataset_class: str, data_root: Path, download: bool) -> dict[str, Split]:
    """A dataset of CIFAR as torchvision reads it, from pickles, of images it makes (n, 32, 32, 3)."""
    from torchvision import datasets

    kind = getattr(datasets, dataset_class)
    names = [
        (kind.meta["filename"], kind.meta["md5"])
    ]  # without which torchvision reads nothing, but does not fetch it
    _require_archive(kind, data_root, [*kind.train_list, *kind.test_list, *names], download)
    splits = {name: kind(str(data_root), name == "train") for name in SPLITS}
    return {name: _arrays(split.data.transpose(0, 3, 1, 2), split.targets) for name, split in splits.items()}


def svhn(data_root: Path, download: bool) -> dict[str, Split]:
    """SVHN's cropped digits: images (n, 3, 32, 32) and labels (n,) of each split; torchvision makes label 10 a 0."""
    from torchvision.datasets import SVHN
    from torchvision.datasets.utils import download_url

    files = [SVHN.split_list[name] for name in SPLITS]  # (address, file, md5)

    def fetch() -> None:
        for url, name, md5 in files:
            download_url(url, data_root, name, md5)

    require_files([(data_root / name, md5) for _, name, md5 in files], download, fetch)
    return _by_split(SVHN, data_root)


def stl10(data_root: Path, download: bool) -> dict[str, Split]:
    """STL-10's labelled images, upright as torchvision turns them: (n, 3, 96, 96), and labels (n,) of each split.

    The unlabelled images are not read, but torchvision checks their file's md5 with the others', so it must be there.
    """
    from torchvision.datasets import STL10

    _require_archive(STL10, data_root, [*STL10.train_list, *STL10.test_list], download)
    return _by_split(STL10, data_root)


def _require_archive(kind: Any, data_root: Path, files: list[Sequence[str]], download: bool) -> None:
    """Download a dataset's archive if one of its unpacked files (name, md5) is absent or has another md5.

    Raises DatasetUnavailable.
    """
    from torchvision.datasets.utils import download_and_extract_archive

    require_files(
        [(data_root / kind.base_folder / name, md5) for name, md5 in files],
        download,
        lambda: download_and_extract_archive(kind.url, data_root, filename=kind.filename, md5=kind.tgz_md5),
    )


def _by_split(kind: Any, data_root: Path) -> dict[str, Split]:
    """A dataset whose class takes the split's name and holds images (n, channels, side, side)."""
    splits = {name: kind(str(data_root), split=name) for name in SPLITS}
    return {name: _arrays(split.data, split.labels) for name, split in splits.items()}


def _arrays(images: np.ndarray, labels: np.ndarray | list[int]) -> Split:
    """Split of images (n, channels, side, side), which torchvision only transposed: their own order in memory."""
    return np.ascontiguousarray(images), np.asarray(labels, dtype=np.int64)


def unconstrained(data_root: Path, download: bool) -> dict[str, Split]:
    """No images: the samples of unconstrained features are those that a recipe counts."""
    nothing = np.empty((0, 1, 1, 1), dtype=np.uint8), np.empty(0, dtype=np.int64)
    return {"train": nothing, "test": nothing}
