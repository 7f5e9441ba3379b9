"""Class-imbalanced subsets: nested prefixes of one seeded permutation of the train split."""

import csv
from pathlib import Path

import numpy as np

from collapse.atomic_io import DamagedFile, write_csv


def draw(labels: np.ndarray, counts: tuple[int, ...], seed: int) -> np.ndarray:
    """Rows of the first `counts[k]` samples of each class k, in the order a seeded permutation visits them.

    labels (n,), counts (K,) -> rows (sum(counts),). The permutation depends on n and the seed alone, so that a subset
    with smaller counts lies inside one with larger counts (the reference draws so too: Fang et al. 2021, data code).
    Samples with label -1 are of no class, and never drawn. Raises ValueError when a class holds fewer samples than
    asked for.
    """
    available = np.bincount(labels[labels >= 0], minlength=len(counts))
    short = np.flatnonzero(available < np.asarray(counts))
    if short.size:
        label = short[0]
        raise ValueError(f"class {label} holds {available[label]} samples, {counts[label]} are asked for")
    order = np.random.default_rng(seed).permutation(len(labels))
    rank = np.zeros(len(labels), dtype=np.int64)  # number of samples of the same class visited before each sample
    for label in range(len(counts)):
        members = order[labels[order] == label]
        rank[members] = np.arange(len(members))
    return order[rank[order] < np.asarray([*counts, 0])[labels[order]]]  # label -1 finds the 0 at the end


def draw_more(labels: np.ndarray, rows: np.ndarray, more: int, seed: int) -> np.ndarray:
    """Rows of the `more` samples of each class that `draw` at that seed would have taken next after `rows`.

    labels (n,), rows (m,) -> rows (K * more,). Raises ValueError when a class holds too few samples.
    """
    counts = np.bincount(labels[rows], minlength=labels.max() + 1)
    wider = draw(labels, tuple(counts + more), seed)
    return wider[~np.isin(wider, rows)]


def write_rows(path: Path, rows: np.ndarray, labels: np.ndarray) -> None:
    """Write an index file: the rows of the train split, and their labels for human readers."""
    write_csv(path, ("row", "label"), list(zip(rows.tolist(), labels[rows].tolist(), strict=True)))


def read_rows(path: Path) -> np.ndarray:
    """Rows of an index file, (n,) int64; raises DamagedFile."""
    try:
        with path.open(newline="") as file:
            return np.array([int(line["row"]) for line in csv.DictReader(file)], dtype=np.int64)
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise DamagedFile(f"{path} can not be read ({error!r}): delete it, and run again to draw it anew") from None
