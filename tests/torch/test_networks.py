import pytest
import torch
from torch import nn

from collapse import models
from collapse.models.network import Shape, build
from collapse.models.zoo import BUILDERS

GREY, COLOUR = Shape(1, 32, 10), Shape(3, 32, 10)

# Parameters and feature dimension as the layer-peeled code has them.
SPECIFIED = {
    ("vgg11", GREY): (28_164_746, 4096),
    ("vgg13", COLOUR): (28_350_794, 4096),
    ("resnet18", COLOUR): (11_173_962, 512),
    ("mlp", Shape(1, 8, 10)): (26_634, 128),
}


@pytest.mark.parametrize(("name", "shape"), SPECIFIED)
def test_parameters_and_features_are_as_specified(name, shape):
    network = build(BUILDERS[name], shape, seed=0).eval()
    parameters, width = SPECIFIED[name, shape]
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    assert network.classifier.weight.shape == (10, width)


def test_vgg11_parameters_add_up_layer_by_layer():
    convolutions = [(1, 64), (64, 128), (128, 256), (256, 256), (256, 512), (512, 512), (512, 512), (512, 512)]
    dense = [(512, 4096), (4096, 4096)]
    total = sum(9 * a * b + b + 2 * b for a, b in convolutions) + sum(a * b + b + 2 * b for a, b in dense)
    assert SPECIFIED["vgg11", GREY][0] == total + 4096 * 10 + 10


def test_every_name_has_a_builder():
    assert set(models.NAMES) == set(BUILDERS)


@pytest.mark.parametrize("name", models.NAMES)
def test_the_last_activation_feeds_the_classifier(name):
    network = build(BUILDERS[name], GREY, seed=0).eval()
    images = torch.randn(2, 1, 32, 32)
    with torch.inference_mode():
        *_, features = network.activations(images).values()
        assert torch.equal(network.classifier(features), network(images))
    assert (features >= 0).all()  # after a ReLU, in every network of the papers


@pytest.mark.parametrize("name", ["mlp", "resnet18"])
def test_the_seed_alone_decides_the_initial_weights(name):
    torch.manual_seed(1)
    first = build(BUILDERS[name], GREY, seed=3).state_dict()
    torch.manual_seed(2)
    state = torch.random.get_rng_state()
    second = build(BUILDERS[name], GREY, seed=3).state_dict()
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(first[key], second[key]) for key in first)
    other = build(BUILDERS[name], GREY, seed=4).state_dict()
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])


def test_resnet_keeps_pytorchs_default_initialisation():
    """Default: uniform within 1/sqrt(fan_in). torchvision's own is normal, with a wider range."""
    network = build(BUILDERS["resnet18"], COLOUR, seed=0)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            assert module.weight.abs().max() <= module.weight[0].numel() ** -0.5
