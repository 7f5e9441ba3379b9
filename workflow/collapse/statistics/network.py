"""Statistics of a network: of each split's layers and answers, and of its linear head."""

from collections.abc import Iterable

from torch import Tensor

from collapse.statistics.principal import principal_statistics
from collapse.statistics.recorder import exactly
from collapse.statistics.split import Layers, answers, corruption
from collapse.statistics.sweep import Batch


def network_statistics(
    head: dict[str, Tensor],
    num_classes: int,
    train: Iterable[Batch],
    test: Iterable[Batch] | None = None,
    held_out: Iterable[Batch] | None = None,
    in_train_mode: Iterable[Batch] | None = None,
    noisy: bool = False,
    components: int | None = None,
) -> dict[str, Tensor]:
    """Every statistic of a network, by name, from sweeps that can be repeated (collapse.statistics.sweep).

    head: classifier (K, d), bias (K,), and product/<layer> (K, d), the product of the weights behind a layer; empty for
    a network without a classifier. One of the layers is `features`. in_train_mode: the train split, with batch norms in
    train mode. noisy: some train labels were changed. held_out: only answers are measured. components: number of
    principal components to measure on the train split. Batches without logits give no answers.
    Names: head/<name>; <split>/<bn_mode>/<layer>/<statistic> (Layers.tensors); <split>/answers/<statistic>;
    train/corruption/<statistic>.
    """
    with_mean = {"features", *(name.removeprefix("product/") for name in head if name.startswith("product/"))}
    result = _below("head", {name: tensor.double() for name, tensor in head.items()})
    with exactly():
        layers = Layers(train, num_classes)
        result |= _below("train/eval", layers.tensors(with_mean)) | _below("train/answers", answers(train, num_classes))
        if in_train_mode is not None:
            result |= _below("train/train", Layers(in_train_mode, num_classes).tensors(()))
        for bn_mode, batches in {"eval": train, "train": in_train_mode}.items():
            if components and batches is not None:
                result |= _below(f"train/{bn_mode}", principal_statistics(batches, num_classes, components))
        if held_out is not None:
            result |= _below("held_out/answers", answers(held_out, num_classes))
        if test is None:
            return result
        tested = Layers(test, num_classes, layers)
        result |= _below("test/eval", tested.tensors(with_mean)) | _below("test/answers", answers(test, num_classes))
        if noisy:
            found = corruption(train, "features", tested.measured["features"].mean)
            result |= _below("train/corruption", found)
    return result


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}
