"""The measures of neural collapse, on anybody's network or features: collapse.measure, collapse.nc1."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from collapse.metrics import variability
from collapse.metrics.groups import asked_groups
from collapse.metrics.rows import Row, network_rows
from collapse.statistics.batches import class_labels, split_batch
from collapse.statistics.classes import class_statistics
from collapse.statistics.classifier import matrix, vector
from collapse.statistics.network import network_statistics
from collapse.statistics.reader import Layers, ModelReader, ReaderOptions, first_batch, unwrapped
from collapse.statistics.recorder import exactly, in_eval_mode
from collapse.statistics.sweep import KEPT_BYTES

Loader = Iterable[Any]
AUTO = "auto"


def measure(
    model: nn.Module,
    loader: Loader,
    test: Loader | None = None,
    *,
    classifier: str | None = AUTO,
    features: str | Mapping[str, int] | None = None,
    layers: Layers = (),
    other: Iterable[Any] | None = None,
    train_mode: bool = False,
    groups: Sequence[str] = (),
    per_class: bool = False,
    ignore_index: int = -100,
    device: torch.device | str | None = None,
    memory: int = KEPT_BYTES,
    progress: bool = True,
) -> pd.DataFrame:
    """Every measure of neural collapse that applies, as a tidy table.

    model: maps a batch of inputs to logits (n, K), or to a tuple, dict or object (as `.logits`) that has them. It is
        measured in eval mode, in its own precision or under the autocast of where this is called, and left as it was.
    loader, test: batches (inputs, labels, ...), or dicts with `labels`, that can be run through more than once, in any
        order: a DataLoader, or a list. Labels are whole numbers (n,) or (n, 1), or one-hot (n, K). A mapping of inputs
        is given to the model as keywords, a tuple as its arguments. Nothing random may happen to a sample. Measures of
        nearest class means on test use the means of `loader`.
    classifier: "auto": the layer whose output is the logits, linear in its input by its weight and bias. Or its name,
        as in model.named_modules(): of two that give an output each, or before a softmax, where its output is taken
        for the logits. Its input is the layer `features` of the table. None: no classifier is measured; then
    features: names the layer that gives the features, and the model's output counts as its answers where it is (n, K),
        K being the classes of the labels.
    layers: names of modules whose outputs (n, ...) are measured too, in the order of depth: the law of data separation
        is fitted to them and the features. name#2 is a module's second call, name[0] the first tensor of a tuple that
        it gives. A mapping, also as features, says the axis of the samples: {"encoder.2": 1} of (tokens, n, d).
    other: batches of inputs that belong to no class, with labels or without, for ood_orthogonality.
    train_mode: measure the layers with batch norms, and nothing else, in train mode too, batch by batch as the loader
        gives them.
    groups: contiguous groups of classes, as "0-6", of which geometry, accuracy and loss are measured too.
    per_class: norms of mean and classifier row, their cosine, variance and accuracy of each class too.
    ignore_index: samples with this label are left out.
    device: where inputs go, and the model is; by default where its first parameter is.
    memory: bytes of activations that are kept between sweeps, of a split; more is computed again.
    progress: print a line on stderr every ten seconds of a long sweep.

    Returns a row a value: split, layer, bn_mode, classes, metric, value, and the reason where the value is missing
    (collapse.metrics.entries says what each metric is). Raises ValueError, naming the argument, for whatever can not be
    measured as it is: a model without a classifier or with several, layers that do not exist, are not called or are
    called twice, labels that are no classes, values that are not finite, a loader that is empty, can be run through
    once only, or gives other samples each time.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(f"model is a {type(model).__name__}: a torch.nn.Module is wanted")
    if (classifier is None) == (features is None) or (isinstance(features, Mapping) and len(features) != 1):
        raise ValueError("features= names the one layer to measure where classifier=None, and goes with nothing else")
    model, layers = unwrapped(model), [layers] if isinstance(layers, str) else layers
    reader = ModelReader(model, ReaderOptions(ignore_index, device, memory, progress))
    # The loaders may draw numbers: whoever measures during a training wants the same training.
    with torch.random.fork_rng(devices=[]), in_eval_mode(model):
        inputs, labels = split_batch("loader", first_batch("loader", loader))
        if classifier is not None:
            reader.find(inputs, None if classifier == AUTO else classifier)
        reader.record(layers, features)
        reader.check_axes(inputs, len(class_labels("loader", labels, reader.num_classes, ignore_index)))
        if classifier is None:
            reader.count_classes("loader", loader)
        assert reader.num_classes is not None  # the classifier said it, or the labels
        train = reader.sweeps("loader", loader)
        chosen = asked_groups(groups, reader.num_classes)
        tensors = network_statistics(
            _head(reader),
            reader.num_classes,
            train=train,
            test=None if test is None else reader.sweeps("test", test),
            in_train_mode=reader.sweeps("loader", loader, train_mode=True) if train_mode else None,
        )
        if other is not None:
            tensors["other/mean"] = reader.mean_features(other)
    found = {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
    rows = network_rows(found, [*layers, "features"], groups=chosen, per_class=per_class)
    return pd.DataFrame(rows, columns=Row._fields)


def _head(reader: ModelReader) -> dict[str, Tensor]:
    """The classifier as network_statistics takes it."""
    if reader.final is None:
        return {}
    weight, bias = matrix(reader.final.module), vector(reader.final.module)
    return {"classifier": weight, "bias": bias, "product/features": weight}


def nc1(features: Tensor | np.ndarray, labels: Tensor | np.ndarray | Sequence[int]) -> float:
    """NC1 = Tr(Sigma_W Sigma_B^+)/K of features (n, ...) in memory with labels (n,), whole numbers from 0 on.

    As metrics.variability.nc1 has it, of the K classes present, whatever their numbers. By itself it takes less time
    than with all measures. Raises ValueError where features and labels do not pair, for labels that are no classes and
    for features that are not finite, and Undefined, itself a ValueError, where NC1 has no value.
    """
    features = torch.as_tensor(features)
    if not features.dim() or not len(features) or len(features) != len(labels):
        count = len(features) if features.dim() else "no"
        raise ValueError(f"{count} features and {len(labels)} labels: give as many of both, and at least one")
    if features.dim() == 1:
        raise ValueError(f"features have shape {tuple(features.shape)}: (n, d) are wanted")
    # Numbered anew: a label may be any number, and only those present are classes.
    present, numbers = class_labels("", labels).to(features.device).unique(return_inverse=True)
    with exactly():
        try:
            found = class_statistics(features, numbers, len(present), diagonal=True)
        except torch.linalg.LinAlgError as error:
            raise ValueError("no eigenvectors of the class means: some features are not finite") from error
    coordinates, within, count = (tensor.cpu().numpy() for tensor in (found.coordinates, found.within, found.count))
    # In its eigenvectors, the inverse of Sigma_B is diagonal: the rest of Sigma_W does not count.
    return variability.nc1(coordinates, np.diag(within), count, found.mean.shape[1])
