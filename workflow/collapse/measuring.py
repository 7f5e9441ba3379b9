"""The measures of neural collapse, on anybody's network or features: collapse.measure, collapse.nc1."""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from collapse.metrics import variability
from collapse.metrics.rows import Row, network_rows
from collapse.statistics.classes import class_statistics
from collapse.statistics.network import network_statistics
from collapse.statistics.sweep import Batch, Sweeps
from collapse.strict import one_of

Loader = Iterable[tuple[Any, Tensor]]


def measure(
    model: nn.Module,
    loader: Loader,
    test: Loader | None = None,
    *,
    classifier: str | None = None,
    layers: Sequence[str] = (),
    other: Iterable[Any] | None = None,
    train_mode: bool = False,
) -> pd.DataFrame:
    """Every measure of neural collapse that applies, as a tidy table.

    model: maps a batch of inputs to logits (n, K); it is measured in eval mode and left as it was.
    loader, test: batches (inputs, labels (n,)) that can be run through more than once, in any order: a DataLoader, or a
        list. Nothing random may happen to a sample. Measures of nearest class means on test use the means of `loader`.
    classifier: name of the nn.Linear that gives the logits, as in model.named_modules(); by default the last nn.Linear.
        Its input is the layer `features` of the table.
    layers: names of modules whose outputs (n, ...) are measured too, in the order of depth: the law of data separation
        is fitted to them and the features.
    other: batches of inputs that belong to no class, for ood_orthogonality.
    train_mode: measure the layers with batch norms in train mode too, batch by batch as the loader gives them.

    Returns a row a value: split, layer, bn_mode, classes, metric, value, and the reason where the value is missing
    (collapse.metrics.names says what each metric is). Inputs go to the device of the model's parameters. Activations
    are kept between sweeps up to 1 GB a split, and computed again beyond. Raises ValueError for a classifier or a layer
    that the model does not have, a loader that is empty or can be run through once only, and labels outside 0..K-1.
    """
    modules = {name: module for name, module in model.named_modules() if name}
    linear = [name for name, module in modules.items() if isinstance(module, nn.Linear)]
    if not linear:
        raise ValueError("the model has no nn.Linear, so no classifier to measure")
    final = modules[one_of("classifier", classifier or linear[-1], linear)]
    for name in layers:
        one_of("layer", name, modules)
    bias = final.weight.new_zeros(len(final.weight)) if final.bias is None else final.bias.detach()
    head = {"classifier": final.weight.detach(), "bias": bias, "product/features": final.weight.detach()}
    watched = _Watched(model, classifier or linear[-1], tuple(layers))
    # A copy, so that the batch norms' running statistics stay as they are.
    in_train_mode = _Watched(copy.deepcopy(model).train(), watched.classifier, watched.layers) if train_mode else None
    training = model.training
    try:
        model.eval()
        tensors = network_statistics(
            head,
            len(final.weight),
            train=_sweeps(watched, loader, "loader"),
            test=None if test is None else _sweeps(watched, test, "test"),
            in_train_mode=in_train_mode and _sweeps(in_train_mode, loader, "loader"),
        )
        if other is not None:
            tensors["other/mean"] = _mean_features(watched, other)
    finally:
        model.train(training)
    found = {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
    return pd.DataFrame(network_rows(found, [*layers, "features"]), columns=Row._fields)


@torch.inference_mode()
def nc1(features: Tensor, labels: Tensor) -> float:
    """NC1 = Tr(Sigma_W Sigma_B^+)/K of features (n, ...) in memory with labels (n,) from 0 on, on the same device.

    As metrics.variability.nc1 has it, of the classes present. By itself it takes less time than with all measures.
    Raises ValueError where features and labels do not pair, for negative labels and for features that are not finite,
    and Undefined, itself a ValueError, where NC1 has no value.
    """
    if len(features) != len(labels) or len(labels) == 0:
        raise ValueError(f"{len(features)} features and {len(labels)} labels: give as many of both, and at least one")
    if labels.min() < 0:
        raise ValueError(f"labels run from {int(labels.min())}: they have to be 0 or more")
    try:
        found = class_statistics(features, labels.long(), int(labels.max()) + 1, diagonal=True)
    except torch.linalg.LinAlgError as error:
        raise ValueError("no eigenvectors of the class means: some features are not finite") from error
    coordinates, within, count = (tensor.cpu().numpy() for tensor in (found.coordinates, found.within, found.count))
    # In its eigenvectors, the inverse of Sigma_B is diagonal: the rest of Sigma_W does not count.
    return variability.nc1(coordinates, np.diag(within), count, found.mean.shape[1])


class _Watched:
    """A model whose layers' outputs, and whose classifier's input, are seen."""

    def __init__(self, model: nn.Module, classifier: str, layers: tuple[str, ...]):
        self.model, self.classifier, self.layers = model, classifier, layers
        self.device = next(model.parameters()).device

    def __call__(self, inputs: Any) -> tuple[dict[str, Tensor], Tensor]:
        """Activations by layer, and logits (n, K), of a batch of inputs."""
        seen: dict[str, Tensor] = {}

        def keep(name: str) -> Callable:
            # A copy: what follows may work in place.
            return lambda module, given, output: seen.__setitem__(name, output.clone())

        modules = dict(self.model.named_modules())
        hooks = [modules[name].register_forward_hook(keep(name)) for name in self.layers]
        hooks += [
            modules[self.classifier].register_forward_pre_hook(lambda m, given: keep("features")(m, (), given[0]))
        ]
        try:
            logits = self.model(inputs.to(self.device))
        finally:
            for hook in hooks:
                hook.remove()
        return {name: seen[name] for name in (*self.layers, "features")}, logits


def _sweeps(watched: _Watched, loader: Loader, name: str) -> Sweeps:
    """Sweeps of a loader through a model; raises ValueError for one that can not be swept twice."""
    if iter(loader) is loader:
        raise ValueError(f"{name} can be run through only once: give a DataLoader, or a list of batches")

    def run() -> Iterator[Batch]:
        empty = True
        for inputs, labels in loader:
            empty = False
            activations, logits = watched(inputs)
            if labels.min() < 0 or labels.max() >= logits.shape[1]:
                raise ValueError(
                    f"labels of {name} run to {labels.max()}: the classifier has {logits.shape[1]} classes"
                )
            yield Batch(activations, logits, labels.to(logits.device, torch.int64))
        if empty:
            raise ValueError(f"{name} holds no batch")

    return Sweeps(run)


@torch.inference_mode()
def _mean_features(watched: _Watched, other: Iterable[Any]) -> Tensor:
    """Mean (d,) of the features of inputs without labels."""
    features = [watched(inputs)[0]["features"].double() for inputs in other]
    return torch.cat(features).mean(0)
