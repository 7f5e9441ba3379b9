"""How many parameters networks have, without training them."""

from typing import Any

import pandas as pd

from collapse.models.entries import NETWORKS
from collapse.models.network import build
from collapse.models.shape import Shape

FULL = {"classifier": "learned", "feature_dim": None}


def parameters(settings: list[dict[str, Any]]) -> pd.DataFrame:
    """Each setting with its network's `parameters`, those that train, and the `saving`. Zhu et al. 2021.

    A setting has channels, image_size, num_classes, model, and options of the network. saving: 1 less the share that
    the trainable parameters are of those of the same network with a learned classifier on all dimensions.
    """
    rows = []
    for setting in settings:
        counts = {name: count(setting | changed) for name, changed in (("own", {}), ("full", FULL))}
        total, trainable = counts["own"]
        rows.append(
            setting | {"parameters": total, "trainable": trainable, "saving": 1 - trainable / counts["full"][1]}
        )
    return pd.DataFrame(rows)


def count(setting: dict[str, Any]) -> tuple[int, int]:
    """Parameters of a setting's network, and those that train."""
    shape = Shape(*(setting[name] for name in ("channels", "image_size", "num_classes")))
    given = {name: value for name, value in setting.items() if name not in ("model", *vars(shape))}
    network = build(setting["model"], shape, NETWORKS[setting["model"]].options.model_validate(given), seed=0)
    network.freeze(())
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in network.parameters()]
    return sum(size for size, _ in sizes), sum(size for size, trains in sizes if trains)
