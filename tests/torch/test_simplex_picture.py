"""The picture of three classes within the simplex: what of it is known in closed form."""

import math

import numpy as np
import pytest
import torch

from collapse.measuring import Measuring
from collapse.metrics.points import points
from collapse.metrics.simplex_picture import SimplexPicture
from collapse.statistics.samples import kept_samples
from collapse.statistics.sweep import Batch

CLASSES = (0, 2, 1)


def simplex(k, d, seed=0):
    """The K vertices, of length 1, in d >= K - 1 dimensions, in a random orientation."""
    frame, _, _ = np.linalg.svd(np.eye(k) - 1 / k)
    turned = np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0]
    return math.sqrt(k / (k - 1)) * frame[:, : k - 1] @ turned[: k - 1]


@pytest.mark.parametrize(("k", "d"), [(3, 2), (3, 5), (10, 9), (10, 64)])
def test_at_collapse_means_and_classifiers_lie_on_the_vertices(k, d):
    vertices = simplex(k, d)
    picture = SimplexPicture.of(7 * vertices + 3, CLASSES)
    np.testing.assert_allclose(picture.features(7 * vertices + 3)[list(CLASSES)], picture.vertices, atol=1e-12)
    np.testing.assert_allclose(picture.classifiers(0.1 * vertices)[list(CLASSES)], picture.vertices, atol=1e-12)
    gram = picture.vertices @ picture.vertices.T
    np.testing.assert_allclose(gram, (1 + 1 / (k - 1)) * np.eye(3) - 1 / (k - 1), atol=1e-12)


def test_the_simplex_is_the_nearest_and_the_axes_are_the_nearest_to_its_vertices():
    """No other orientation of the simplex is as near to the means, and no other frame to the vertices."""
    generator = np.random.default_rng(0)
    means = simplex(5, 8) + 0.3 * generator.normal(size=(5, 8))
    picture, centred = SimplexPicture.of(means, CLASSES), means - means.mean(0)
    np.testing.assert_allclose(picture.axes @ picture.axes.T, np.eye(3), atol=1e-12)
    left, _, right = np.linalg.svd(centred, full_matrices=False)
    nearest = math.sqrt(5 / 4) * left[:, :4] @ right[:4]
    vertices = nearest[list(CLASSES)]
    np.testing.assert_allclose(vertices, picture.vertices @ picture.axes, atol=1e-12)
    for _ in range(200):
        turn, signs = np.linalg.qr(np.eye(8) + 0.1 * generator.normal(size=(8, 8)))
        turn *= np.sign(np.diag(signs))  # near the identity
        assert (centred * (nearest @ turn)).sum() <= (centred * nearest).sum()
        frame = np.linalg.qr(picture.axes.T + 0.1 * generator.normal(size=(8, 3)))
        frame = (frame[0] * np.sign(np.diag(frame[1]))).T
        assert np.square(frame - vertices).sum() >= np.square(picture.axes - vertices).sum()


def test_the_picture_turns_and_grows_with_the_features():
    """It does not depend on where the origin is, on the orientation, or on the scale."""
    generator = np.random.default_rng(1)
    means, samples = generator.normal(size=(4, 6)), generator.normal(size=(9, 6))
    turned = np.linalg.qr(generator.normal(size=(6, 6)))[0]
    one = SimplexPicture.of(means, CLASSES).features(samples)
    other = SimplexPicture.of(3 * means @ turned + 5, CLASSES).features(3 * samples @ turned + 5)
    np.testing.assert_allclose(one, other, atol=1e-12)


def test_points_are_samples_means_classifiers_and_vertices_of_the_three_classes():
    vertices = simplex(4, 6)
    labels = np.array([0, 2, 1, 0])
    kept = {"features": vertices[labels].astype(np.float32), "labels": labels, "true_labels": labels}
    tensors = {f"train/samples/{name}": value for name, value in kept.items()}
    tensors |= {"train/eval/features/mean": vertices, "head/product/features": vertices, "head/bias": np.zeros(4)}
    found = list(points(tensors, CLASSES))
    assert [point[1] for point in found] == ["sample"] * 4 + ["mean"] * 3 + ["classifier"] * 3 + ["vertex"] * 3
    places = {label: np.array(point[4:7]) for point in found if point[1] == "vertex" for label in [point[2]]}
    for _, _, label, _, *place, _, _ in found:
        np.testing.assert_allclose(place, places[label], atol=1e-6)
    without = tensors | {"train/eval/features/mean": np.where(np.arange(4)[:, None] == 3, np.nan, vertices)}
    assert not list(points(without, CLASSES))  # a class without samples has no mean, and then there is no simplex


def test_samples_of_the_chosen_classes_alone_are_kept():
    labels = torch.tensor([0, 1, 2, 3, 0, 1, 2, 3, 0])
    batch = Batch({"features": torch.arange(9.0)[:, None]}, None, labels)
    found = kept_samples([batch], "features", 2, (0, 2, 1))
    assert found["labels"].tolist() == [0, 1, 2, 0, 1, 2]
    assert found["features"].flatten().tolist() == [0, 1, 2, 4, 5, 6]


@pytest.mark.parametrize(("asked", "message"), [
    ({"simplex_of": (0, 1, 2)}, "simplex_of needs samples"),
    ({"simplex_of": (0, 1, 1), "samples": 2}, "three classes from 0 to 9, each once"),
    ({"simplex_of": (0, 1, 10), "samples": 2}, "three classes from 0 to 9, each once"),
    ({"simplex_of": (0, 1, 2), "samples": 2, "feature_dim": 8}, "8 dimensions have no simplex of 10 classes"),
])  # fmt: skip
def test_a_picture_that_can_not_be_is_refused(recipe, asked, message):
    architecture = recipe.architecture | {"feature_dim": asked.pop("feature_dim", None)}
    with pytest.raises(ValueError, match=message):
        Measuring(**asked).check(recipe.model_copy(update={"architecture": architecture}))
