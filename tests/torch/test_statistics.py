"""Class statistics against their definitions: exact, additive, at deep collapse, in little memory."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import collapse
from collapse.metrics import variability
from collapse.metrics.undefined import Undefined
from collapse.statistics import classes
from collapse.statistics.classes import Moments, Scatter, Subspace, class_statistics
from collapse.statistics.principal import principal_scores, principal_statistics
from collapse.statistics.sweep import Batch

GENERATOR = torch.Generator()


@pytest.fixture(autouse=True)
def _same_samples():
    """Whichever tests ran before."""
    GENERATOR.manual_seed(0)


WORKFLOW = str(Path(__file__).parents[2] / "workflow")


def samples(counts, d, spread, offset=3.0):
    """Activations (n, d) and labels (n,) with random class means and the given within-class spread."""
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    means = torch.randn(len(counts), d, generator=GENERATOR, dtype=torch.float64) + offset
    return means[labels] + spread * torch.randn(len(labels), d, generator=GENERATOR, dtype=torch.float64), labels


def scatter(activations, labels, k):
    """Sigma_W, and Sigma_B with equal weights and with those of the counts, by their definitions in float64."""
    x, y = activations.double().numpy(), labels.numpy()
    means = np.stack([x[y == c].mean(0) for c in range(k)])
    deviations = x - means[y]
    centred, weights = means - means.mean(0), np.bincount(y) / len(y)
    weighted = means - weights @ means
    return deviations.T @ deviations / len(x), centred.T @ centred / k, (weighted.T * weights) @ weighted


def nc1(statistics):
    found = [getattr(statistics, name).numpy() for name in ("coordinates", "within", "count")]
    return variability.nc1(*found, statistics.mean.shape[1])


@pytest.mark.parametrize("counts", [[20] * 5, [40, 40, 3, 2, 1]])
@pytest.mark.parametrize("d", [3, 12])
def test_statistics_are_their_definitions(counts, d, monkeypatch):
    monkeypatch.setattr(classes, "CHUNK_BYTES", 17 * 8 * d)
    x, y = samples(counts, d, spread=0.3)
    k = len(counts)
    statistics = class_statistics(x, y, k)
    within, between, weighted = scatter(x, y, k)
    assert statistics.count.tolist() == counts
    torch.testing.assert_close(statistics.mean, torch.stack([x[y == c].mean(0) for c in range(k)]), rtol=1e-12, atol=0)
    assert statistics.trace.numpy() @ np.array(counts) / sum(counts) == pytest.approx(np.trace(within), rel=1e-12)
    rank = min(k - 1, d)
    np.testing.assert_allclose(statistics.spectrum, np.linalg.eigvalsh(between)[-rank:], rtol=1e-9)
    means = statistics.mean - statistics.mean.mean(0)
    torch.testing.assert_close(statistics.coordinates @ statistics.coordinates.T, means @ means.T, rtol=0, atol=1e-12)
    coordinates, inside, count = (getattr(statistics, name).numpy() for name in ("coordinates", "within", "count"))
    for ours, sigma in (
        (variability.nc1(coordinates, inside, count, d) * k, between),
        (variability.separation_fuzziness(coordinates, inside, count, d), weighted),
    ):
        inverse = np.linalg.pinv(sigma, rcond=1e-10, hermitian=True)
        assert ours == pytest.approx(np.trace(within @ inverse), rel=1e-9)


@pytest.mark.parametrize("d", [512, 2048])
@pytest.mark.parametrize("k", [10, 100])
@pytest.mark.parametrize("level", [1.0, 1e-4, 1e-6, 1e-8, 1e-10])
def test_nc1_is_right_from_no_collapse_to_the_deepest(level, k, d):
    """float32 activations, their mean ten times as far from the origin as classes from each other; NC1 is 1 to 1e-10.

    The reference: two passes in float64, deviations projected on the K-1 directions of an SVD of the centred means.
    """
    centres, y = samples([1] * k, d, spread=0.0, offset=10.0)[0], torch.arange(k).repeat(3)
    # Within the classes as between them, Sigma_W = level Sigma_B, and a tenth as much in every direction.
    within = torch.randn(3 * k, k, generator=GENERATOR, dtype=torch.float64) @ (centres - centres.mean(0)) / k**0.5
    around = 0.1 * torch.randn(3 * k, d, generator=GENERATOR, dtype=torch.float64)
    x = (centres[y] + level**0.5 * (within + around)).float()
    exact = x.double()
    means = torch.stack([exact[y == c].mean(0) for c in range(k)])
    _, values, directions = torch.linalg.svd(means - means.mean(0), full_matrices=False)
    projected = (exact - means[y]) @ directions[: k - 1].T / (values[: k - 1] / k**0.5)
    reference = (projected.square().sum() / len(y) / k).item()
    assert level / 4 < reference < 2 * level
    assert nc1(class_statistics(x, y, k)) == pytest.approx(reference, rel=1e-6)
    assert collapse.nc1(x, y) == pytest.approx(reference, rel=1e-6)


def test_centres_that_float32_can_not_hold_do_not_add_to_the_scatter():
    """At 1000, float32 numbers are 6e-5 apart: the class means lie between them."""
    labels = torch.arange(60) % 3
    x = 1000 + 0.1 * torch.randn(3, 4, generator=GENERATOR)[labels] + 1e-4 * torch.randn(60, 4, generator=GENERATOR)
    ours, exact = class_statistics(x, labels, 3), class_statistics(x.double(), labels, 3)
    torch.testing.assert_close(ours.trace, exact.trace, rtol=1e-5, atol=0)
    assert nc1(ours) == pytest.approx(nc1(exact), rel=1e-5)
    assert collapse.nc1(x, labels) == pytest.approx(nc1(exact), rel=1e-5)


@pytest.mark.parametrize("counts", [[20] * 5, [40, 40, 3, 2, 1], [30, 0, 20, 10]])
@pytest.mark.parametrize("d", [3, 12])
def test_nc1_by_itself_is_that_of_all_statistics(counts, d):
    x, y = samples(counts, d, spread=0.3)
    assert collapse.nc1(x.reshape(len(x), -1, 3), y) == pytest.approx(
        nc1(class_statistics(x, y, len(counts))), rel=1e-10
    )


def test_nc1_by_itself_is_that_of_all_statistics_where_eigenvectors_are_arbitrary():
    """Means on an exact simplex frame: all eigenvalues of Sigma_B are the same."""
    y = torch.arange(200) % 10
    x = torch.eye(10, dtype=torch.float64)[y] + torch.randn(200, 10, generator=GENERATOR, dtype=torch.float64)
    x += (torch.eye(10, dtype=torch.float64) - torch.stack([x[y == c].mean(0) for c in range(10)]))[y]
    assert collapse.nc1(x, y) == pytest.approx(nc1(class_statistics(x, y, 10)), rel=1e-10)


def test_nc1_by_itself_says_where_it_has_no_value():
    x, y = samples([10] * 3, 4, spread=0.3)
    with pytest.raises(Undefined, match="fewer than 2 classes"):
        collapse.nc1(x, torch.ones_like(y))
    with pytest.raises(Undefined, match="rank lost"):
        collapse.nc1(torch.ones_like(x), y)
    with pytest.raises(ValueError, match="30 features and 29 labels"):
        collapse.nc1(x, y[1:])
    with pytest.raises(ValueError, match="0 features"):
        collapse.nc1(x[:0], y[:0])
    with pytest.raises(ValueError, match="labels run from -1"):
        collapse.nc1(x, y - 1)
    x[3, 2] = torch.nan
    with pytest.raises(ValueError, match="not finite"):
        collapse.nc1(x, y)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**31), st.floats(0.1, 10))
def test_nc1_and_separation_are_invariant(seed, scale):
    """To rotation, translation, scale and class order."""
    rng = np.random.default_rng(seed)
    x, y = samples([9, 4, 6, 1], 7, spread=0.4)
    turn = torch.linalg.qr(torch.from_numpy(rng.normal(size=(7, 7))))[0]
    order = torch.from_numpy(rng.permutation(4))
    moved = scale * (x @ turn + torch.from_numpy(rng.normal(size=7)))
    before, after = class_statistics(x, y, 4), class_statistics(moved, order[y], 4)
    assert nc1(after) == pytest.approx(nc1(before), rel=1e-10)
    separations = [
        variability.separation_fuzziness(s.coordinates.numpy(), s.within.numpy(), s.count.numpy(), 7)
        for s in (before, after)
    ]
    assert separations[1] == pytest.approx(separations[0], rel=1e-10)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_shards_merged_are_the_whole(dtype):
    x, y = samples([9, 30, 1, 6], 11, spread=0.2)
    x, shards = x.to(dtype), torch.arange(len(y)) % 3
    parts = [Moments(4, 11) for _ in range(3)]
    for i, part in enumerate(parts):
        part.add(x[shards == i], y[shards == i])
    for other in parts[1:]:
        parts[0].merge(other)
    space = Subspace(parts[0].mean, parts[0].count, dtype)
    scatters = [Scatter(space) for _ in range(3)]
    for i, part in enumerate(scatters):
        part.add(x[shards == i], y[shards == i])
    for other in scatters[1:]:
        scatters[0].merge(other)
    whole, merged = class_statistics(x, y, 4), scatters[0].finish()
    for name in ("count", "mean", "spectrum", "trace"):
        torch.testing.assert_close(getattr(merged, name), getattr(whole, name), rtol=1e-10, atol=1e-10)
    assert nc1(merged) == pytest.approx(nc1(whole), rel=1e-10 if dtype == torch.float64 else 1e-6)


def test_diagonal_shards_merged_are_the_diagonal_and_no_variances():
    x, y = samples([9, 30, 1, 6], 11, spread=0.2)
    parts = [Scatter(Subspace(*_moments(x, y, 4), torch.float64), diagonal=True) for _ in range(2)]
    for i, part in enumerate(parts):
        part.add(x[i::2], y[i::2])
    parts[0].merge(parts[1])
    found, whole = parts[0].finish(), class_statistics(x, y, 4)
    torch.testing.assert_close(found.within, whole.within.diagonal(), rtol=1e-12, atol=0)
    assert found.trace.isnan().all()


@pytest.mark.parametrize("offset", [0.0, 100.0])
@pytest.mark.parametrize("counts", [[50] * 10, [200, 30, 3, 1]])
def test_the_nearest_class_mean_is_the_nearest(counts, offset):
    x, y = samples(counts, 6, spread=1.5, offset=offset)
    space = Scatter(Subspace(*_moments(x, y, len(counts)), torch.float64))
    nearest = space.add(x, y, nearest=True)
    assert torch.equal(
        nearest, torch.cdist(x, space.subspace.mean, compute_mode="donot_use_mm_for_euclid_dist").argmin(1)
    )
    assert (nearest != y).any()


def test_the_nearest_of_two_class_means_that_almost_coincide_is_found_in_float32():
    """A ten-thousandth as far from each other as from the third."""
    means = torch.eye(3, 8, dtype=torch.float64)
    means[1] = means[0] + 1e-4 * torch.eye(8, dtype=torch.float64)[2]
    y = torch.arange(300) % 3
    x = (means[y] + 2e-5 * torch.randn(300, 8, generator=GENERATOR, dtype=torch.float64)).float()
    nearest = Scatter(Subspace(*_moments(x, y, 3), torch.float32)).add(x, y, nearest=True)
    exact = torch.stack([x[y == c].double().mean(0) for c in range(3)])
    expected = torch.cdist(x.double(), exact, compute_mode="donot_use_mm_for_euclid_dist").argmin(1)
    assert torch.equal(nearest, expected)


def _moments(x, y, k):
    moments = Moments(k, x.shape[1])
    moments.add(x, y)
    return moments.mean, moments.count


def test_an_absent_class_has_no_mean_is_nobodys_nearest_and_leaves_the_others_alone():
    x, y = samples([10, 10, 10], 4, spread=0.4)
    x[0] = torch.stack([x[y == k].mean(0) for k in range(3)]).mean(0)  # nearer to the mean of all than to any class
    gap = torch.tensor([0, 2, 3])[y]
    with_gap, without = class_statistics(x, gap, 4), class_statistics(x, y, 3)
    assert with_gap.mean[1].isnan().all()
    assert with_gap.coordinates[1].isnan().all()
    assert with_gap.trace[1].isnan()
    torch.testing.assert_close(with_gap.spectrum, without.spectrum)
    assert nc1(with_gap) == pytest.approx(nc1(without), rel=1e-12)
    # Told they were the absent class, all still find the nearest of the others.
    nearest = Scatter(Subspace(*_moments(x, gap, 4), torch.float64)).add(x, torch.ones_like(gap), nearest=True)
    distances = torch.cdist(x, without.mean, compute_mode="donot_use_mm_for_euclid_dist")
    assert torch.equal(nearest, torch.tensor([0, 2, 3])[distances.argmin(1)])


def test_equal_means_lose_rank():
    x, y = samples([10] * 6, 20, spread=0.0)
    assert len(class_statistics(x, y, 6).spectrum) == 5
    x[y == 3] = x[y == 2][0]
    assert len(class_statistics(x, y, 6).spectrum) == 4
    constant = class_statistics(torch.full((60, 20), 0.1), y, 6)
    assert len(constant.spectrum) == 0
    assert constant.trace.tolist() == [0] * 6


MEASURE = """
import collapse, resource, sys, torch
from collapse.statistics.classes import class_statistics
torch.set_num_threads(1)
n, d, k = map(int, sys.argv[1:])
generator = torch.Generator().manual_seed(0)
x, y = torch.empty(n, d), torch.arange(n) % k
x.normal_(generator=generator)
# What torch itself and the modules take once.
class_statistics(x[:1000, :10], y[:1000], k), collapse.nc1(x[:1000, :10], y[:1000])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
class_statistics(x, y, k), collapse.nc1(x, y)
print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize(("n", "d", "limit"), [(50_000, 4096, 100), (1000, 98_304, 1600)])
def test_measuring_takes_little_memory_beside_the_features(n, d, limit):
    """In MB. VGG's features, 819 MB of them; and images tiled 32 times, 393 MB: 2 GB are allowed in all."""
    command = [sys.executable, "-c", MEASURE, str(n), str(d), "10"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONPATH": WORKFLOW})
    before, after = (int(part) / 1024 for part in said.stdout.split())
    assert after - before < limit


def test_principal_components_are_those_of_scikit_learn():
    from sklearn.decomposition import PCA

    rng = np.random.default_rng(0)
    activations = rng.normal(size=(60, 300)) * np.linspace(3, 0.1, 300) + 5
    scores = principal_scores(torch.from_numpy(activations), 20).numpy()
    expected = PCA(20, svd_solver="full").fit_transform(activations)
    np.testing.assert_allclose(np.abs(scores[:, ::-1]), np.abs(expected), rtol=1e-8, atol=1e-9)


def test_all_principal_components_leave_the_separation_as_it_is():
    rng = np.random.default_rng(1)
    labels = torch.arange(90) % 3
    hidden = torch.from_numpy(rng.normal(size=(90, 4, 5))) + labels[:, None, None]
    parts = zip(hidden.split(40), labels.split(40), strict=True)
    batches = [Batch({"features": h}, h.flatten(1)[:, :3], y) for h, y in parts]
    found = principal_statistics(batches, 3, components=100)
    names = ("coordinates", "within", "count", "width")
    principal = variability.separation_fuzziness(*(found[f"features/principal/{name}"].numpy() for name in names))
    whole = vars(class_statistics(hidden, labels, 3)) | {"width": torch.tensor(20)}
    assert principal == pytest.approx(
        variability.separation_fuzziness(*(whole[name].numpy() for name in names)), rel=1e-10
    )
    few = principal_statistics(batches, 3, components=3)
    assert variability.separation_fuzziness(
        *(few[f"features/principal/{name}"].numpy() for name in names)
    ) != pytest.approx(principal, rel=0.01)


@pytest.mark.parametrize("bias", [0, 10])
def test_separation_is_that_of_a_pseudo_inverse(bias):
    """d = 100, unequal counts: He & Su 2023, equation (1), with numpy's pinv in float64."""
    rng = np.random.default_rng(2)
    labels = rng.permutation(np.repeat(np.arange(10), range(30, 130, 10)))
    hidden = rng.normal(size=(len(labels), 100)) + 2 * rng.normal(size=(10, 100))[labels] + bias
    means = np.stack([hidden[labels == k].mean(0) for k in range(10)])
    deviations = hidden - means[labels]
    between = (means[labels] - hidden.mean(0)).T @ (means[labels] - hidden.mean(0)) / len(labels)
    expected = np.trace(deviations.T @ deviations / len(labels) @ np.linalg.pinv(between, rcond=1e-10, hermitian=True))
    found = class_statistics(torch.from_numpy(hidden), torch.from_numpy(labels), 10)
    parts = found.coordinates.numpy(), found.within.numpy(), found.count.numpy(), np.array(100)
    assert variability.separation_fuzziness(*parts) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("size", [1e-30, 1e-22, 1.0, 1e20])
def test_deviations_are_scaled_by_the_largest_activation(size):
    """Means may lie as close together as they like: what is squared is scaled by how large the activations are."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 3
    means = 1e-3 * torch.randn(3, 5, generator=generator)
    features = size * (means[labels] + torch.randn(60, 5, generator=generator))
    moments = Moments(3, 5)
    moments.add(features, labels)
    scale = Subspace(moments.mean, moments.count, torch.float32, moments.largest).scale
    if size == 1.0:
        assert scale == 1
    else:
        assert 0.5 <= scale * float(features.abs().max()) <= 2
    exact = class_statistics(features.double(), labels, 3)
    found = class_statistics(features, labels, 3)
    assert torch.allclose(found.trace, exact.trace, rtol=1e-5, atol=0)
