"""Statistics of a split: every layer's activations, the network's answers, the samples with changed labels."""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional as F

from collapse.statistics.classes import Measured, Moments, Scatter, Subspace
from collapse.statistics.sweep import Batch

BINS = 15  # of the expected calibration error (Guo et al. 2017)


class Layers:
    """Statistics of a split's layers: `spaces` by layer after the first sweep, `measured` after the second.

    By layer, `agree` (K,) counts samples whose nearest class mean is the network's answer (if the network gives any),
    `right` (K,) samples whose nearest class mean is their label's. Class means come from `reference`, the train split's
    Layers; without it, from this split.
    """

    def __init__(self, batches: Iterable[Batch], num_classes: int, reference: "Layers | None" = None):
        self.num_classes = num_classes
        self.spaces = self._spaces(batches)
        self.agree: dict[str, Tensor] = {}
        self.right: dict[str, Tensor] = {}
        self.measured: dict[str, Measured] = {}
        self._scatter(batches, reference)

    def _spaces(self, batches: Iterable[Batch]) -> dict[str, Subspace]:
        moments: dict[str, Moments] = {}
        dtypes: dict[str, torch.dtype] = {}
        for batch in batches:
            for name, activations in batch.activations.items():
                if name not in moments:
                    moments[name] = Moments(self.num_classes, activations[0].numel(), activations.device)
                    dtypes[name] = torch.promote_types(activations.dtype, torch.float32)
                moments[name].add(activations, batch.labels)
        return {
            name: Subspace(moment.mean, moment.count, dtypes[name], moment.largest) for name, moment in moments.items()
        }

    def _scatter(self, batches: Iterable[Batch], reference: "Layers | None") -> None:
        scatters = {name: Scatter(space) for name, space in self.spaces.items()}
        # Scatters about the reference's means serve only to find the nearest mean.
        others = {name: Scatter(space) for name, space in reference.spaces.items()} if reference else scatters
        for batch in batches:
            answers = None if batch.logits is None else batch.logits.argmax(1)
            for name, activations in batch.activations.items():
                nearest = others[name].add(activations, batch.labels, nearest=True)
                if reference:
                    scatters[name].add(activations, batch.labels)
                for counts, said in ((self.agree, answers), (self.right, batch.labels)):
                    if said is None:
                        continue
                    found = torch.bincount(batch.labels[nearest == said], minlength=self.num_classes)
                    counts[name] = counts.get(name, 0) + found
        self.measured = {name: scatter.finish() for name, scatter in scatters.items()}

    def tensors(self, with_mean: Iterable[str]) -> dict[str, Tensor]:
        """Map 'layer/statistic' to its tensor. Class means (K, d) are large: only layers in `with_mean` keep them; the
        other layers keep coordinates (K, r) alone.
        """
        with_mean, result = set(with_mean), {}
        for name, measured in self.measured.items():
            found = vars(measured) | {"right": self.right[name]}
            found |= {"agree": self.agree[name]} if name in self.agree else {}
            found["width"] = torch.tensor(measured.mean.shape[1])
            if name not in with_mean:
                del found["mean"]
            result |= {f"{name}/{key}": value for key, value in found.items()}
        return result


def answers(batches: Iterable[Batch], num_classes: int, merged: int | None = None) -> dict[str, Tensor]:
    """Statistics of the network's answers; empty without logits.

    By class (K,): count, correct, and loss, the sum of cross-entropies; with `merged`, a number of classes, also
    correct_merged, the answers that are right modulo that number. For 15 equal bins of the largest softmax
    probability (B,): bin_count, bin_correct, and bin_confidence, the sum of these probabilities.
    """
    result: dict[str, Tensor] = {}
    for batch in batches:
        if batch.logits is None:
            return {}
        logits = batch.logits.double()
        confidence, answer = logits.softmax(1).max(1)
        right = (answer == batch.labels).double()
        bins = (confidence * BINS).long().clamp(max=BINS - 1)
        found = {
            "count": torch.bincount(batch.labels, minlength=num_classes),
            "correct": _sums(batch.labels, right, num_classes),
            "loss": _sums(batch.labels, F.cross_entropy(logits, batch.labels, reduction="none"), num_classes),
            "bin_count": torch.bincount(bins, minlength=BINS),
            "bin_correct": _sums(bins, right, BINS),
            "bin_confidence": _sums(bins, confidence, BINS),
        }
        if merged:
            right = (answer % merged == batch.labels % merged).double()
            found["correct_merged"] = _sums(batch.labels, right, num_classes)
        result = {key: result.get(key, 0) + value for key, value in found.items()}
    return result


def _sums(index: Tensor, values: Tensor, size: int) -> Tensor:
    return torch.zeros(size, dtype=torch.float64, device=values.device).index_add_(0, index, values)


def corruption(batches: Iterable[Batch], layer: str, test_mean: Tensor) -> dict[str, Tensor]:
    """Statistics, by true class, of the samples whose label was changed; empty for an empty split.

    count (K,); distance_test (K,), the sum of the samples' distances to their true class's row of test_mean (K, d), the
    class means of the test split; distance_clean (K,), the same with class means of unchanged train samples; pull (K,),
    the sum of <h - mu_true, mu_label - mu_true> / |mu_label - mu_true|^2 with means of unchanged samples: 0 at the mean
    of the true class, 1 at the mean of the label's class; clean_mean and changed_mean (K, d), the means of unchanged
    and of changed samples. Nguyen et al. 2023, Section 3 and code.
    """
    classes, width = test_mean.shape
    moments = Moments(classes, width, test_mean.device)
    for batch in batches:
        kept = batch.labels == batch.true_labels
        moments.add(batch.activations[layer][kept], batch.labels[kept])
    clean, result = moments.mean, {}
    moved = Moments(classes, width, test_mean.device)
    for batch in batches:
        changed = batch.labels != batch.true_labels
        assert batch.true_labels is not None  # a noisy split's batches have them
        true, label = batch.true_labels[changed], batch.labels[changed]
        features = batch.activations[layer][changed].flatten(1).double()
        moved.add(features, true)
        direction = clean[label] - clean[true]
        pull = ((features - clean[true]) * direction).sum(1) / direction.square().sum(1)
        found = {
            "count": torch.bincount(true, minlength=classes),
            "distance_test": _sums(true, (features - test_mean[true]).norm(dim=1), classes),
            "distance_clean": _sums(true, (features - clean[true]).norm(dim=1), classes),
            "pull": _sums(true, pull, classes),
        }
        result = {key: result.get(key, 0) + value for key, value in found.items()}
    return result | ({"clean_mean": clean, "changed_mean": moved.mean} if result else {})
