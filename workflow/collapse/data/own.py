"""A user's own images, by configuration: an image folder, or a NumPy archive; planning looks at them without torch."""

import hashlib
import os
import zipfile
from pathlib import Path
from typing import Any

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from collapse.data.entries import DatasetEntry
from collapse.strict import ConfigModel, UserError

SPLITS = ("train", "test")
ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp", ".gif")
GREY = ("1", "L", "LA")  # Pillow's modes; the others are in colour
DEEP = ("I", "I;16", "I;16L", "I;16B", "F")
# Pixels in [0, 1] of natural images have about this mean and standard deviation.
MEAN, STD = 0.5, 0.25


class BadDataset(UserError, ValueError):
    """Images that can not be used: the message names the file and what is wrong with it."""


class OwnDataset(ConfigModel):
    """Images of one's own: give `folder` or `npz`. They are square, of one size, grey or RGB, of 8 bits a channel."""

    folder: str | None = Field(
        default=None, description="image folder {train,test}/<class>/*; classes are numbered in alphabetical order"
    )
    npz: str | None = Field(
        default=None,
        description="NumPy archive with x_train, x_test, uint8 (n, side, side) or (n, side, side, channels), and "
        "y_train, y_test, whole numbers from 0 (n,)",
    )
    mean: tuple[float, ...] | None = Field(
        default=None, description=f"per-channel mean of the pixels in [0, 1]; by default {MEAN}"
    )
    std: tuple[PositiveFloat, ...] | None = Field(
        default=None, description=f"per-channel standard deviation; by default {STD}"
    )

    @model_validator(mode="after")
    def _one_source(self) -> "OwnDataset":
        if (self.folder is None) == (self.npz is None):
            raise ValueError("give either folder or npz")
        return self

    @property
    def path(self) -> Path:
        """Where the images are."""
        return Path(self.folder or self.npz or "").expanduser()

    def entry(self, name: str) -> DatasetEntry:
        """The entry of the dataset, from a look at its files; raises BadDataset."""
        look = _look_at_folder if self.folder else _look_at_archive
        channels, side, counts = look(self.path)
        return DatasetEntry(
            title=name,
            load="",
            channels=channels,
            image_size=side,
            train_counts=counts,
            max_pixel=255,
            mean=self.mean or (MEAN,) * channels,
            std=self.std or (STD,) * channels,
            own=True,
        )

    def fingerprint(self) -> str:
        """Checksum of the files' names, sizes and times: while it stays, the prepared images are those of the files."""
        files = [self.path] if self.npz else sorted(path for path in self.path.glob("*/*/*") if path.is_file())
        status = [(str(path.relative_to(self.path)), path.stat()) for path in files]
        listing = [(name, found.st_size, found.st_mtime_ns) for name, found in status]
        return hashlib.sha256(repr(listing).encode()).hexdigest()


class OwnImages(ConfigModel):
    """Facts of a dataset of one's own, so that a recipe is complete without the configuration."""

    channels: PositiveInt = Field(description="channels of the images")
    image_size: PositiveInt = Field(description="side of the images")
    train_counts: tuple[PositiveInt, ...] = Field(description="train samples of each class")


def classes_in(folder: Path) -> list[str]:
    """Names of the classes of an image folder, in alphabetical order; raises BadDataset."""
    classes = {}
    for split in SPLITS:
        if not (folder / split).is_dir():
            raise BadDataset(f"{folder / split} is no folder: an image folder is {{train,test}}/<class>/*")
        classes[split] = sorted(entry.name for entry in os.scandir(folder / split) if entry.is_dir())
    if classes["train"] != classes["test"]:
        odd = sorted({*classes["train"]} ^ {*classes["test"]})
        raise BadDataset(f"{folder}: only one of train and test has the class {' or '.join(odd[:5])}")
    if len(classes["train"]) < 2:
        raise BadDataset(f"{folder / 'train'} has {len(classes['train'])} folders of classes: at least 2 are needed")
    return classes["train"]


def images_of(folder: Path) -> list[Path]:
    """The images of one class, in alphabetical order; raises BadDataset where there is none."""
    images = sorted(Path(entry.path) for entry in os.scandir(folder) if entry.name.lower().endswith(ENDINGS))
    if not images:
        raise BadDataset(f"{folder} holds no image ({', '.join(ENDINGS)})")
    return images


def read_image(path: Path, channels: int | None = None, side: int | None = None) -> Any:
    """Pixels of an image, uint8 (channels, side, side).

    Raises BadDataset where it can not be read, is not square, has more than 8 bits a channel, or is not as asked for.
    """
    import numpy as np
    from PIL import Image

    try:
        with Image.open(path) as image:
            image.load()
    except OSError as error:  # an unknown format is one too
        raise BadDataset(f"{path} can not be read as an image ({error})") from None
    found = 1 if image.mode in GREY else 3
    if image.mode in DEEP:
        raise BadDataset(f"{path} has more than 8 bits a channel (Pillow's mode {image.mode})")
    if image.size[0] != image.size[1] or side not in (None, image.size[0]):
        wanted = "images have to be square" if side is None else f"the first image of the dataset has {side} x {side}"
        raise BadDataset(f"{path} has {image.size[0]} x {image.size[1]} pixels: {wanted}")
    if channels == 1 and found == 3:
        raise BadDataset(f"{path} is in colour: the first image of the dataset is grey")
    pixels = np.asarray(image.convert("L" if (channels or found) == 1 else "RGB"))
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _look_at_folder(folder: Path) -> tuple[int, int, tuple[int, ...]]:
    """Channels, side, and train samples of each class; one image of each split is read."""
    classes = classes_in(folder)
    images = {split: [images_of(folder / split / name) for name in classes] for split in SPLITS}
    channels, side, _ = read_image(images["train"][0][0]).shape
    read_image(images["test"][0][0], channels, side)
    return channels, side, tuple(map(len, images["train"]))


def _look_at_archive(path: Path) -> tuple[int, int, tuple[int, ...]]:
    """Channels, side, and train samples of each class; only the labels are read whole."""
    import numpy as np

    try:
        with zipfile.ZipFile(path) as archive, np.load(path) as arrays:
            shapes = {f"x_{split}": _header(archive, f"x_{split}") for split in SPLITS}
            labels = {split: arrays[f"y_{split}"] for split in SPLITS}
    except KeyError as error:
        raise BadDataset(f"{path} lacks an array: x_train, y_train, x_test, y_test are wanted ({error})") from None
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise BadDataset(f"{path} can not be read as a NumPy archive ({error})") from None
    for name, (shape, dtype) in shapes.items():
        if dtype != np.uint8:
            raise BadDataset(f"{path}: {name} is {dtype}, not uint8")
        if len(shape) not in (3, 4) or shape[1] != shape[2] or (len(shape) == 4 and shape[3] not in (1, 3)):
            raise BadDataset(f"{path}: {name} is {shape}, not (n, side, side) or (n, side, side, 1 or 3)")
    if shapes["x_train"][0][1:] != shapes["x_test"][0][1:]:
        raise BadDataset(f"{path}: x_train is {shapes['x_train'][0]}, but x_test {shapes['x_test'][0]}")
    for split in SPLITS:
        if labels[split].shape != shapes[f"x_{split}"][0][:1] or labels[split].dtype.kind not in "iu":
            raise BadDataset(f"{path}: y_{split} is not a whole number for each image of x_{split}")
    classes, counts = np.unique(labels["train"], return_counts=True)
    if len(classes) < 2 or [*classes] != [*range(len(classes))] or not np.isin(labels["test"], classes).all():
        raise BadDataset(f"{path}: labels have to be 0 to K - 1, each with a train sample, in train and test alike")
    shape = shapes["x_train"][0]
    return shape[3] if len(shape) == 4 else 1, shape[1], tuple(counts.tolist())


def _header(archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], Any]:
    """Shape and dtype of an array in a NumPy archive, which is not read."""
    from numpy.lib import format as npy

    with archive.open(f"{name}.npy") as file:
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[npy.read_magic(file)]
        shape, _, dtype = read(file)
    return shape, dtype
