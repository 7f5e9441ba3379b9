"""Resources that a cell's jobs request: time, memory, GPUs, and on a cluster the group of jobs they join."""

import math
from dataclasses import dataclass

from collapse import cost
from collapse.config import Config
from collapse.recipe import Recipe

# Minutes to start a job: Snakemake inside the job, torch, the images.
START_MINUTES = 5


@dataclass(frozen=True)
class JobResources:
    """Requests of the jobs of one cell, computed once because they are the same for every seed.

    Short jobs join a group, whose jobs a cluster runs as one: those on a core one group, those on a GPU another. Other
    jobs have group None.
    """

    gpus: int
    training_minutes: float  # of one run
    extraction_minutes: float  # of one run
    memory_mb: int
    training_group: str | None
    measuring_group: str | None

    @classmethod
    def of(cls, recipe: Recipe, config: Config) -> "JobResources":
        """Requests for a recipe. It gets a GPU where `config.device` is cuda, or is auto and a core would be slow."""
        wanted = config.device == "cuda" or (config.device == "auto" and cost.worth_a_gpu(recipe))
        gpus = config.gpus_per_job if wanted else 0
        rate = cost.GPU_RATE if gpus else cost.CORE_RATE
        ending = ("_gpu" if gpus else "") if cost.short(recipe, rate) else None
        return cls(
            gpus=gpus,
            training_minutes=cost.training_minutes(recipe, rate),
            extraction_minutes=cost.extraction_minutes(recipe, rate),
            memory_mb=cost.memory_mb(recipe) * max(1, gpus),
            training_group=None if ending is None else f"training{ending}",
            measuring_group=None if ending is None else f"measuring{ending}",
        )

    def minutes(self, each: float, runs: int) -> int:
        """Time limit of a job that still has to make `runs` runs, which take `each` minutes; one a GPU at a time."""
        return math.ceil(START_MINUTES + math.ceil(runs / max(1, self.gpus)) * each)
