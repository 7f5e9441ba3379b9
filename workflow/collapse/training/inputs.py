"""What a recipe's network sees: images and labels of a split, prepared as the recipe says."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from collapse.data.images import normalise, pad, resize
from collapse.data.labels import changed_labels, taken_classes
from collapse.data.store import read_split
from collapse.data.subsets import draw
from collapse.recipe import Recipe


def load_images(
    recipe: Recipe, dataset: Path, split: str, rows: np.ndarray | None, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Images (n, channels, side, side) float32 and labels (n,) int64 of a split, prepared as the recipe says."""
    images, labels = read_classes(recipe, dataset, split)
    rows = np.flatnonzero(labels >= 0) if rows is None else rows
    images, labels = images[rows], labels[rows]
    if split == "train":
        labels = changed_labels(labels, recipe.labels, recipe.num_classes, recipe.seeds.noise)
    fit, max_pixel = {"resize": resize, "pad": pad}[recipe.fit_by], recipe.dataset_entry.max_pixel
    pixels = normalise(images, recipe.image_size, max_pixel, recipe.mean, recipe.std, device, fit)
    pixels = pixels.expand(-1, recipe.channels, -1, -1).contiguous() if recipe.channels else pixels
    return pixels, torch.from_numpy(labels).to(device)


def load_train(recipe: Recipe, dataset: Path, rows: np.ndarray | None, device: torch.device) -> tuple[Tensor, Tensor]:
    """The run's train subset. Samples of unconstrained features have unit vectors (N, N, 1, 1) float64 for images."""
    if recipe.kind != "direct":
        return load_images(recipe, dataset, "train", rows, device)
    labels = torch.from_numpy(train_labels(recipe, dataset)).to(device)
    return torch.eye(len(labels), dtype=torch.float64, device=device)[:, :, None, None], labels


def train_labels(recipe: Recipe, dataset: Path) -> np.ndarray:
    """Labels (n,) of the train split, by the recipe's classes; unconstrained features have those that it counts."""
    if recipe.kind == "direct":
        return np.repeat(np.arange(recipe.num_classes), recipe.class_counts())
    return read_classes(recipe, dataset, "train")[1]


def train_rows(recipe: Recipe, labels: np.ndarray) -> np.ndarray:
    """Rows (n,) of the run's train subset among the samples with `labels`; every sample of unconstrained features."""
    if recipe.kind == "direct":
        return np.arange(len(labels))
    return draw(labels, recipe.class_counts(), recipe.seeds.data)


def read_classes(recipe: Recipe, dataset: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Images of a split, and their labels by the classes that the recipe takes: -1 for other classes."""
    images, labels = read_split(dataset, split)
    return images, taken_classes(labels, recipe.classes)


def load_true_labels(recipe: Recipe, dataset: Path, rows: np.ndarray, device: torch.device) -> Tensor:
    """Labels (n,) of the train subset before noise and latent classes changed some of them."""
    unchanged = recipe.labels.model_copy(update={"noise": 0.0, "latent": 0.0})
    labels = read_classes(recipe, dataset, "train")[1][rows]
    return torch.from_numpy(changed_labels(labels, unchanged, recipe.num_classes, recipe.seeds.noise)).to(device)
