"""Changed labels: label noise, latent classes, random labels.

Every function returns a new int64 array and draws from a generator of its own, so that equal seeds for two functions
still give unrelated choices. A sample's draw does not depend on the rate or degree: samples changed at a smaller rate
are changed in the same way at a larger rate.
"""

import numpy as np

from collapse.data.classes import Classes, members
from collapse.recipe import Labels


def changed_labels(labels: np.ndarray, how: Labels, num_classes: int, seed: int) -> np.ndarray:
    """The labels that a network is trained on: random labels, then noise, then latent classes. (n,) -> (n,)."""
    if how.shuffled:
        labels = random_labels(labels, seed)
    if how.noise:
        labels = uniform_noise(labels, how.noise, num_classes, seed)
    if how.latent:
        labels = latent_classes(labels, how.latent, num_classes, seed)
    return labels


def taken_classes(labels: np.ndarray, classes: Classes | None) -> np.ndarray:
    """Labels by the classes that a recipe takes (Recipe.classes), -1 for samples of other classes. (n,) -> (n,)."""
    if classes is None:
        return labels
    renumbered = np.full_like(labels, -1)
    for new, taken in enumerate(classes):
        renumbered[np.isin(labels, members(taken))] = new
    return renumbered


def uniform_noise(labels: np.ndarray, rate: float, num_classes: int, seed: int) -> np.ndarray:
    """With probability `rate`, redraw a label uniformly over all K classes, its own among them.

    labels (n,) in 0..K-1 -> (n,) in 0..K-1. A label differs afterwards with probability rate (K - 1) / K.
    Nguyen et al. 2023 (Memorization-Dilation), "conventional label noise". Raises ValueError for a rate outside [0, 1]
    or a label outside 0..K-1.
    """
    _check("rate", rate, labels, num_classes)
    rng = _generator("uniform noise", seed)
    chosen = rng.random(len(labels)) < rate
    return np.where(chosen, rng.integers(num_classes, size=len(labels)), labels).astype(np.int64)


def latent_classes(labels: np.ndarray, degree: float, num_classes: int, seed: int) -> np.ndarray:
    """With probability `degree`, move a sample of class k to class k + K, the latent half of class k.

    labels (n,) in 0..K-1 -> (n,) in 0..2K-1; modulo K they are the labels again. Nguyen et al. 2023
    (Memorization-Dilation), "latent noise class", where K is 2 and degree 1/2. Raises ValueError for a degree outside
    [0, 1] or a label outside 0..K-1.
    """
    _check("degree", degree, labels, num_classes)
    chosen = _generator("latent classes", seed).random(len(labels)) < degree
    return labels.astype(np.int64) + num_classes * chosen


def random_labels(labels: np.ndarray, seed: int) -> np.ndarray:
    """The labels, permuted: class counts stay, but labels no longer depend on the samples. labels (n,) -> (n,).

    Zhu et al. 2021, "random labels".
    """
    return _generator("random labels", seed).permutation(labels).astype(np.int64)


def _generator(purpose: str, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, *purpose.encode()])


def _check(name: str, probability: float, labels: np.ndarray, num_classes: int) -> None:
    if not 0 <= probability <= 1:
        raise ValueError(f"{name} is {probability}, but is a probability: it must lie in [0, 1]")
    if labels.size and not 0 <= labels.min() <= labels.max() < num_classes:
        raise ValueError(f"labels run from {labels.min()} to {labels.max()}, but must lie in 0..{num_classes - 1}")
