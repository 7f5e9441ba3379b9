"""A prepared dataset on disk: {train,test}.safetensors and the small manifest that later rules hang on."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from collapse.atomic_io import DamagedFile, read_json, sha256, write_json
from collapse.tensors import read_tensors, replacing_tensors


def write_dataset(
    folder: Path,
    dataset: str,
    splits: dict[str, tuple[np.ndarray, np.ndarray]],
    classes: Sequence[str] = (),
    check: Callable[[str], None] = lambda checksum: None,
) -> None:
    """Write the train and the test split, then a manifest with their checksums, class counts, and names of classes.

    `check` is called with the checksum of the train split; where it raises, what the folder holds is kept.
    """
    manifest: dict[str, Any] = {"dataset": dataset, **({"classes": list(classes)} if classes else {}), "splits": {}}
    num_classes = 1 + max(int(labels.max(initial=-1)) for _, labels in splits.values())
    for name in ("train", "test"):
        images, labels = splits[name]
        path = folder / f"{name}.safetensors"
        with replacing_tensors(path) as part:
            save_file({"images": np.ascontiguousarray(images), "labels": np.ascontiguousarray(labels)}, part)
            checksum = sha256(part)
            if name == "train":
                check(checksum)
        manifest["splits"][name] = {
            "file": path.name,
            "sha256": checksum,
            "images": list(images.shape),
            "class_counts": np.bincount(labels, minlength=num_classes).tolist(),
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
