"""The features of a few samples, kept so that a figure can draw them."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from collapse.statistics.sweep import Batch


def kept_samples(
    batches: Iterable[Batch], layer: str, each: int, classes: Sequence[int] | None = None
) -> dict[str, Tensor]:
    """Features (m, d) float32, labels (m,) and true_labels (m,) of the first samples of each class, in their order.

    `each` samples of a class whose label was not changed and, where labels were changed, as many whose label was.
    classes: the true classes that are kept; None: all.
    """
    labels = torch.cat([batch.labels for batch in batches])
    true = torch.cat([batch.labels if batch.true_labels is None else batch.true_labels for batch in batches])
    rows = first_of_each(2 * true + (labels != true), each)
    if classes is not None:
        rows = rows[torch.isin(true[rows], torch.tensor(classes, device=true.device))]
    features, start = [], 0
    for batch in batches:
        here = rows[(rows >= start) & (rows < start + len(batch.labels))] - start
        features.append(batch.activations[layer][here].flatten(1).float())
        start += len(batch.labels)
    return {"features": torch.cat(features), "labels": labels[rows], "true_labels": true[rows]}


def first_of_each(groups: Tensor, count: int) -> Tensor:
    """Rows (m,), rising, of the first `count` members of each group. groups (n,) of whole numbers -> (m,)."""
    order = groups.argsort(stable=True)
    sizes = torch.bincount(groups)
    starts = (sizes.cumsum(0) - sizes)[groups[order]]  # of each sample's group, in the sorted order
    rank = torch.arange(len(groups), device=groups.device) - starts
    return order[rank < count].sort().values
