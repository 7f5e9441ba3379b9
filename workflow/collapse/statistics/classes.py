"""Class statistics of a layer's activations."""

import torch
from torch import Tensor

# Between-class directions below this fraction of the largest eigenvalue are numerical noise (metrics.md, section 5).
RANK_TOLERANCE = 1e-10


def class_statistics(activations: Tensor, labels: Tensor, num_classes: int, chunk: int = 4096) -> dict[str, Tensor]:
    """Counts, means and within-class scatter of activations (n, d) with labels (n,), all in float64.

    Returns count (K,); mean (K, d), NaN for an absent class; within_trace (K,), the mean squared distance of a class's
    activations to their mean; spectrum (r,), the non-zero eigenvalues of Sigma_B = (1/K) sum_c (mu_c - mu)(mu_c - mu)^T
    over the K classes present, mu being the mean of the class means; within_spectrum (r,), the within-class variance
    u_i^T Sigma_W u_i along its eigenvectors. Two passes over the data, so nothing cancels; no d x d matrix is formed.
    """
    count = torch.bincount(labels, minlength=num_classes)
    total = torch.zeros(num_classes, activations.shape[1], dtype=torch.float64, device=activations.device)
    for part, label in zip(activations.split(chunk), labels.split(chunk), strict=True):
        total.index_add_(0, label, part.double())
    mean = total / count[:, None]  # 0 / 0 is NaN: an absent class has no mean
    spectrum, basis = between_class_basis(mean[count > 0])
    trace = torch.zeros(num_classes, dtype=torch.float64, device=activations.device)
    within = torch.zeros_like(spectrum)
    for part, label in zip(activations.split(chunk), labels.split(chunk), strict=True):
        deviation = part.double() - mean[label]
        trace.index_add_(0, label, deviation.square().sum(1))
        within += (deviation @ basis).square().sum(0)
    return {
        "count": count,
        "mean": mean,
        "within_trace": trace / count,
        "spectrum": spectrum,
        "within_spectrum": within / len(labels),
    }


def between_class_basis(means: Tensor) -> tuple[Tensor, Tensor]:
    """Non-zero eigenvalues (r,) of Sigma_B and its eigenvectors (d, r), from class means (K, d).

    Sigma_B = D^T D / K shares its eigenvalues with the K x K Gram matrix D D^T / K (metrics.md, section 7).
    """
    centred = means - means.mean(0)
    eigenvalues, vectors = torch.linalg.eigh(centred @ centred.T / len(means))
    kept = eigenvalues > RANK_TOLERANCE * eigenvalues.max().clamp(min=torch.finfo(means.dtype).tiny)
    eigenvalues, vectors = eigenvalues[kept], vectors[:, kept]
    return eigenvalues, centred.T @ vectors / (len(means) * eigenvalues).sqrt()
