"""Groups of classes that metrics are taken over, by the name they have in metrics.csv."""

import re
from collections.abc import Iterable

from collapse.recipe import Recipe

Groups = dict[str, slice]

# Up to so many classes a run has every contiguous group: a balanced run serves tables of every K_A (tables._key names
# the group by the grid's K_A, which is no part of the run). Beyond, they would be most of the work: 2 (K - 1) groups.
EVERY_GROUP_UP_TO = 20


def class_groups(num_classes: int) -> Groups:
    """All classes; and for every k the first k (a majority) and the rest (its minority), by name."""
    return {"all": slice(0, num_classes)} | {
        name: group for k in range(1, num_classes) for name, group in _halves(k, num_classes).items()
    }


def run_groups(recipe: Recipe, num_classes: int) -> Groups:
    """The groups of a run: every contiguous one of few classes, else its own majority and minority, if it has them."""
    if num_classes <= EVERY_GROUP_UP_TO:
        return class_groups(num_classes)
    k_major = recipe.imbalance.k_major
    return {"all": slice(0, num_classes)} | (_halves(k_major, num_classes) if k_major < num_classes else {})


def asked_groups(names: Iterable[str], num_classes: int) -> Groups:
    """All classes, and the groups of these names, first and last class as in 7-9; raises ValueError."""
    groups = {"all": slice(0, num_classes)}
    for name in [names] if isinstance(names, str) else names:
        bounds = re.fullmatch(r"(\d+)-(\d+)", str(name))
        first, last = map(int, bounds.groups()) if bounds else (1, 0)
        if not first <= last < num_classes:
            raise ValueError(
                f"groups: {name!r} is none of the classes 0 to {num_classes - 1}: first and last are wanted, as '0-1'"
            )
        groups[str(name)] = slice(first, last + 1)
    return groups


def group_name(classes: str, k_major: int, num_classes: int) -> str:
    """Name in metrics.csv of all, majority or minority classes when the first k_major are the majority."""
    return {"all": "all", "majority": f"0-{k_major - 1}", "minority": f"{k_major}-{num_classes - 1}"}[classes]


def _halves(k: int, num_classes: int) -> Groups:
    return {f"0-{k - 1}": slice(0, k), f"{k}-{num_classes - 1}": slice(k, num_classes)}
