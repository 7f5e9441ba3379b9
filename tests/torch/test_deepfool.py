"""DeepFool: on linear classifiers, whose boundaries are known; and what must not change its answer."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from collapse.data.store import read_split
from collapse.measuring import Measuring
from collapse.metrics.measure import measure_file
from collapse.metrics.perturbation import fraction, mean_norm
from collapse.metrics.undefined import Undefined
from collapse.recipe import Seeds
from collapse.statistics.deepfool import BEYOND, deepfool
from collapse.statistics.extract import TooFewImages, extract_run
from collapse.tables import read_metrics
from collapse.tensors import read_tensors
from collapse.training.inputs import load_images
from collapse.training.making import RunContext, publish
from collapse.training.run import train_run


def images(count=20, side=4, seed=0):
    return torch.randn(count, 1, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def linear(k=5, side=4, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(side**2, k)).double()


def curved(k=12, side=4, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(side**2, 30), nn.Tanh(), nn.Linear(30, k)).double()


def to_boundary(classifier, given):
    """Distance of each image to the nearest boundary of a linear classifier: min |f_k - f_j| / ||w_k - w_j||."""
    weight, logits = classifier[1].weight.detach(), classifier(given).detach()
    answer = logits.argmax(1, keepdim=True)
    distances = (logits.gather(1, answer) - logits) / (weight[answer] - weight).norm(dim=2)
    return distances.scatter(1, answer, torch.inf).amin(1)


@pytest.mark.parametrize("k", [2, 5, 30])
def test_on_a_linear_classifier_it_is_the_distance_to_the_nearest_boundary(k):
    """In closed form: 1.02 times that distance, and what is added to end beyond it; alone and in a batch."""
    classifier, given = linear(k), images()
    found = deepfool(classifier, given, candidates=k)
    distance = to_boundary(classifier, given)
    assert found.fooled.all()
    torch.testing.assert_close(found.norms(), 1.02 * (distance + BEYOND), rtol=1e-12, atol=0)
    torch.testing.assert_close(found.norms(), 1.02 * distance, rtol=0, atol=2e-4)
    alone = torch.cat([deepfool(classifier, image[None], candidates=k).norms() for image in given])
    torch.testing.assert_close(alone, found.norms(), rtol=1e-12, atol=0)
    assert (classifier(given + found.moves).argmax(1) != classifier(given).argmax(1)).all()


def image_by_image(logits, image, candidates, steps, overshoot):
    """The algorithm as its authors write it, for one image."""
    first = logits(image[None])[0]
    classes = first.argsort(descending=True)[:candidates]
    total = torch.zeros_like(image)
    for _ in range(steps):
        at = (image + (1 + overshoot) * total).requires_grad_()
        found = logits(at[None])[0]
        if found.argmax() != classes[0]:
            break
        gradients = [torch.autograd.grad(found[c], at, retain_graph=True)[0] for c in classes]
        least, step = None, None
        for c, gradient in zip(classes[1:], gradients[1:], strict=True):
            normal = gradient - gradients[0]
            distance = (found[c] - found[classes[0]]).abs() / normal.norm()
            if least is None or distance < least:
                least, step = distance, (distance + BEYOND) * normal / normal.norm()
        total = (total + step).detach()
    return (1 + overshoot) * total


@pytest.mark.parametrize(("candidates", "steps"), [(10, 50), (3, 50), (10, 1)])
def test_a_batch_is_what_each_image_gives_by_itself(candidates, steps):
    classifier, given = curved(), images()
    found = deepfool(classifier, given, candidates, steps)
    for image, move in zip(given, found.moves, strict=True):
        torch.testing.assert_close(move, image_by_image(classifier, image, candidates, steps, 0.02), rtol=0, atol=1e-9)
    answered = classifier(given + found.moves).argmax(1) != classifier(given).argmax(1)
    assert torch.equal(found.fooled, answered)


@given(st.floats(0.1, 10), st.integers(0, 5))
def test_neither_the_scale_of_logits_nor_the_order_of_classes_and_images_counts(scale, seed):
    classifier, given = curved(), images(6)
    found = deepfool(classifier, given)
    torch.testing.assert_close(deepfool(lambda x: scale * classifier(x), given).moves, found.moves, rtol=0, atol=1e-8)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(deepfool(lambda x: classifier(x)[:, order], given).moves, found.moves, rtol=0, atol=1e-9)
    torch.testing.assert_close(deepfool(classifier, given.flip(0)).moves.flip(0), found.moves, rtol=0, atol=1e-9)


def test_where_no_class_has_a_gradient_nothing_moves_and_nobody_is_fooled():
    def constant(x):
        return x.flatten(1)[:, :3] * 0 + torch.arange(3.0)

    found = deepfool(constant, images(4).float())
    assert not found.fooled.any()
    assert not found.moves.any()


def test_norms_are_in_the_units_asked_for():
    found = deepfool(linear(), images())
    torch.testing.assert_close(found.norms(torch.full((1, 1, 1), 0.25)), found.norms() / 4)
    assert found.norms().dtype == torch.float64


def test_perturbations_of_a_run_are_of_the_same_test_images_whatever_its_seed(recipe, digits, tmp_path):
    """Measured in the network's units, and in pixels: the digits are divided by .376 alike in every pixel."""
    for seed in (0, 1):
        folder = tmp_path / str(seed)
        at_seed = recipe.model_copy(update={"seeds": Seeds.all(seed)})
        train_run(at_seed, RunContext(digits, folder, torch.device("cpu"), log=lambda line: None))
        publish(folder)
        extract_run(folder, digits, Measuring(perturbed=30), folder / "statistics.safetensors", torch.device("cpu"))
        measure_file(folder / "statistics.safetensors", folder / "metrics.csv")
        tensors, _ = read_tensors(folder / "statistics.safetensors")
        assert {len(tensors[f"epoch-0003/test/perturbation/{name}"]) for name in ("norms", "raw", "fooled")} == {30}
        values, _ = read_metrics(folder / "metrics.csv")
        place = (3, "test", "network", "eval", "all")
        assert values[*place, "perturbation_fooled"] == 1
        assert values[*place, "perturbation_raw"] == pytest.approx(0.376 * values[*place, "perturbation"])
        network_sees, _ = load_images(recipe, digits, "test", None, torch.device("cpu"))
        assert 0.1 < values[*place, "perturbation"] < network_sees.flatten(1).norm(dim=1).mean()
    many = len(read_split(digits, "test")[1]) + 1
    with pytest.raises(TooFewImages, match=f"perturbed: {many} images are wanted, and the test split has {many - 1}"):
        extract_run(folder, digits, Measuring(perturbed=many), tmp_path / "more.safetensors", torch.device("cpu"))


def test_what_was_not_fooled_has_no_perturbation():
    norms, fooled = np.array([1.0, 2.0, 9.0]), np.array([1.0, 1.0, 0.0])
    assert mean_norm(norms, fooled) == 1.5
    assert fraction(fooled) == pytest.approx(2 / 3)
    with pytest.raises(Undefined, match="no image was fooled"):
        mean_norm(norms, np.zeros(3))
