"""Which classes of a dataset a recipe takes: some of them, or groups of them, each group a class."""

from typing import Any

from pydantic import NonNegativeInt

Classes = tuple[NonNegativeInt, ...] | tuple[tuple[NonNegativeInt, ...], ...]


def members(taken: Any) -> tuple[int, ...]:
    """The dataset's classes that an entry of `classes` stands for."""
    return tuple(taken) if isinstance(taken, (tuple, list)) else (taken,)


def merged_counts(counts: tuple[int, ...], classes: Classes | None) -> tuple[int, ...]:
    """Counts of the classes that are taken, from the counts (K,) of all; None takes all."""
    if classes is None:
        return counts
    return tuple(sum(counts[label] for label in members(taken)) for taken in classes)


def check_classes(dataset: str, num_classes: int, classes: Any) -> None:
    """Raise ValueError for `classes` that are fewer than two, not there, or named twice."""
    if not isinstance(classes, (tuple, list)) or len(classes) < 2 or not all(map(members, classes)):
        raise ValueError("classes is a list of at least two classes, or of groups of them, none empty")
    named = [label for taken in classes for label in members(taken)]
    for label in named:
        if label not in range(num_classes):
            raise ValueError(f"classes names class {label}: {dataset} has {num_classes} classes, from 0")
    if len(set(named)) < len(named):
        raise ValueError("classes names a class twice")
