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

    model: maps a batch of inputs to logits (n, K), or to a tuple, dict or object that holds the logits (as `.logits`).
        The model is measured in eval mode, in its own precision or the caller's autocast, and left as it was.
    loader, test: a DataLoader or list of batches (inputs, labels, ...), or of dicts with `labels`. Each sweep has to
        give the same samples, unaugmented, in any order. Labels are whole numbers (n,) or (n, 1), or one-hot (n, K).
        Inputs in a mapping become the model's keywords, in a tuple its arguments. The nearest class mean of a test
        sample is sought among the means of `loader`.
    classifier: "auto" finds the layer whose output is the logits, and is its weight times its input plus its bias. A
        name, as in model.named_modules(), chooses between two such layers, or names the layer before a softmax, whose
        output is then taken for the logits. The table calls the classifier's input `features`. None: no classifier is
        measured; then
    features: names the layer that gives the features. A model output (n, K), K the classes of the labels, is then
        taken for the logits.
    layers: names of modules, in order of depth, whose outputs (n, ...) are measured too: the law of data separation is
        fitted to these layers and the features. name#2 is a module's second call, name[0] the first tensor of a tuple
        that it returns. A mapping, also as features, gives the axis of the samples: {"encoder.2": 1} of (tokens, n, d).
    other: batches of inputs that belong to no class, with labels or without, for ood_orthogonality.
    train_mode: measure the layers also with batch norms (and nothing else) in train mode, on the loader's own batches.
    groups: contiguous groups of classes, as "0-6": geometry, accuracy and loss are measured for each group too.
    per_class: measure for each class too: norms of mean and classifier row, their cosine, variance and accuracy.
    ignore_index: samples with this label are left out.
    device: the model's device, to which inputs are moved; by default the device of its first parameter.
    memory: bytes of activations that each split may keep between sweeps; the others are computed again.
    progress: print a line on stderr every ten seconds of a long sweep.

    Returns one row for each value: split, layer, bn_mode, classes, metric, value, and the reason where the value is
    missing (collapse.metrics.entries says what each metric is). Raises ValueError, naming the argument, for what can
    not be measured: a model without a classifier or with several, layers that do not exist, are not called or are
    called twice, labels that are no classes, values that are not finite, a loader that is empty, can be run through
    once only, or gives other samples each time.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(f"model is a {type(model).__name__}: a torch.nn.Module is wanted")
    if (classifier is None) == (features is None) or (isinstance(features, Mapping) and len(features) != 1):
        raise ValueError("features= names the one layer to measure where classifier=None, and goes with nothing else")
    model, layers = unwrapped(model), [layers] if isinstance(layers, str) else layers
    reader = ModelReader(model, ReaderOptions(ignore_index, device, memory, progress))
    # The loaders may draw random numbers: measuring during a training must not change that training.
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
    """The classifier's tensors, in the form of network_statistics's `head`."""
    if reader.final is None:
        return {}
    weight, bias = matrix(reader.final.module), vector(reader.final.module)
    return {"classifier": weight, "bias": bias, "product/features": weight}


def nc1(features: Tensor | np.ndarray, labels: Tensor | np.ndarray | Sequence[int]) -> float:
    """NC1 = Tr(Sigma_W Sigma_B^+)/K of features (n, ...) in memory with labels (n,), whole numbers from 0 on.

    The value is metrics.variability.nc1 of the K classes present, whatever their numbers. measure() takes longer.
    Raises ValueError where features and labels do not pair, for labels that are no classes and for features that are
    not finite, and Undefined, itself a ValueError, where NC1 has no value.
    """
    features = torch.as_tensor(features)
    if not features.dim() or not len(features) or len(features) != len(labels):
        count = len(features) if features.dim() else "no"
        raise ValueError(f"{count} features and {len(labels)} labels: give as many of both, and at least one")
    if features.dim() == 1:
        raise ValueError(f"features have shape {tuple(features.shape)}: (n, d) are wanted")
    # Number the classes anew: a label may be any whole number, and only labels that occur are classes.
    present, numbers = class_labels("", labels).to(features.device).unique(return_inverse=True)
    with exactly():
        try:
            found = class_statistics(features, numbers, len(present), diagonal=True)
        except torch.linalg.LinAlgError as error:
            raise ValueError("no eigenvectors of the class means: some features are not finite") from error
    coordinates, within, count = (tensor.cpu().numpy() for tensor in (found.coordinates, found.within, found.count))
    # In the eigenvectors of Sigma_B its inverse is diagonal, so only the diagonal of Sigma_W counts.
    return variability.nc1(coordinates, np.diag(within), count, found.mean.shape[1])
