"""Resources that a cell's jobs request: time, memory, GPUs, and on a cluster the group of jobs they join."""

import math
from dataclasses import dataclass

from collapse import cost
from collapse.config import Config
from collapse.recipe import Recipe


@dataclass(frozen=True)
class JobResources:
    """Requests of the jobs of one cell, computed once because they are the same for every seed.

    Jobs that are short on one core join a group, whose jobs a cluster runs as one; other jobs have group None.
    """

    gpus: int
    training_minutes: int
    extraction_minutes: int
    memory_mb: int
    training_group: str | None
    measuring_group: str | None

    @classmethod
    def of(cls, recipe: Recipe, config: Config) -> "JobResources":
        """Requests for a recipe. It gets a GPU where `config.device` is cuda, or is auto and a core would be slow."""
        wanted = config.device == "cuda" or (config.device == "auto" and cost.worth_a_gpu(recipe))
        gpus = config.gpus_per_job if wanted else 0
        rate = cost.GPU_RATE if gpus else cost.CORE_RATE
        shared = not gpus and cost.short(recipe)
        rounds = math.ceil((len(config.seeds) if config.bundled else 1) / max(1, gpus))
        return cls(
            gpus=gpus,
            training_minutes=math.ceil(5 + rounds * cost.training_minutes(recipe, rate)),
            extraction_minutes=math.ceil(5 + rounds * cost.extraction_minutes(recipe, rate)),
            memory_mb=cost.memory_mb(recipe) * max(1, gpus),
            training_group="training" if shared else None,
            measuring_group="measuring" if shared else None,
        )
