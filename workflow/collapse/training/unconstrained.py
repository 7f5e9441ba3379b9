"""What recipes of unconstrained features are: a linear head and features that are optimised directly, without images.

Dang et al. 2023 (code of the direct optimisation): full-batch gradient descent with momentum at a constant step size,
with separate decays of weights and features. An epoch is one iteration.
"""

from typing import TYPE_CHECKING, Any

from collapse.theory.thresholds import decay_at_level
from collapse.training.entries import LOSSES

if TYPE_CHECKING:
    from collapse.recipe import Recipe

NETWORK = "free_features"
DIRECT_LOSSES = tuple(name for name, entry in LOSSES.items() if entry.theory_factor or name == "cross_entropy")


def completed(data: dict[str, Any]) -> dict[str, Any]:
    """The keys of a recipe of unconstrained features, with those that this kind of run implies.

    Raises ValueError for a level without class counts.
    """
    data = {**data, "kind": "direct", "protocol": {**dict(data.get("protocol") or {}), "dtype": "float64"}}
    level = data.get("level")
    if level is not None:
        counts = dict(data.get("imbalance") or {}).get("counts")
        if not isinstance(counts, (list, tuple)):
            raise ValueError("level needs counts, the samples of each class")
        decay = decay_at_level(level, tuple(counts), data.get("architecture", {}).get("linear_layers", 1))
        data["protocol"] |= {"weight_decay": decay, "feature_decay": decay}
    return data


def check_unconstrained(recipe: "Recipe") -> None:
    """Raise ValueError where only one of dataset, network and arithmetic is that of unconstrained features, or where
    the protocol is another than theirs.
    """
    protocol, options, direct = recipe.protocol, recipe.options(), recipe.kind == "direct"
    if direct != (recipe.model == NETWORK):
        raise ValueError(f"dataset unconstrained and model {NETWORK} go together, not {recipe.dataset}, {recipe.model}")
    if direct != (protocol.dtype == "float64"):
        raise ValueError("dtype float64 is that of unconstrained features, and of no other run")
    if not direct:
        if recipe.level:
            raise ValueError("level is for unconstrained features")
        return
    if recipe.level and protocol.loss != "mse_per_sample":
        raise ValueError(f"level is defined for the loss mse_per_sample, not {protocol.loss}")
    if protocol.loss not in DIRECT_LOSSES:
        raise ValueError(f"loss {protocol.loss}: unconstrained features take {', '.join(DIRECT_LOSSES)}")
    wanted = {
        "counts, the samples of each class": recipe.imbalance.counts,
        "oversampling 1": recipe.imbalance.oversampling == 1,
        "no classes": recipe.classes is None,
        "unchanged labels": not (recipe.labels.noise or recipe.labels.latent or recipe.labels.shuffled),
        "a batch_size of at least the number of samples": protocol.batch_size >= sum(recipe.imbalance.counts or ()),
        "optimizer sgd": protocol.optimizer == "sgd",
        "separate_decay": protocol.separate_decay,
        "no augmentation": not protocol.augmentation,
        "a constant step size": not (protocol.milestones or protocol.step_epochs or protocol.first_phase),
        "a head that is learned, all of it": options.classifier == "learned" and not options.frozen,
        "no feature_batch_norm": not options.feature_batch_norm,
    }
    missing = [name for name, holds in wanted.items() if not holds]
    if missing:
        raise ValueError(f"unconstrained features are optimised with {', and '.join(missing)}")
