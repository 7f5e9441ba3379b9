import gzip
import struct

import numpy as np
import pytest
import torch
from PIL import Image

from collapse.atomic_io import DamagedFile
from collapse.data.entries import DATASETS
from collapse.data.images import normalise, resize
from collapse.data.prepare import DatasetUnavailable, _parse_idx, load
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


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist", "cifar10", "emnist_letters"])
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


def test_idx_files_are_read_as_they_are_defined():
    pixels = np.arange(2 * 3 * 4, dtype=np.uint8)
    images = struct.pack(">IIII", 2051, 2, 3, 4) + pixels.tobytes()
    parsed, labels = _parse_idx(images, struct.pack(">II", 2049, 2) + bytes([7, 1]))
    assert np.array_equal(parsed, pixels.reshape(2, 1, 3, 4))
    assert labels.tolist() == [7, 1]


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


def test_a_cut_off_file_of_emnist_is_one_clear_error(tmp_path):
    test_emnist_letters_are_read_in_the_layout_of_torchvision(tmp_path)
    path = tmp_path / "EMNIST" / "raw" / "emnist-letters-train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DatasetUnavailable, match="EMNIST"):
        load("emnist_letters", tmp_path, download=False)


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
