import gzip
import hashlib
import pickle
import struct

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat
from torchvision.datasets import CIFAR100, STL10, SVHN

from collapse.atomic_io import DamagedFile
from collapse.data.entries import DATASETS
from collapse.data.images import normalise, resize
from collapse.data.prepare import load
from collapse.data.raw_files import DatasetUnavailable
from collapse.data.store import read_split, write_dataset


def test_digits_are_split_140_a_class_and_the_rest(tmp_path):
    splits = load("digits", tmp_path, download=False)
    images, labels = splits["train"]
    assert images.shape == (1400, 1, 8, 8)
    assert images.dtype == np.uint8
    assert images.max() == DATASETS["digits"].max_pixel
    assert np.bincount(labels).tolist() == [140] * 10
    assert len(splits["test"][1]) == 1797 - 1400


def test_digits_constants_standardise_the_train_split(tmp_path):
    images, _ = load("digits", tmp_path, download=False)["train"]
    spec = DATASETS["digits"]
    pixels = normalise(images, 8, spec.max_pixel, spec.mean, spec.std, torch.device("cpu"))
    assert abs(pixels.mean()) < 0.01
    assert abs(pixels.std() - 1) < 0.01


@pytest.mark.parametrize(
    "dataset", ["mnist", "fashion_mnist", "cifar10", "emnist_letters", "cifar100", "svhn", "stl10"]
)
def test_an_absent_dataset_is_one_clear_error(dataset, tmp_path):
    with pytest.raises(DatasetUnavailable, match=r"data_root in config/config\.yaml") as error:
        load(dataset, tmp_path, download=False)
    assert str(tmp_path) in str(error.value)


def test_a_dataset_with_the_wrong_md5_is_refused(tmp_path):
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (raw / f"{name}-ubyte.gz").write_bytes(gzip.compress(bytes(100)))
        (raw / f"{name}-ubyte").write_bytes(bytes(100))  # torchvision would read these unpacked ones unchecked
    with pytest.raises(DatasetUnavailable, match=r"train-images-idx3-ubyte\.gz has the wrong md5"):
        load("fashion_mnist", tmp_path, download=False)


def idx_file(numbers):
    """An IDX file of bytes (n,) or (n, rows, columns)."""
    header = struct.pack(f">I{numbers.ndim}I", 2048 + numbers.ndim, *numbers.shape)
    return header + numbers.astype(np.uint8).tobytes()


def test_emnist_letters_are_read_in_the_layout_of_torchvision(tmp_path):
    raw = tmp_path / "EMNIST" / "raw"
    raw.mkdir(parents=True)
    pixels = np.arange(3 * 28 * 28).reshape(3, 28, 28) % 256
    for split, letters in {"train": [1, 26, 2], "test": [3, 1, 1]}.items():
        (raw / f"emnist-letters-{split}-images-idx3-ubyte").write_bytes(idx_file(pixels))
        (raw / f"emnist-letters-{split}-labels-idx1-ubyte").write_bytes(idx_file(np.array(letters)))
    splits = load("emnist_letters", tmp_path, download=False)
    images, labels = splits["train"]
    assert images.dtype == np.uint8
    assert np.array_equal(images, pixels[:, None])
    assert labels.tolist() == [0, 25, 1]
    assert splits["test"][1].tolist() == [2, 0, 0]


# Pixels of the small files of three images below, (image, channel, row, column, value): all others are 0.
MARKS = {"train": [(0, 2, 5, 30, 7), (1, 0, 1, 2, 200)], "test": [(2, 1, 31, 0, 255)]}


def md5s(folder, names):
    """The name and md5 of files of a folder, as torchvision lists them."""
    return [[name, hashlib.md5((folder / name).read_bytes()).hexdigest()] for name in names]


def write_svhn(root, monkeypatch):
    """Files of X (32, 32, 3, n) and y (n, 1), in which a 0 is a 10; returns their folder and the labels to read."""
    for split, labels in {"train": [10, 1, 9], "test": [2, 10, 10]}.items():
        pixels = np.zeros((32, 32, 3, 3), dtype=np.uint8)
        for image, channel, row, column, value in MARKS[split]:
            pixels[row, column, channel, image] = value
        savemat(root / f"{split}_32x32.mat", {"X": pixels, "y": np.array(labels, dtype=np.uint8)[:, None]})
    files = {split: ["", *md5s(root, [f"{split}_32x32.mat"])[0]] for split in ("train", "test")}
    monkeypatch.setattr(SVHN, "split_list", files)
    return root, {"train": [0, 1, 9], "test": [2, 0, 0]}


def write_cifar100(root, monkeypatch):
    """Pickles of data (n, 3072), a channel after the other, and two kinds of labels; returns as write_svhn."""
    folder, fine = root / "cifar-100-python", {"train": [99, 0, 42], "test": [7, 50, 98]}
    folder.mkdir()
    for split, labels in fine.items():
        pixels = np.zeros((3, 3072), dtype=np.uint8)
        for image, channel, row, column, value in MARKS[split]:
            pixels[image, 1024 * channel + 32 * row + column] = value
        content = {"data": pixels, "fine_labels": labels, "coarse_labels": [19, 1, 2]}
        (folder / split).write_bytes(pickle.dumps(content, protocol=2))
    names = {"fine_label_names": [str(label) for label in range(100)], "coarse_label_names": ["all"] * 20}
    (folder / "meta").write_bytes(pickle.dumps(names, protocol=2))
    monkeypatch.setattr(CIFAR100, "train_list", md5s(folder, ["train"]))
    monkeypatch.setattr(CIFAR100, "test_list", md5s(folder, ["test"]))
    monkeypatch.setitem(CIFAR100.meta, "md5", md5s(folder, ["meta"])[0][1])
    return folder, fine


def write_stl10(root, monkeypatch):
    """Bytes of images, each channel column by column, and labels from 1; returns as write_svhn."""
    folder = root / "stl10_binary"
    folder.mkdir()
    for split, labels in {"train": [10, 1, 5], "test": [2, 3, 10]}.items():
        pixels = bytearray(3 * 3 * 96 * 96)
        for image, channel, row, column, value in MARKS[split]:
            pixels[((3 * image + channel) * 96 + column) * 96 + row] = value
        (folder / f"{split}_X.bin").write_bytes(pixels)
        (folder / f"{split}_y.bin").write_bytes(bytes(labels))
    (folder / "unlabeled_X.bin").write_bytes(bytes(3 * 96 * 96))
    (folder / "class_names.txt").write_text("".join(f"class {label}\n" for label in range(1, 11)))
    monkeypatch.setattr(STL10, "train_list", md5s(folder, ["train_X.bin", "train_y.bin", "unlabeled_X.bin"]))
    monkeypatch.setattr(STL10, "test_list", md5s(folder, ["test_X.bin", "test_y.bin"]))
    return folder, {"train": [9, 0, 4], "test": [1, 2, 9]}


WRITERS = {"svhn": write_svhn, "cifar100": write_cifar100, "stl10": write_stl10}


@pytest.mark.parametrize("dataset", WRITERS)
def test_images_and_labels_are_those_of_the_files(dataset, tmp_path, monkeypatch):
    _, expected = WRITERS[dataset](tmp_path, monkeypatch)
    side = DATASETS[dataset].image_size
    splits = load(dataset, tmp_path, download=False)
    assert set(splits) == {"train", "test"}
    for split, (images, labels) in splits.items():
        pixels = np.zeros((3, 3, side, side), dtype=np.uint8)
        for image, channel, row, column, value in MARKS[split]:
            pixels[image, channel, row, column] = value
        assert images.dtype == np.uint8
        assert images.flags.c_contiguous
        assert np.array_equal(images, pixels)
        assert labels.dtype == np.int64
        assert labels.tolist() == expected[split]


DAMAGES = {
    "missing": lambda path: path.unlink(),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "other md5": lambda path: path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1])),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("dataset", WRITERS)
def test_a_missing_or_damaged_file_is_one_clear_error(dataset, damage, tmp_path, monkeypatch):
    folder, _ = WRITERS[dataset](tmp_path, monkeypatch)
    paths = sorted(path for path in folder.iterdir() if path.name != "class_names.txt")  # which has no md5
    for path in paths:
        content = path.read_bytes()
        DAMAGES[damage](path)
        with pytest.raises(DatasetUnavailable, match=r"data_root in config/config\.yaml") as error:
            load(dataset, tmp_path, download=False)
        assert str(error.value).startswith(
            f"{path.resolve()} {'is absent' if damage == 'missing' else 'has the wrong md5'}"
        )
        path.write_bytes(content)
    load(dataset, tmp_path, download=False)


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_dataset_has_one_mean_and_one_std_a_channel(dataset):
    entry = DATASETS[dataset]
    assert len(entry.mean) == entry.channels
    assert len(entry.std) == entry.channels


@pytest.mark.parametrize(
    ("dataset", "classes", "samples"), [("svhn", 10, 73257), ("cifar100", 100, 50000), ("stl10", 10, 5000)]
)
def test_the_train_counts_add_up_to_the_published_split(dataset, classes, samples):
    assert DATASETS[dataset].num_classes == classes
    assert sum(DATASETS[dataset].train_counts) == samples


def test_a_prepared_dataset_round_trips_and_a_changed_one_is_refused(tmp_path):
    splits = load("digits", tmp_path, download=False)
    write_dataset(tmp_path, "digits", splits)
    first = (tmp_path / "manifest.json").read_bytes()
    write_dataset(tmp_path, "digits", splits)
    assert (tmp_path / "manifest.json").read_bytes() == first
    images, labels = read_split(tmp_path, "test")
    assert np.array_equal(images, splits["test"][0])
    assert np.array_equal(labels, splits["test"][1])
    with (tmp_path / "test.safetensors").open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(DamagedFile, match=r"test\.safetensors.*run again"):
        read_split(tmp_path, "test")


def test_resizing_is_pillows_own():
    images = np.random.default_rng(0).integers(0, 256, (3, 2, 28, 28), dtype=np.uint8)
    resized = resize(images, 32)
    expected = np.asarray(Image.fromarray(images[1, 1]).resize((32, 32), Image.Resampling.BILINEAR))
    assert np.array_equal(resized[1, 1], expected)
    assert resize(images, 28) is images


def test_normalising_is_per_channel():
    images = np.full((1, 3, 2, 2), 255, dtype=np.uint8)
    pixels = normalise(images, 2, 255, (0.5, 0.0, 1.0), (0.5, 2.0, 1.0), torch.device("cpu"))
    assert pixels[0, :, 0, 0].tolist() == [1.0, 0.5, 0.0]
