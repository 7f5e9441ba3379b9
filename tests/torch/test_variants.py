"""Variants by other conventions, what there is of each class, and groups: by definition and in closed form."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import collapse
from collapse.metrics import duality, geometry, variability
from collapse.metrics.entries import METRICS
from collapse.metrics.groups import class_groups, run_groups
from collapse.metrics.undefined import Undefined
from collapse.statistics.classes import Moments, Scatter, Subspace, class_statistics

EXACT = 1e-12


def rotation(d, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0]


def simplex(k, d):
    return (np.eye(k) - 1 / k) * math.sqrt(k / (k - 1)) @ rotation(d)[:k]


@pytest.mark.parametrize("k", [2, 3, 10])
def test_a_simplex_is_collapsed_by_every_variant(k):
    frame = 2.5 * simplex(k, k + 3)
    assert geometry.row_sum(frame) == pytest.approx(0, abs=EXACT)
    assert duality.uniform_duality(3 * frame, frame, ddof=1) == pytest.approx(0, abs=EXACT)
    distances = geometry.uniformity(frame, "distance")
    assert distances == pytest.approx((math.sqrt(2 * k / (k - 1)), 0), abs=EXACT)


def test_rows_that_are_equal_add_up():
    """NC0 of K equal rows is K ||w|| / (sqrt K ||w||); of an orthonormal frame 1."""
    assert geometry.row_sum(np.ones((4, 7))) == pytest.approx(2, rel=EXACT)
    assert geometry.row_sum(rotation(6)) == pytest.approx(1, rel=EXACT)
    with pytest.raises(Undefined, match="every vector is zero"):
        geometry.row_sum(np.zeros((3, 4)))


@given(st.integers(0, 2**31), st.floats(0.1, 10))
def test_variants_are_invariant_to_rotation_scale_and_class_order(seed, scale):
    rng = np.random.default_rng(seed)
    rows, order, turn = rng.normal(size=(5, 8)), rng.permutation(5), rotation(8, seed)
    for metric in (geometry.row_sum, lambda rows: geometry.uniformity(rows, "distance")):
        assert metric(scale * rows[order] @ turn) == pytest.approx(metric(rows), abs=1e-10)


def test_the_unbiased_divide_by_one_less():
    rng = np.random.default_rng(0)
    w, m = rng.normal(size=(2, 5, 8))
    products = np.array([a @ b for a, b in zip(w, m, strict=True)])
    assert duality.uniform_duality(w, m, ddof=1) == pytest.approx(products.var(ddof=1), rel=EXACT)
    assert duality.uniform_duality(w, m, ddof=1) == pytest.approx(5 / 4 * duality.uniform_duality(w, m), rel=EXACT)
    with pytest.raises(Undefined, match="fewer than 2 classes"):
        duality.uniform_duality(w[:1], m[:1], ddof=1)


def uneven(counts=(40, 10, 5, 3), d=6):
    generator = torch.Generator().manual_seed(2)
    y = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    means = torch.randn(len(counts), d, generator=generator, dtype=torch.float64) + 3
    spread = torch.tensor([0.1, 0.5, 1.0, 2.0], dtype=torch.float64)[y, None]
    return means[y] + spread * torch.randn(len(y), d, generator=generator, dtype=torch.float64), y


def unweighted(x, y):
    """D of averages over classes, about the sample mean: He & Su 2023, code for balanced classes."""
    h, labels = x.numpy(), y.numpy()
    present = np.unique(labels)
    parts = [h[labels == c] for c in present]
    within = sum((p - p.mean(0)).T @ (p - p.mean(0)) / len(p) for p in parts) / len(present)
    apart = np.stack([p.mean(0) - h.mean(0) for p in parts])
    between = apart.T @ apart / len(present)
    return np.trace(within @ np.linalg.pinv(between, rcond=1e-10, hermitian=True))


def separation(found, width, name="separation_fuzziness_unweighted"):
    within = found.within_unweighted if name == "separation_fuzziness_unweighted" else found.within
    return getattr(variability, name)(found.coordinates.numpy(), within.numpy(), found.count.numpy(), width)


@pytest.mark.parametrize("counts", [(40, 10, 5, 3), (40, 0, 5, 3), (1, 10, 5, 3)])
def test_unweighted_separation_counts_every_class_alike(counts):
    x, y = uneven(counts)
    found = class_statistics(x, y, 4)
    assert separation(found, 6) == pytest.approx(unweighted(x, y), rel=1e-9)
    assert separation(found, 6) != pytest.approx(separation(found, 6, "separation_fuzziness"), rel=0.01)
    rounded = class_statistics((1000 + x).float(), y, 4)  # centres that float32 can not hold
    assert separation(rounded, 6) == pytest.approx(unweighted((1000 + x).float().double(), y), rel=1e-5)


def test_of_equal_counts_every_weight_is_the_same():
    x, y = uneven((9, 9, 9, 9))
    found = class_statistics(x, y, 4)
    assert separation(found, 6) == separation(found, 6, "separation_fuzziness")


def test_unweighted_shards_merged_are_the_whole():
    x, y = uneven()
    moments = Moments(4, 6)
    moments.add(x, y)
    space = Subspace(moments.mean, moments.count, torch.float64, moments.largest)
    parts = [Scatter(space), Scatter(space)]
    for i, part in enumerate(parts):
        part.add(x[i::2], y[i::2])
    parts[0].merge(parts[1])
    assert separation(parts[0].finish(), 6) == pytest.approx(unweighted(x, y), rel=1e-9)


def test_shards_agree_on_the_largest():
    """Far apart in size: the scale is that of all of them."""
    x, y = uneven()
    x = (1e30 * x).float()
    parts = [Moments(4, 6), Moments(4, 6)]
    parts[0].add(x[::2], y[::2])
    parts[1].add(x[1::2], y[1::2])
    parts[0].merge(parts[1])
    assert parts[0].largest == x.abs().max()
    space = Subspace(parts[0].mean, parts[0].count, torch.float32, parts[0].largest)
    scatter = Scatter(space)
    scatter.add(x, y)
    assert separation(scatter.finish(), 6) == pytest.approx(unweighted(x.double(), y), rel=1e-5)


def table_of(x, y, k=4, **options):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(x.shape[1], k).double())
    return model[1], collapse.measure(model, [(x, y)], **options)


def test_the_table_holds_every_variant():
    x, y = uneven()
    classifier, table = table_of(x, y)
    found = table[table.classes == "all"].set_index(["layer", "metric"]).value
    weight = classifier.weight.detach().numpy()
    means = np.stack([x[y == c].mean(0) for c in range(4)]) - x.mean(0).numpy()
    unit = means / np.linalg.norm(means, axis=1, keepdims=True)
    cosines = np.array([unit[i] @ unit[j] for i, j in combinations(range(4), 2)] * 2)
    distances = np.array([np.linalg.norm(unit[i] - unit[j]) for i, j in combinations(range(4), 2)])
    products = (weight * means).sum(1)
    gram = (weight - weight.mean(0)) @ (weight - weight.mean(0)).T
    wanted = {
        ("features", "equiangularity_unbiased"): cosines.std(ddof=1),
        ("features", "uniform_duality_unbiased"): products.var(ddof=1),
        ("features", "uniformity_distance_mean"): distances.mean(),
        ("features", "uniformity_distance_variance"): distances.var(),
        ("features", "separation_fuzziness_unweighted"): unweighted(x, y),
        ("classifier", "nc2_row_centred"): np.linalg.norm(
            gram / np.linalg.norm(gram) - (np.eye(4) - 1 / 4) / np.sqrt(3)
        ),
        ("classifier", "nc0"): np.linalg.norm(weight.sum(0)) / np.linalg.norm(weight),
    }
    assert {key: found[key] for key in wanted} == pytest.approx(wanted, rel=1e-9)
    assert {metric for _, metric in wanted} <= set(METRICS)


def test_of_each_class_there_is_as_much_as_is_asked_for():
    x, y = uneven((40, 10, 0, 1))
    classifier, table = table_of(x, y, per_class=True)
    found = table.set_index(["layer", "metric", "classes"]).value
    weight = classifier.weight.detach()
    logits = x @ weight.T + classifier.bias.detach()
    for c in (0, 1):
        mean = x[y == c].mean(0) - x.mean(0)
        cosine = mean @ weight[c] / mean.norm() / weight[c].norm()
        wanted = {
            ("features", "class_mean_norm"): mean.norm().item(),
            ("features", "mean_classifier_cosine"): cosine.item(),
            ("features", "class_variance"): (x[y == c] - x[y == c].mean(0)).square().sum(1).mean().item(),
            ("classifier", "classifier_norm"): weight[c].norm().item(),
            ("network", "accuracy"): (logits.argmax(1) == y)[y == c].double().mean().item(),
        }
        assert {key: found[(*key, str(c))] for key in wanted} == pytest.approx(wanted, rel=1e-9)
        assert {metric for _, metric in wanted} <= set(METRICS)
    reasons = table[table.classes.isin(["2", "3"]) & table.value.isna()].groupby("classes").reason.nunique()
    assert reasons["2"] == 4
    assert "fewer than 2 samples" in table[(table.classes == "3") & table.value.isna()].reason.item()
    assert not table_of(x, y)[1].classes.str.fullmatch("[0-9]+").any()


def test_groups_only_when_asked_for():
    x, y = uneven()
    _, table = table_of(x, y)
    assert set(table.classes) == {"all"}
    _, asked = table_of(x, y, groups=["0-1", "2-3"])
    assert set(asked.classes) == {"all", "0-1", "2-3"}
    means = np.stack([x[y == c].mean(0) for c in (2, 3)]) - x.mean(0).numpy()
    cosine = means[0] @ means[1] / np.linalg.norm(means[0]) / np.linalg.norm(means[1])
    at = (asked.layer == "features") & (asked.classes == "2-3") & (asked.metric == "cosine_mean")
    assert asked[at].value.item() == pytest.approx(cosine, rel=1e-9)
    assert asked[asked.classes == "all"].reset_index(drop=True).equals(table)
    for wrong in ("2-4", "3-1", "minority"):
        with pytest.raises(ValueError, match=f"groups: '{wrong}' is none of the classes 0 to 3"):
            table_of(x, y, groups=[wrong])


def test_a_thousand_classes_have_no_more_rows_than_ten():
    y = torch.arange(2000) % 1000
    x = torch.randn(2000, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    _, table = table_of(x, y, 1000)
    assert len(table) <= 500
    assert set(table.classes) == {"all"}


def test_a_run_has_the_groups_that_its_tables_read(recipe):
    assert recipe.imbalance.k_major == 7
    assert run_groups(recipe, 20) == class_groups(20)
    assert run_groups(recipe, 1000) == {"all": slice(0, 1000), "0-6": slice(0, 7), "7-999": slice(7, 1000)}
    balanced = recipe.model_copy(update={"imbalance": recipe.imbalance.model_copy(update={"k_major": 1000})})
    assert list(run_groups(balanced, 1000)) == ["all"]
