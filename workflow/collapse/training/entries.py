"""The losses and the optimizers by name, without torch: an entry each, which planning, training, figures and
documentation read.

To add one: its function in a file of this folder, and an entry here.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class LossEntry:
    """A loss (logits (n, K), labels (n,)) -> scalar.

    `title` is what figures call it. `function` is the loss's "module:function" or, if `smoothed`, the "module:function"
    of a function (alpha) -> loss. `theory_factor` of a squared loss: K -> the factor that turns its decays into the
    decays of ||P H - Y||^2 / (2N), whose optimum is known (collapse.theory.deep_linear).
    """

    title: str
    meaning: str
    function: str
    smoothed: bool = False
    theory_factor: Callable[[int], float] | None = None
    version: int = 1  # raised by a fix that changes what it computes (Recipe.versions)


LOSSES = {
    "cross_entropy": LossEntry("CE", "mean over the batch", "collapse.training.losses:cross_entropy"),
    "label_smoothing": LossEntry(
        "LS",
        "cross-entropy against (1 - alpha) one-hot + alpha / K",
        "collapse.training.losses:label_smoothing",
        smoothed=True,
    ),
    "label_relaxation": LossEntry(
        "LR",
        "zero above 1 - alpha, else divergence from the nearest target that gives the label 1 - alpha",
        "collapse.training.losses:label_relaxation",
        smoothed=True,
    ),
    "mse": LossEntry(
        "MSE",
        "squared distance to the one-hot target, mean over batch and classes",
        "collapse.training.losses:mse",
        theory_factor=lambda num_classes: num_classes / 2,
    ),
    "half_mse": LossEntry(
        "MSE / 2", "half of mse", "collapse.training.losses:half_mse", theory_factor=lambda num_classes: num_classes
    ),
    "mse_per_sample": LossEntry(
        "MSE, sum",
        "squared distance over twice the batch",
        "collapse.training.losses:mse_per_sample",
        theory_factor=lambda num_classes: 1.0,
    ),
}


@dataclass(frozen=True)
class OptimizerEntry:
    """An optimizer.

    `function`, a "module:function", makes the optimizer from the vector of all parameters and the protocol. `passes`:
    forward and backward passes through the network in a step. With `line_search`, the optimizer evaluates the objective
    itself, so weight decay is part of the objective.
    """

    title: str
    meaning: str
    function: str
    passes: int = 1
    line_search: bool = False
    version: int = 1  # raised by a fix that changes its steps (Recipe.versions)


OPTIMIZERS = {
    "sgd": OptimizerEntry("SGD", "without Nesterov", "collapse.training.optimizers:sgd"),
    "adam": OptimizerEntry("Adam", "weight decay inside the gradient", "collapse.training.optimizers:adam"),
    "adamw": OptimizerEntry("AdamW", "weight decay beside the gradient's step", "collapse.training.optimizers:adamw"),
    # By default PyTorch allows 20 iterations and 25 evaluations a step; steps use nearly all evaluations.
    "lbfgs": OptimizerEntry(
        "L-BFGS",
        "strong Wolfe line search",
        "collapse.training.optimizers:lbfgs",
        passes=25,
        line_search=True,
        version=2,
    ),
}


def loss_title(name: str, smoothing: float | None = None) -> str:
    """Title of a loss in figures, with its smoothing if it has one."""
    smoothed = LOSSES[name].smoothed and smoothing is not None
    return f"{LOSSES[name].title} {smoothing:g}" if smoothed else LOSSES[name].title
