"""A prepared dataset on disk: {train,test}.safetensors and the small manifest that later rules hang on."""

from pathlib import Path
from typing import Any

import numpy as np

from collapse.atomic_io import DamagedFile, read_json, read_tensors, sha256, write_json, write_tensors
from collapse.data.entries import DATASETS


def write_dataset(folder: Path, dataset: str, splits: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Write the splits, then a manifest with their checksums and class counts."""
    manifest: dict[str, Any] = {"dataset": dataset, "title": DATASETS[dataset].title, "splits": {}}
    for name, (images, labels) in splits.items():
        path = folder / f"{name}.safetensors"
        write_tensors(path, {"images": images, "labels": labels})
        manifest["splits"][name] = {
            "file": path.name,
            "sha256": sha256(path),
            "images": list(images.shape),
            "class_counts": np.bincount(labels, minlength=DATASETS[dataset].num_classes).tolist(),
        }
    write_json(folder / "manifest.json", manifest)


def read_split(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, channels, side, side) uint8 and labels (n,) int64, checked against the manifest.

    Raises DamagedFile when the file is not the one that was prepared.
    """
    entry = read_json(folder / "manifest.json")["splits"][split]
    path = folder / entry["file"]
    if not path.exists() or sha256(path) != entry["sha256"]:
        raise DamagedFile(
            f"{path} is not the file its manifest describes: delete {folder}, and run again to prepare it"
        )
    tensors, _ = read_tensors(path)
    return tensors["images"], tensors["labels"]
