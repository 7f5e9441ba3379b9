"""What a run is called: results/runs/<dataset>/<model>/<summary>-<hash>/seed-<s>, from its recipe alone.

Two recipes have the same name exactly if they describe the same training. So runs belong to no paper and no scale, and
a run that was copied from elsewhere is the right one by its name.
"""

import hashlib
import itertools
import json
import re
from typing import Any

from collapse.recipe import Recipe

HASH_DIGITS = 12
SUMMARY_LENGTH = 60
# Subsets with longer names, as of a dataset with unequal classes, are called by their numbers of classes and samples.
SUBSET_LENGTH = 24


def identity(recipe: Recipe) -> str:
    """JSON that identifies a training: the recipe's values that are not defaults, but for the seeds.

    A key that is added to Recipe, with a default that changes nothing, does not change the identity of earlier recipes.
    Floats are rounded to 12 significant digits: 0.1 + 0.2 and 0.3 are the same learning rate.
    """
    changed = recipe.model_dump(mode="json", exclude_defaults=True, exclude={"seeds"})
    options = recipe.options().model_dump(mode="json", exclude_defaults=True)
    return json.dumps(_rounded(changed | {"architecture": options}), sort_keys=True)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return value


def digest(recipe: Recipe) -> str:
    """SHA-256 of the identity, in hexadecimal."""
    return hashlib.sha256(identity(recipe).encode()).hexdigest()


def subset_name(recipe: Recipe) -> str:
    """The train subset in short: 7x140_3x2 for seven classes with 140 samples, then three with 2."""
    counts = recipe.class_counts()
    name = "_".join(f"{len(list(group))}x{count}" for count, group in itertools.groupby(counts))
    return name if len(name) <= SUBSET_LENGTH else f"{len(counts)}classes_{sum(counts)}"


def summary(recipe: Recipe) -> str:
    """The part of the name for human readers, as 8layers-7x140_3x2-over5-sgd0.1-wd0.01-e300. It identifies nothing."""
    protocol, layers, linear = recipe.protocol, recipe.architecture.get("layers"), recipe.options().linear_layers
    parts = [
        f"{layers}layers" if layers else "",
        f"{linear}linear" if linear > 1 else "",
        subset_name(recipe),
        f"over{recipe.imbalance.oversampling}" if recipe.imbalance.oversampling > 1 else "",
        f"noise{recipe.labels.noise:.3g}" if recipe.labels.noise else "",
        f"{protocol.optimizer}{protocol.learning_rate:.3g}",
        f"wd{protocol.weight_decay:.3g}",
        f"e{protocol.total_epochs}",
    ]
    return "-".join(filter(None, parts))[:SUMMARY_LENGTH]


def cell_name(recipe: Recipe) -> str:
    """Folder of a recipe's runs at every seed, below results/runs: <dataset>/<model>/<summary>-<hash>."""
    return f"{recipe.dataset}/{recipe.model}/{summary(recipe)}-{digest(recipe)[:HASH_DIGITS]}"


def hash_in(name: str) -> str | None:
    """The hash at the end of the name of a run's folder; None if the name has none."""
    found = re.search(rf"-([0-9a-f]{{{HASH_DIGITS}}})$", name)
    return found and found[1]
