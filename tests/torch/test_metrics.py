import csv
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from collapse.files import DamagedFile, write_tensors
from collapse.metrics import geometry, variability
from collapse.metrics.groups import class_groups, group_name
from collapse.metrics.measure import measure, measure_file
from collapse.models.network import Shape, build
from collapse.models.options import OPTIONS
from collapse.statistics.extract import network_statistics


def simplex(k, d):
    """Simplex equiangular tight frame: k unit vectors in d >= k dimensions, in a random orientation."""
    frame = (np.eye(k) - 1 / k) * math.sqrt(k / (k - 1))
    rotation, _ = np.linalg.qr(np.random.default_rng(k).normal(size=(d, k)))
    return frame @ rotation.T


@pytest.mark.parametrize("k", [2, 3, 10, 100])
def test_a_simplex_is_perfectly_collapsed(k):
    frame = 2.5 * simplex(k, k + 3)
    assert geometry.cosine_mean(frame) == pytest.approx(-1 / (k - 1), abs=1e-12)
    assert geometry.cosine_std(frame) == pytest.approx(0, abs=1e-12)
    assert geometry.maximal_angle(frame) == pytest.approx(0, abs=1e-12)
    assert geometry.norm_variation(frame) == pytest.approx(0, abs=1e-12)
    assert geometry.self_duality(3 * frame, frame) == pytest.approx(0, abs=1e-12)
    assert geometry.energy(frame) == pytest.approx(2.5**2, rel=1e-12)


def test_equal_rows_have_cosine_one():
    rows = np.tile(np.random.default_rng(0).normal(size=5), (4, 1))
    assert geometry.cosine_mean(rows) == pytest.approx(1, abs=1e-12)


def test_an_orthonormal_frame_has_its_closed_form():
    assert geometry.cosine_mean(np.eye(10)) == 0
    assert geometry.maximal_angle(np.eye(10)) == pytest.approx(1 / 9, abs=1e-12)


@given(st.integers(0, 2**31), st.floats(0.1, 10))
def test_geometry_is_invariant_to_rotation_scale_and_class_order(seed, scale):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(5, 8))
    rotation, _ = np.linalg.qr(rng.normal(size=(8, 8)))
    turned = scale * rows[rng.permutation(5)] @ rotation
    for metric in (geometry.cosine_mean, geometry.cosine_std, geometry.maximal_angle, geometry.norm_variation):
        assert metric(turned) == pytest.approx(metric(rows), abs=1e-10)


def test_what_is_undefined_is_nan():
    rows = np.ones((3, 4))
    rows[1] = 0
    assert math.isnan(geometry.cosine_mean(rows))
    assert math.isnan(geometry.cosine_mean(rows[:1]))
    assert math.isnan(geometry.norm_variation(np.zeros((3, 4))))
    assert math.isnan(geometry.self_duality(np.zeros((3, 4)), rows))
    assert math.isnan(variability.nc1(np.ones(2), np.ones(2), 4))
    assert math.isnan(variability.accuracy(np.array([0]), np.array([0])))


def test_feature_energy_is_the_mean_squared_distance_to_the_centre():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(3, 7, 5))  # classes, samples, d
    mean = x.mean(1)
    trace = np.square(x - mean[:, None]).sum(2).mean(1)
    centre = variability.global_mean(mean, np.array([7, 7, 7]))
    np.testing.assert_allclose(centre, x.reshape(-1, 5).mean(0), rtol=1e-12)
    expected = np.square(x - centre).sum(2).mean(1).mean()
    assert variability.feature_energy(mean, trace, centre) == pytest.approx(expected, rel=1e-12)


def test_the_sample_mean_weighs_classes_by_their_counts_and_skips_absent_ones():
    mean = np.array([[1.0], [4.0], [np.nan]])
    assert variability.global_mean(mean, np.array([3, 1, 0])) == pytest.approx(7 / 4)


def test_groups_are_heads_and_tails():
    groups = class_groups(10)
    assert groups["7-9"] == slice(7, 10)
    assert groups["0-6"] == slice(0, 7)
    assert group_name("minority", 7, 10) == "7-9"
    assert group_name("majority", 7, 10) == "0-6"
    assert group_name("all", 7, 10) == "all"


def test_metrics_of_a_network_are_those_of_its_own_weights_and_features(tmp_path):
    network = build("mlp", Shape(1, 8, 10), OPTIONS["mlp"](), seed=0).eval()
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(60, 1, 8, 8, generator=generator)
    labels = torch.arange(60) % 10
    splits = {"train": (images, labels), "test": (images[:30], labels[:30])}
    statistics = {name: tensor.numpy() for name, tensor in network_statistics(network, splits, 10).items()}
    rows = {row[1:5]: row.value for row in measure(statistics, 7)}

    weight = network.classifier.weight.detach().double().numpy()
    assert rows["-", "classifier", "7-9", "cosine_mean"] == geometry.cosine_mean(weight[7:])
    right = network(images).argmax(1) == labels
    assert rows["train", "network", "all", "accuracy"] == pytest.approx(right.double().mean().item())
    assert rows["test", "network", "0-6", "accuracy"] == pytest.approx(
        right[:30][labels[:30] < 7].double().mean().item()
    )
    *_, features = network.activations(images).values()
    h = features.detach().double().numpy()
    centred = np.stack([h[labels == c].mean(0) for c in range(10)]) - h.mean(0)
    assert rows["train", "features", "all", "self_duality"] == pytest.approx(
        geometry.self_duality(weight, centred), rel=1e-9
    )

    assert rows["train", "features", "7-9", "cosine_mean"] == pytest.approx(geometry.cosine_mean(centred[7:]), abs=1e-9)

    path = tmp_path / "statistics.safetensors"
    write_tensors(path, {f"epoch-0007/{name}": value for name, value in statistics.items()})
    measure_file(path, tmp_path / "metrics.csv")
    with (tmp_path / "metrics.csv").open() as file:
        written = list(csv.DictReader(file))
    assert list(written[0]) == ["epoch", "split", "layer", "classes", "metric", "value"]
    assert len(written) == len(rows)
    assert {row["epoch"] for row in written} == {"7"}


def test_damaged_statistics_are_named(tmp_path):
    path = tmp_path / "statistics.safetensors"
    path.write_bytes(b"not tensors")
    with pytest.raises(DamagedFile, match=r"statistics\.safetensors.*run again"):
        measure_file(path, tmp_path / "metrics.csv")
    assert not (tmp_path / "metrics.csv").exists()
