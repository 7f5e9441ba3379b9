import numpy as np
import pytest
import torch

from collapse.metrics import variability
from collapse.statistics.classes import between_class_basis, class_statistics

GENERATOR = torch.Generator().manual_seed(0)


def samples(counts, d, spread):
    """Activations (n, d) and labels (n,) with random class means and the given within-class spread."""
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    means = torch.randn(len(counts), d, generator=GENERATOR, dtype=torch.float64) + 3
    return means[labels] + spread * torch.randn(len(labels), d, generator=GENERATOR, dtype=torch.float64), labels


def scatter(activations, labels, k):
    """Sigma_W and Sigma_B by their definitions, one sample at a time."""
    x, y = activations.double().numpy(), labels.numpy()
    means = np.stack([x[y == c].mean(0) for c in range(k)])
    within = sum(np.outer(h - means[c], h - means[c]) for h, c in zip(x, y, strict=True)) / len(x)
    centred = means - means.mean(0)
    return within, centred.T @ centred / k


@pytest.mark.parametrize("counts", [[20] * 5, [40, 40, 3, 2, 1]])
@pytest.mark.parametrize("d", [3, 12])
def test_statistics_are_their_definitions(counts, d):
    x, y = samples(counts, d, spread=0.3)
    k = len(counts)
    statistics = class_statistics(x, y, k, chunk=17)
    within, between = scatter(x, y, k)
    assert statistics["count"].tolist() == counts
    weights = np.array(counts) / sum(counts)
    assert statistics["within_trace"].numpy() @ weights == pytest.approx(np.trace(within), rel=1e-12)
    nonzero = min(k - 1, d)
    np.testing.assert_allclose(statistics["spectrum"], np.linalg.eigvalsh(between)[-nonzero:], rtol=1e-9)
    nc1 = variability.nc1(statistics["spectrum"].numpy(), statistics["within_spectrum"].numpy(), min(k, d + 1))
    exact = np.trace(within @ np.linalg.pinv(between, rcond=1e-10, hermitian=True)) / min(k, d + 1)
    assert nc1 == pytest.approx(exact, rel=1e-9)


def test_deep_collapse_does_not_cancel():
    """NC1 near 1e-10, on float32 activations far from the origin."""
    x, y = samples([50] * 10, 64, spread=1e-5)
    x = x.float()
    statistics = class_statistics(x, y, 10)
    within, between = scatter(x, y, 10)
    exact = np.trace(within @ np.linalg.pinv(between, rcond=1e-10, hermitian=True)) / 10
    assert exact < 1e-9
    nc1 = variability.nc1(statistics["spectrum"].numpy(), statistics["within_spectrum"].numpy(), 10)
    assert nc1 == pytest.approx(exact, rel=1e-6)


def test_the_basis_is_orthonormal_and_ranks_equal_means():
    means = torch.randn(6, 20, generator=GENERATOR, dtype=torch.float64)
    eigenvalues, basis = between_class_basis(means)
    assert len(eigenvalues) == 5
    torch.testing.assert_close(basis.T @ basis, torch.eye(5, dtype=torch.float64), rtol=0, atol=1e-12)
    means[3] = means[2]
    assert len(between_class_basis(means)[0]) == 4


def test_an_absent_class_has_no_mean_and_the_others_are_unharmed():
    x, y = samples([10, 10, 10], 4, spread=0.1)
    with_gap = class_statistics(x, torch.tensor([0, 2, 3])[y], 4)
    without = class_statistics(x, y, 3)
    assert with_gap["mean"][1].isnan().all()
    torch.testing.assert_close(with_gap["spectrum"], without["spectrum"])
    torch.testing.assert_close(with_gap["within_spectrum"], without["within_spectrum"])
