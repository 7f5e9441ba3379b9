"""What a run costs, roughly and without torch: while it plans, the workflow asks for time, memory and GPUs by it.

Time limits, not forecasts: the rates are low ones, so that a job that runs as it should ends well within its limit.
scripts/estimate_cost.py counts exactly.
"""

from itertools import pairwise

from collapse.data.specs import DATASETS
from collapse.models.options import MlpOptions
from collapse.recipe import Recipe

# FLOPs of a training step on one image, for each of its pixels: those of the default options, by torch's own counter.
FLOPS_PER_PIXEL = {
    "convnet": 1.63e4,
    "vgg11": 1.00e6,
    "vgg13": 1.45e6,
    "vgg16": 1.94e6,
    "vgg19": 2.44e6,
    "resnet18": 3.25e6,
    "resnet50": 7.60e6,
    "resnet152": 2.18e7,
    "densenet40": 1.55e6,
    "densenet201": 7.99e6,
    "densenet250": 3.18e7,
    "alexnet_tiled": 3.50e6,
    "vgg13_tiled": 4.10e6,
    "gresnet": 2.40e5,
}
# FLOP/s: a third of what benchmarks/ measured on one core for the slowest network, a tenth of what benchmarks/gpu
# measured of VGG11 on an H200.
CORE_RATE, GPU_RATE = 1e10, 3e12
# One core for so long: above, a run is worth a GPU; below, several share one job of a cluster.
GPU_MINUTES, SHORT_MINUTES = 20, 15


def flops_per_image(recipe: Recipe) -> float:
    """FLOPs of a training step on one image: forward and backward."""
    options, spec = recipe.options(), DATASETS[recipe.dataset]
    if not isinstance(options, MlpOptions):
        wider = getattr(options, "base_width", 64) / 64
        return FLOPS_PER_PIXEL[recipe.model] * wider**2 * recipe.image_size**2
    channels = spec.channels if options.input_channel is None else 1
    features = [options.declared_width(recipe.num_labels())] if options.feature_dim else []
    widths = [channels * recipe.image_size**2, *options.widths(), *features, recipe.num_labels()]
    weights = [a * b for a, b in pairwise(widths)]
    return 6.0 * sum(weights) - 2.0 * weights[0]  # no gradient of the images


def training_minutes(recipe: Recipe, rate: float = CORE_RATE) -> float:
    """Minutes of training at a rate in FLOP/s."""
    return flops_per_image(recipe) * recipe.epoch_length() * recipe.protocol.total_epochs / rate / 60


def extraction_minutes(recipe: Recipe, rate: float = CORE_RATE) -> float:
    """Minutes of measuring every checkpoint on all of the dataset, at a rate in FLOP/s."""
    samples = sum(DATASETS[recipe.dataset].train_counts) * len(recipe.checkpoint_epochs())
    return flops_per_image(recipe) * samples / rate / 60


def worth_a_gpu(recipe: Recipe) -> bool:
    """Whether training takes a core longer than GPU_MINUTES."""
    return training_minutes(recipe) > GPU_MINUTES


def short(recipe: Recipe) -> bool:
    """Whether neither training nor measuring takes a core longer than SHORT_MINUTES."""
    return max(training_minutes(recipe), extraction_minutes(recipe)) <= SHORT_MINUTES


def memory_mb(recipe: Recipe) -> int:
    """Megabytes of memory: torch, the Snakemakes inside a cluster's job, and some copies of the images as float32."""
    spec = DATASETS[recipe.dataset]
    return 1500 + int(4 * sum(spec.train_counts) * spec.channels * recipe.image_size**2 * 4 / 1e6)
