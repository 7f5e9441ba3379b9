"""What a run costs, without torch: the workflow requests each job's time, memory and GPUs by these estimates.

The minutes are limits, not forecasts. FLOPs agree with torch's own count (scripts/estimate_cost.py), but the rates are
set low, so that a healthy job ends well within its limit.
"""

from collapse.recipe import Recipe
from collapse.training.entries import OPTIMIZERS

# FLOP/s: a third of the slowest network's rate on one core (benchmarks/), a sixteenth of VGG11's on an H200
# (benchmarks/gpu).
CORE_RATE, GPU_RATE = 1e10, 3e12
# A run that takes more than GPU_MINUTES on one core is worth a GPU; runs that take at most SHORT_MINUTES, on what they
# get, share one job of a cluster.
GPU_MINUTES, SHORT_MINUTES = 20, 15


def flops_per_image(recipe: Recipe) -> float:
    """FLOPs of going forward and backward through the network with one image."""
    return recipe.network_entry.training_flops(recipe.shape, recipe.options())


def training_passes(recipe: Recipe) -> int:
    """How often an image goes forward and backward through the network, over all of training."""
    passes = OPTIMIZERS[recipe.protocol.optimizer].passes
    return passes * recipe.epoch_length() * recipe.protocol.total_epochs


def training_minutes(recipe: Recipe, rate: float = CORE_RATE) -> float:
    """Minutes of training at a rate in FLOP/s."""
    return flops_per_image(recipe) * training_passes(recipe) / rate / 60


def extraction_minutes(recipe: Recipe, rate: float = CORE_RATE) -> float:
    """Minutes of measuring every checkpoint on all of the dataset, at a rate in FLOP/s."""
    samples = sum(recipe.train_counts()) * len(recipe.checkpoint_epochs())
    return flops_per_image(recipe) * samples / rate / 60


def worth_a_gpu(recipe: Recipe) -> bool:
    """Whether training takes a core longer than GPU_MINUTES."""
    return training_minutes(recipe) > GPU_MINUTES


def short(recipe: Recipe, rate: float = CORE_RATE) -> bool:
    """Whether neither training nor measuring takes longer than SHORT_MINUTES at a rate in FLOP/s."""
    return max(training_minutes(recipe, rate), extraction_minutes(recipe, rate)) <= SHORT_MINUTES


def memory_mb(recipe: Recipe) -> int:
    """Megabytes of memory: torch, the Snakemakes inside a cluster's job, and some copies of the images as float32."""
    samples = sum(recipe.dataset_entry.train_counts)
    return 1500 + int(4 * samples * recipe.shape.channels * recipe.image_size**2 * 4 / 1e6)
