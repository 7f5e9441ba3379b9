"""MNIST and its kin: IDX files, gzipped as they were published, or already unpacked."""

import gzip
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np

from collapse.atomic_io import replacing
from collapse.data.raw_files import NOT_FETCHED, fault, require

Split = tuple[np.ndarray, np.ndarray]

# The md5 of each published file once it is unpacked: torchvision knows that of the .gz alone.
UNPACKED = {
    "MNIST": {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
    "FashionMNIST": {
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
}


def mnist(data_root: Path, download: bool) -> dict[str, Split]:
    """MNIST: images (n, 1, 28, 28) and labels (n,) of each split."""
    return _gzipped("MNIST", data_root, download)


def fashion_mnist(data_root: Path, download: bool) -> dict[str, Split]:
    """Fashion-MNIST: images (n, 1, 28, 28) and labels (n,) of each split."""
    return _gzipped("FashionMNIST", data_root, download)


def _gzipped(dataset_class: str, data_root: Path, download: bool) -> dict[str, Split]:
    """A dataset of four files, each gzipped or unpacked. Raises DatasetUnavailable.

    Not by torchvision's class: it reads unpacked files unchecked, and where they are there it fetches nothing.
    """
    from torchvision import datasets

    kind, folder = getattr(datasets, dataset_class), data_root / dataset_class / "raw"
    archives = {folder / name: md5 for name, md5 in kind.resources}
    unpacked = {path: UNPACKED[dataset_class][path.stem] for path in archives}

    def faults() -> dict[Path, str]:
        found = {path: _fault_of_both(path, md5, unpacked[path]) for path, md5 in archives.items()}
        return {path: problem for path, problem in found.items() if problem}

    def fetch() -> None:
        for path in faults():
            _fetch(path, archives[path], kind.mirrors)

    require(lambda: [*faults().values()], download, fetch)
    parts = [
        gzip.decompress(path.read_bytes()) if not fault(path, md5) else path.with_suffix("").read_bytes()
        for path, md5 in archives.items()
    ]
    images, labels = parts[::2], parts[1::2]
    return {split: _split(*pair) for split, *pair in zip(("train", "test"), images, labels, strict=True)}


def _fault_of_both(path: Path, md5: str, unpacked_md5: str) -> str:
    """What is wrong with a gzipped file and its unpacked one beside it; empty if one of them is right."""
    found, unpacked = fault(path, md5), path.with_suffix("")
    if not found or not fault(unpacked, unpacked_md5):
        return ""
    return f"{found}, and {unpacked.name} beside it has the wrong md5" if unpacked.is_file() else found


def _fetch(path: Path, md5: str, mirrors: list[str]) -> None:
    """Download a file from the first mirror that gives it; raises the error of the last."""
    from torchvision.datasets.utils import download_url

    *others, last = [f"{mirror}{path.name}" for mirror in mirrors]
    for url in others:
        with suppress(*NOT_FETCHED):
            return download_url(url, path.parent, path.name, md5)
    return download_url(last, path.parent, path.name, md5)


def emnist_letters(data_root: Path, download: bool) -> dict[str, Split]:
    """The letters of EMNIST, on their side as in the files; a to z are 0 to 25. Raises DatasetUnavailable.

    The md5 of the archive is checked when it is downloaded. None is published for the unpacked files: of these, only
    whether they are whole.
    """
    folder = data_root / "EMNIST" / "raw"
    files = {
        split: [folder / f"emnist-letters-{split}-{kind}-ubyte" for kind in ("images-idx3", "labels-idx1")]
        for split in ("train", "test")
    }
    paths = [path for pair in files.values() for path in pair]
    require(lambda: [found for path in paths if (found := _fault_of_unpacked(path))], download, lambda: _unzip(paths))
    splits = {split: _split(*(path.read_bytes() for path in pair)) for split, pair in files.items()}
    return {split: (images, labels - 1) for split, (images, labels) in splits.items()}


def _fault_of_unpacked(path: Path) -> str:
    """What is wrong with an unpacked file; empty if it is whole."""
    if not path.is_file():
        return f"{path.resolve()} is absent"
    try:
        idx_array(path.read_bytes())
    except ValueError as error:
        return f"{path.resolve()} is {error}"
    return ""


def _unzip(paths: list[Path]) -> None:
    """Download EMNIST's archive, where torchvision keeps it too, and unpack these files of it."""
    from torchvision.datasets import EMNIST
    from torchvision.datasets.utils import download_url

    download_url(EMNIST.url, paths[0].parent, "gzip.zip", EMNIST.md5)
    with zipfile.ZipFile(paths[0].parent / "gzip.zip") as archive:
        for path in paths:
            with replacing(path) as part:
                part.write_bytes(gzip.decompress(archive.read(f"gzip/{path.name}.gz")))


def _split(images: bytes, labels: bytes) -> Split:
    """Images (n, 1, rows, columns) uint8 and labels (n,) int64 of a pair of unpacked files."""
    return idx_array(images)[:, None], idx_array(labels).astype(np.int64)


def idx_array(content: bytes) -> np.ndarray:
    """Array of an IDX file of bytes; raises ValueError where it is cut off or something else.

    Two zeros, the type (8: unsigned bytes), the number of dimensions, then each dimension as a big-endian int32, then
    the data.
    """
    try:
        zeros, kind, dimensions = content[:2], content[2], content[3]
        if zeros != b"\0\0" or kind != 8:
            raise ValueError
        shape = np.frombuffer(content, ">i4", dimensions, offset=4)
        return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
    except (IndexError, ValueError):
        raise ValueError("cut off or no IDX file of bytes") from None
