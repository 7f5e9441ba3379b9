"""Groups of classes that metrics are taken over, by the name they have in metrics.csv."""

import re
from collections.abc import Iterable

from collapse.recipe import Recipe

Groups = dict[str, slice]

# With at most this many classes, runs measure every group that is a majority or minority for some K_A: a balanced run
# serves tables of every K_A (tables._key takes K_A from the grid). With more classes, 2 (K - 1) groups cost too much.
EVERY_GROUP_UP_TO = 20


def class_groups(num_classes: int) -> Groups:
    """All classes; and for every k the first k (a majority) and the rest (its minority), by name."""
    return {"all": slice(0, num_classes)} | {
        name: group for k in range(1, num_classes) for name, group in _halves(k, num_classes).items()
    }


def run_groups(recipe: Recipe, num_classes: int) -> Groups:
    """The groups of a run: with few classes every first k and rest, else the run's majority and minority, if any."""
    if num_classes <= EVERY_GROUP_UP_TO:
        return class_groups(num_classes)
    k_major = recipe.imbalance.k_major
    return {"all": slice(0, num_classes)} | (_halves(k_major, num_classes) if k_major < num_classes else {})


def asked_groups(names: Iterable[str], num_classes: int) -> Groups:
    """All classes, and the named groups; a name is first and last class, as 7-9. Raises ValueError for other names."""
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
