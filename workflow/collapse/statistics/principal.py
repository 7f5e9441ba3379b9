"""Class statistics of a layer's principal components: what the reference code measures of wide residual networks."""

from collections.abc import Iterable

import torch
from torch import Tensor

from collapse.statistics.classes import CHUNK_BYTES, class_statistics
from collapse.statistics.sweep import Batch


def principal_statistics(batches: Iterable[Batch], num_classes: int, components: int) -> dict[str, Tensor]:
    """Class statistics of every layer's first `components` principal components, as <layer>/principal/<statistic>.

    He & Su 2023, code: PCA to 100 components before D = Tr(SS_w SS_b^+) of the residual networks.
    """
    batches = list(batches)
    labels, result = torch.cat([batch.labels for batch in batches]), {}
    for name in batches[0].activations:
        scores = principal_scores(torch.cat([batch.activations[name].flatten(1) for batch in batches]), components)
        found = vars(class_statistics(scores, labels, num_classes)) | {"width": torch.tensor(scores.shape[1])}
        del found["mean"]
        result |= {f"{name}/principal/{key}": value for key, value in found.items()}
    return result


def principal_scores(activations: Tensor, components: int) -> Tensor:
    """Coordinates (n, k) of activations (n, d) along their first k = min(components, n, d) principal components.

    float64, and exact: from the eigenvectors of the centred n x n Gram matrix, so that d may be large.
    """
    count, width = activations.shape
    gram = activations.new_zeros(count, count, dtype=torch.float64)
    for part in activations.split(max(1, CHUNK_BYTES // (8 * count)), dim=1):
        centred = part.double() - part.double().mean(0)
        gram.addmm_(centred, centred.T)
    eigenvalues, vectors = torch.linalg.eigh(gram)
    kept = min(components, count, width)
    return vectors[:, -kept:] * eigenvalues[-kept:].clamp(min=0).sqrt()
