"""Statistics of a network: of each split's layers and answers, and of its linear head."""

from collections.abc import Iterable, Iterator, Sequence

from torch import Tensor

from collapse.statistics.principal import principal_statistics
from collapse.statistics.recorder import exactly
from collapse.statistics.samples import kept_samples
from collapse.statistics.split import Layers, answers, corruption
from collapse.statistics.sweep import Batch


def network_statistics(
    head: dict[str, Tensor],
    num_classes: int,
    train: Iterable[Batch],
    test: Iterable[Batch] | None = None,
    held_out: Iterable[Batch] | None = None,
    in_train_mode: Iterable[Batch] | None = None,
    held_out_noisy: Iterable[Batch] | None = None,
    noisy: bool = False,
    merged: int | None = None,
    components: int | None = None,
    samples: int = 0,
    sampled: Sequence[int] | None = None,
) -> dict[str, Tensor]:
    """Every statistic of a network, by name, from sweeps that can be repeated (collapse.statistics.sweep).

    head: classifier (K, d), bias (K,), and product/<layer> (K, d), the product of the weights behind a layer; empty for
    a network without a classifier. One of the layers is `features`. in_train_mode: the train split, with batch norms in
    train mode. noisy: some train labels were changed. held_out, and held_out_noisy with labels changed as those of the
    train set: only answers are measured. merged: a number of classes, modulo which answers are compared too.
    components: number of principal components to measure on the train split. samples: how many of each class keep
    their features; sampled: those classes alone. Batches without logits give no answers.
    Names: head/<name>; <split>/<bn_mode>/<layer>/<statistic> (Layers.tensors); <split>/answers/<statistic>;
    train/corruption/<statistic>; train/true_labels/<statistic>, of the features by the labels before they were changed;
    <split>/samples/<name> (kept_samples).
    """
    with_mean = {"features", *(name.removeprefix("product/") for name in head if name.startswith("product/"))}
    result = _below("head", {name: tensor.double() for name, tensor in head.items()})
    splits = {"train": train, "held_out": held_out, "held_out_noisy": held_out_noisy, "test": test}
    with exactly():
        layers = Layers(train, num_classes)
        result |= _below("train/eval", layers.tensors(with_mean))
        for split, batches in splits.items():
            if batches is not None:
                result |= _below(f"{split}/answers", answers(batches, num_classes, merged))
        for split in ("train", "test") if samples else ():
            batches = splits[split]
            if batches is not None:
                result |= _below(f"{split}/samples", kept_samples(batches, "features", samples, sampled))
        if in_train_mode is not None:
            result |= _below("train/train", Layers(in_train_mode, num_classes).tensors(()))
        for bn_mode, batches in {"eval": train, "train": in_train_mode}.items():
            if components and batches is not None:
                result |= _below(f"train/{bn_mode}", principal_statistics(batches, num_classes, components))
        if test is None:
            return result
        tested = Layers(test, num_classes, layers)
        result |= _below("test/eval", tested.tensors(with_mean))
        if noisy:
            found = corruption(train, "features", tested.measured["features"].mean)
            result |= _below("train/corruption", found)
            unchanged = Layers(ByTrueLabels(train), num_classes).tensors(())
            result |= _below("train/true_labels", {name.partition("/")[2]: found for name, found in unchanged.items()})
    return result


class ByTrueLabels:
    """The features of a split with their original labels, for any number of sweeps."""

    def __init__(self, batches: Iterable[Batch]):
        self.batches = batches

    def __iter__(self) -> Iterator[Batch]:
        """One sweep."""
        return (batch.by_true_labels("features") for batch in self.batches)


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}
