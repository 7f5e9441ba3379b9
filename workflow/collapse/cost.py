"""What a run costs, without torch: the workflow requests each job's time, memory and GPUs by these estimates.

The minutes are limits, not forecasts. FLOPs agree with torch's own count (scripts/estimate_cost.py), but the rates are
set low, so that a healthy job ends well within its limit.
"""

from collapse.models.shape import Shape
from collapse.recipe import Recipe
from collapse.training.entries import OPTIMIZERS

# FLOP/s: a third of the slowest network's rate on one core (benchmarks/), a tenth of VGG11's on an H200
# (benchmarks/gpu).
CORE_RATE, GPU_RATE = 1e10, 3e12
# Minutes on one core: a run that takes more than GPU_MINUTES is worth a GPU; runs of at most SHORT_MINUTES share one
# job of a cluster.
GPU_MINUTES, SHORT_MINUTES = 20, 15


def flops_per_image(recipe: Recipe) -> float:
    """FLOPs of going forward and backward through the network with one image."""
    shape = Shape(recipe.dataset_entry.channels, recipe.image_size, recipe.num_labels())
    return recipe.network_entry.training_flops(shape, recipe.options())


def training_passes(recipe: Recipe) -> int:
    """How often an image goes forward and backward through the network, over all of training."""
    passes = OPTIMIZERS[recipe.protocol.optimizer].passes
    return passes * recipe.epoch_length() * recipe.protocol.total_epochs


def training_minutes(recipe: Recipe, rate: float = CORE_RATE) -> float:
    """Minutes of training at a rate in FLOP/s."""
    return flops_per_image(recipe) * training_passes(recipe) / rate / 60


def extraction_minutes(recipe: Recipe, rate: float = CORE_RATE) -> float:
    """Minutes of measuring every checkpoint on all of the dataset, at a rate in FLOP/s."""
    samples = sum(recipe.dataset_entry.train_counts) * len(recipe.checkpoint_epochs())
    return flops_per_image(recipe) * samples / rate / 60


def worth_a_gpu(recipe: Recipe) -> bool:
    """Whether training takes a core longer than GPU_MINUTES."""
    return training_minutes(recipe) > GPU_MINUTES


def short(recipe: Recipe) -> bool:
    """Whether neither training nor measuring takes a core longer than SHORT_MINUTES."""
    return max(training_minutes(recipe), extraction_minutes(recipe)) <= SHORT_MINUTES


def memory_mb(recipe: Recipe) -> int:
    """Megabytes of memory: torch, the Snakemakes inside a cluster's job, and some copies of the images as float32."""
    spec = recipe.dataset_entry
    return 1500 + int(4 * sum(spec.train_counts) * spec.channels * recipe.image_size**2 * 4 / 1e6)
