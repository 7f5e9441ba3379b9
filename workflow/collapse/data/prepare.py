"""Raw datasets to (images, labels): uint8 images (n, channels, side, side), int64 labels (n,), in a fixed order.

A loader (data_root, download) -> {"train": ..., "test": ...} reads the files below data_root; if they are missing and
`download` is true, it downloads them. It checks their md5 first, and raises DatasetUnavailable with the remedy.
"""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from pkgutil import resolve_name
from typing import cast

import numpy as np

from collapse.data.entries import DATASETS
from collapse.data.own import SPLITS, OwnDataset, classes_in, images_of, read_image
from collapse.strict import UserError

Split = tuple[np.ndarray, np.ndarray]

REMEDY = (
    "Remedy: point data_root in config/config.yaml at a folder that holds the files as torchvision lays them out, or "
    "allow the download (download: true) on a machine with a network. Delete a damaged file first."
)


class DatasetUnavailable(UserError, RuntimeError):
    """A raw dataset is absent or damaged and may not, or could not, be downloaded."""


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


def mnist(data_root: Path, download: bool) -> dict[str, Split]:
    """MNIST."""
    return _idx("MNIST", data_root, download)


def fashion_mnist(data_root: Path, download: bool) -> dict[str, Split]:
    """Fashion-MNIST."""
    return _idx("FashionMNIST", data_root, download)


# md5 of the unpacked files of MNIST and Fashion-MNIST: torchvision knows those of the archives alone.
UNPACKED = {
    "MNIST": (
        "6bbc9ace898e44ae57da46a324031adb", "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea", "27ae3e4e09519cfbb04c329615203637",
    ),
    "FashionMNIST": (
        "f4a8712d7a061bf5bd6d2ca38dc4d50a", "9018921c3c673c538a1fc5bad174d6f9",
        "8181f5470baa50b63fa0f6fddb340f0a", "15d484375f8d13e6eb1aabb0c3f46965",
    ),
}  # fmt: skip


def _idx(dataset_class: str, data_root: Path, download: bool) -> dict[str, Split]:
    """A dataset of four IDX files, train and test images and labels, as torchvision downloads or unpacks them.

    torchvision checks the md5 only when it downloads; files that were copied to the folder are checked here.
    """
    from torchvision import datasets

    kind, folder = getattr(datasets, dataset_class), data_root / dataset_class / "raw"
    mirrors = kind.mirrors if download else []
    files = zip(kind.resources, UNPACKED[dataset_class], strict=True)
    parts = [_read_idx(folder / name, md5, unpacked, mirrors) for (name, md5), unpacked in files]
    return {"train": _parse_idx(*parts[:2]), "test": _parse_idx(*parts[2:])}


def _read_idx(path: Path, md5: str, unpacked_md5: str, mirrors: list[str]) -> bytes:
    """Content of an IDX file: of its archive `path`, else of the unpacked file beside it, else downloaded."""
    from torchvision.datasets.utils import check_integrity, download_url

    plain = path.with_suffix("")
    for mirror in ("", *mirrors):
        if mirror:
            with suppress(RuntimeError, OSError):  # another mirror may have it
                download_url(mirror + path.name, path.parent, path.name, md5)
        if check_integrity(path, md5):
            return gzip.decompress(path.read_bytes())
        if check_integrity(plain, unpacked_md5):
            return plain.read_bytes()
    there = next((file for file in (path, plain) if file.exists()), path)
    problem = "has the wrong md5" if there.exists() else "is absent"
    tried = f", and could not be downloaded from {' or '.join(mirrors)}" if mirrors else ""
    raise DatasetUnavailable(f"{there.resolve()} {problem}{tried}. {REMEDY}")


def _parse_idx(images: bytes, labels: bytes) -> Split:
    """Arrays of a pair of IDX files: 16 bytes of header and pixels, 8 bytes of header and labels."""
    count, rows, columns = np.frombuffer(images, ">i4", count=3, offset=4)
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(count, 1, rows, columns)
    return pixels, np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)


def cifar10(data_root: Path, download: bool) -> dict[str, Split]:
    """CIFAR-10: images (n, 3, 32, 32) and labels (n,) of each split."""
    return _cifar("CIFAR10", data_root, download)


def cifar100(data_root: Path, download: bool) -> dict[str, Split]:
    """CIFAR-100 with its 100 fine labels: images (n, 3, 32, 32) and labels (n,) of each split."""
    return _cifar("CIFAR100", data_root, download)


def _cifar(dataset_class: str, data_root: Path, download: bool) -> dict[str, Split]:
    """A dataset of CIFAR as torchvision reads it: md5 first, then pickles, of images it makes (n, 32, 32, 3)."""
    from torchvision import datasets

    kind = getattr(datasets, dataset_class)
    with _unavailable(data_root / kind.base_folder):
        splits = {name: kind(str(data_root), name == "train", download=download) for name in ("train", "test")}
    return {name: _arrays(split.data.transpose(0, 3, 1, 2), split.targets) for name, split in splits.items()}


def svhn(data_root: Path, download: bool) -> dict[str, Split]:
    """SVHN's cropped digits: images (n, 3, 32, 32) and labels (n,) of each split; torchvision makes label 10 a 0."""
    return _by_split("SVHN", data_root, data_root, download)


def stl10(data_root: Path, download: bool) -> dict[str, Split]:
    """STL-10's labelled images, upright as torchvision turns them: (n, 3, 96, 96), and labels (n,) of each split.

    The unlabelled images are not read, but torchvision checks their file's md5 with the others', so it must be there.
    """
    return _by_split("STL10", data_root, data_root / "stl10_binary", download)


def _by_split(dataset_class: str, data_root: Path, folder: Path, download: bool) -> dict[str, Split]:
    """A dataset whose class takes the split's name, checks its files' md5 and holds images (n, channels, side, side).

    `folder` is where the files are, for the error.
    """
    from torchvision import datasets

    kind = getattr(datasets, dataset_class)
    with _unavailable(folder):
        splits = {name: kind(str(data_root), split=name, download=download) for name in ("train", "test")}
    return {name: _arrays(split.data, split.labels) for name, split in splits.items()}


def _arrays(images: np.ndarray, labels: np.ndarray | list[int]) -> Split:
    """Split of images (n, channels, side, side), which torchvision only transposed: their own order in memory."""
    return np.ascontiguousarray(images), np.asarray(labels, dtype=np.int64)


def emnist_letters(data_root: Path, download: bool) -> dict[str, Split]:
    """The letters of EMNIST as torchvision reads them, on their side as in the files; a to z are 0 to 25.

    torchvision checks the archive's md5 when it downloads; none is published for the unpacked files.
    """
    from torchvision.datasets import EMNIST

    with _unavailable(data_root / "EMNIST"):
        splits = {
            name: EMNIST(str(data_root), split="letters", train=name == "train", download=download)
            for name in ("train", "test")
        }
    return {
        name: (split.data.numpy()[:, None], split.targets.numpy().astype(np.int64) - 1)
        for name, split in splits.items()
    }


def unconstrained(data_root: Path, download: bool) -> dict[str, Split]:
    """No images: the samples of unconstrained features are those that a recipe counts."""
    nothing = np.empty((0, 1, 1, 1), dtype=np.uint8), np.empty(0, dtype=np.int64)
    return {"train": nothing, "test": nothing}


@contextmanager
def _unavailable(folder: Path) -> Iterator[None]:
    """Turn torchvision's errors into ours: RuntimeError for a missing or damaged file, OSError for the network."""
    try:
        yield
    except (RuntimeError, OSError) as error:
        raise DatasetUnavailable(f"{folder.resolve()}: {str(error).splitlines()[0]}. {REMEDY}") from None
