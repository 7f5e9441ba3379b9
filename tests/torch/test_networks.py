"""Every network against the figures of its paper: parameters, multiplications, dimensions, measured layers."""

import math

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from collapse.data.imbalance import Imbalance
from collapse.models.entries import NETWORKS
from collapse.models.heads import simplex
from collapse.models.network import Network, Shape, build
from collapse.models.norm import BatchNorm1d
from collapse.recipe import Recipe
from collapse.statistics.recorder import FeatureRecorder, Place
from collapse.training.protocol import Protocol

GREY, COLOUR, RESIZED = Shape(1, 32, 10), Shape(3, 32, 10), Shape(1, 10, 10)
IMAGENET = Shape(3, 224, 1000)
FNN_MIX = (100, 500, 500, 2500, 2500, 500, 500)


def make(name: str, shape: Shape, seed: int = 0, **options) -> Network:
    return build(name, shape, NETWORKS[name].options(**options), seed)


def outline(name: str, shape: Shape, **options) -> Network:
    """The network without its numbers: free however large."""
    with torch.device("meta"):
        return make(name, shape, **options).eval()


def outputs(network: Network, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """Each layer's output, by name and in order; the last is the input of the classifier."""
    places = {name: Place(module) for name, module in network.module_names().items()}
    return FeatureRecorder(network, places)(images)[0]


def count(network: nn.Module, trained: bool = False) -> int:
    return sum(p.numel() for p in network.parameters() if p.requires_grad or not trained)


def multiplications(network: Network, shape: Shape) -> int:
    """Multiply-accumulates of convolutions and dense layers for one image."""
    with FlopCounterMode(display=False) as counter:
        network(torch.empty(1, shape.channels, shape.image_size, shape.image_size, device="meta"))
    return counter.get_total_flops() // 2


# Name, shape, options, parameters, feature dimension.
SPECIFIED = [
    # Layer-peeled (Fang et al. 2021), Section 4 of the notes.
    ("vgg11", GREY, {}, 28_164_746, 4096),
    ("vgg13", COLOUR, {}, 28_350_794, 4096),
    ("resnet18", COLOUR, {}, 11_173_962, 512),
    ("mlp", Shape(1, 8, 10), {}, 26_634, 128),
    # Zhu et al. 2021: table of parameters.
    ("resnet18", COLOUR, {"stem": "imagenet"}, 11_181_642, 512),
    ("resnet18", COLOUR, {"stem": "imagenet", "feature_dim": "num_classes"}, 8_867_542, 10),
    # Equi-separation (He & Su 2023): GFNN at h = 100, L = 2, 6, 18, with L + 1 hidden layers.
    ("mlp", RESIZED, {"width": 100, "layers": 4}, 31_910, 100),
    ("mlp", RESIZED, {"width": 100, "layers": 8}, 73_110, 100),
    ("mlp", RESIZED, {"width": 100, "layers": 20}, 196_710, 100),
    ("gresnet", GREY, {}, 8 * (9 * 64 + 16) + 81_930, 8192),
    ("gresnet", GREY, {"block": "bottleneck"}, 12 * (25 * 64 + 16) + 81_930, 8192),
    ("gresnet", GREY, {"block": "mixed"}, 6 * (25 * 64 + 16) + 4 * (9 * 64 + 16) + 81_930, 8192),
    # Memorization-dilation (Nguyen et al. 2023): 9 layers of width 2048, two classes.
    ("mlp", Shape(3, 32, 2), {"width": 2048, "layers": 9, "feature_dim": "num_classes"}, 35_704_844, 2),
    # Papyan et al. 2020: DenseNet 15.3M and dimension 1734, dimension 448; Huang et al. 2017: 1.0M for the latter.
    ("densenet250", COLOUR, {}, 15_324_406, 1734),
    ("densenet40", COLOUR, {}, 1_019_722, 448),
    # torchvision's own figures for ImageNet.
    ("densenet201", IMAGENET, {"stem": "imagenet"}, 20_013_928, 1920),
    ("resnet50", IMAGENET, {"stem": "imagenet"}, 25_557_032, 2048),
    ("resnet152", IMAGENET, {"stem": "imagenet"}, 60_192_808, 2048),
    # Deep linear networks (Dang et al. 2023): batch norm on the features; torchvision's vgg16_bn has 14,723,136 before.
    ("vgg16", COLOUR, {"dense_layers": 0, "feature_batch_norm": True}, 14_723_136 + 1024 + 5130, 512),
    ("resnet18", COLOUR, {"feature_batch_norm": True, "linear_layers": 3}, 11_173_962 + 1024 + 2 * 512**2, 512),
]


@pytest.mark.parametrize(("name", "shape", "options", "parameters", "width"), SPECIFIED)
def test_parameters_and_features_are_as_specified(name, shape, options, parameters, width):
    network = outline(name, shape, **options)
    assert count(network) == count(network, trained=True) == parameters
    assert network.classifier.weight.shape == (shape.num_classes, width)


@pytest.mark.parametrize(
    ("name", "shape", "options", "millions", "digits"),
    [
        ("vgg11", GREY, {}, 170.5, 1),
        ("vgg13", COLOUR, {}, 247.2, 1),
        ("resnet18", COLOUR, {}, 555, 0),
        ("resnet18", COLOUR, {"feature_dim": "num_classes"}, 518, 0),
        ("resnet18", COLOUR, {"stem": "imagenet"}, 37, 0),
        ("alexnet_tiled", GREY, {}, 545, 0),
        ("vgg13_tiled", GREY, {}, 670, -1),
    ],
)
def test_multiplications_are_as_in_the_notes(name, shape, options, millions, digits):
    assert round(multiplications(outline(name, shape, **options), shape) / 1e6, digits) == millions


def test_vgg11_parameters_add_up_layer_by_layer():
    convolutions = [(1, 64), (64, 128), (128, 256), (256, 256), (256, 512), (512, 512), (512, 512), (512, 512)]
    dense = [(512, 4096), (4096, 4096)]
    total = sum(9 * a * b + b + 2 * b for a, b in convolutions) + sum(a * b + b + 2 * b for a, b in dense)
    assert count(outline("vgg11", GREY)) == total + 4096 * 10 + 10


def test_a_fixed_simplex_and_narrow_features_save_a_fifth_of_resnet18():
    """Zhu et al. 2021: 20.70 % of the parameters; the simplex alone saves the 5,120 of the classifier's weight."""
    full = outline("resnet18", COLOUR, stem="imagenet")
    network = outline("resnet18", COLOUR, stem="imagenet", feature_dim="num_classes", classifier="fixed_etf")
    assert count(network, trained=True) == 8_867_442
    assert round(100 * (1 - count(network, trained=True) / count(full)), 2) == 20.70
    simplex_alone = outline("resnet18", COLOUR, stem="imagenet", classifier="fixed_etf")
    assert count(full) - count(simplex_alone, trained=True) == 5120


def test_base_width_scales_every_stage():
    assert outline("resnet18", COLOUR, base_width=8).classifier.in_features == 64
    assert outline("resnet50", COLOUR, base_width=8).classifier.in_features == 256


@pytest.mark.parametrize("block", ["BasicBlock", "Bottleneck"])
def test_resnet_computes_what_torchvisions_does(block):
    from torchvision.models import resnet

    name, blocks = {"BasicBlock": ("resnet18", [2, 2, 2, 2]), "Bottleneck": ("resnet50", [3, 4, 6, 3])}[block]
    ours = make(name, Shape(3, 64, 10), stem="imagenet").eval()
    theirs = resnet.ResNet(getattr(resnet, block), blocks, num_classes=10).eval()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), theirs(images))


def test_densenet_computes_what_torchvisions_does():
    from torchvision.models import DenseNet

    ours = make("densenet201", Shape(3, 32, 10), stem="imagenet").eval()
    theirs = DenseNet(32, (6, 12, 48, 32), 64, num_classes=10).eval()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), theirs(images))


@pytest.mark.parametrize("training", [True, False])
def test_our_batch_norm_is_pytorchs(training):
    ours, theirs = BatchNorm1d(5).train(training), nn.BatchNorm1d(5).train(training)
    for norm in (ours, theirs):
        norm.running_mean += 0.3
        nn.init.constant_(norm.weight, 1.7)
    generator = torch.Generator().manual_seed(0)
    for batch in torch.randn(3, 20, 5, generator=generator):
        assert torch.equal(ours(batch), theirs(batch))
    assert torch.equal(ours.running_mean, theirs.running_mean)
    assert torch.equal(ours.running_var, theirs.running_var)


def test_a_linear_head_is_the_product_of_its_weights():
    """Without biases, logits are W_M ... W_1 h, of the features h that the backbone ends in."""
    options = NETWORKS["mlp"].options(linear_layers=3, classifier_bias=False)
    network = build("mlp", Shape(1, 8, 10), options, seed=0).double().eval()
    images = torch.randn(4, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    first, second, third = network.head_weights()
    expected = network.features(images) @ (third @ second @ first).T
    torch.testing.assert_close(network(images), expected)
    seen = outputs(network, images)
    assert torch.equal(seen[network.features_layer], network.features(images))
    *_, last = seen.values()
    torch.testing.assert_close(network.classifier(last), expected)


LARGE = {"resnet152", "densenet201", "densenet250", "vgg16", "vgg19"}  # like their smaller kin, but slow


@pytest.mark.parametrize("name", [name for name in tuple(NETWORKS) if name not in LARGE])
def test_the_last_activation_feeds_the_classifier(name):
    network = make(name, GREY).eval()
    images = torch.randn(2, 1, 32, 32)
    with torch.inference_mode():
        activations = outputs(network, images)
        *_, features = activations.values()
        assert torch.equal(network.classifier(features), network(images))
    assert name == "free_features" or (features >= 0).all()  # after a ReLU, in every network of the papers
    assert torch.equal(activations[network.features_layer], features)
    assert set(network.measured) <= set(network.measured_inside) <= set(activations)
    assert all(activations[layer].isfinite().all() for layer in network.measured_inside)


@pytest.mark.parametrize("name", sorted(LARGE))
def test_large_networks_have_logits(name):
    assert outline(name, COLOUR)(torch.empty(2, 3, 32, 32, device="meta")).shape == (2, 10)


@pytest.mark.parametrize("name", ["mlp", "resnet18"])
def test_the_seed_alone_decides_the_initial_weights(name):
    torch.manual_seed(1)
    first = make(name, GREY, seed=3).state_dict()
    torch.manual_seed(2)
    state = torch.random.get_rng_state()
    second = make(name, GREY, seed=3).state_dict()
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(first[key], second[key]) for key in first)
    other = make(name, GREY, seed=4).state_dict()
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])


@pytest.mark.parametrize("name", ["resnet18", "densenet40"])
def test_convolutions_keep_pytorchs_default_initialisation(name):
    """Default: uniform within 1/sqrt(fan_in). torchvision's own is normal, with a wider range."""
    for module in make(name, COLOUR).modules():
        if isinstance(module, nn.Conv2d):
            assert module.weight.abs().max() <= module.weight[0].numel() ** -0.5


def test_he_initialisation_of_a_resnet_is_torchvisions():
    """Normal with variance 2 / fan out; the classifier uniform within 1/sqrt(fan_in), as PyTorch's default."""
    network = make("resnet18", COLOUR, initialisation="he")
    last = network.layers["stage4"][-1].conv2.weight
    assert last.std().item() == pytest.approx(math.sqrt(2 / (512 * 9)), rel=0.01)
    assert network.classifier.weight.abs().max() <= 512**-0.5


def test_he_initialisation_keeps_the_scale_of_a_deep_network_without_batch_norm():
    """The default shrinks the signal in each layer: equi_separation's NoBN network of 20 layers stays at chance."""
    images = torch.randn(100, 1, 10, 10)
    scale = {}
    for kind in ("default", "he"):
        network = make("mlp", RESIZED, width=100, layers=20, batch_norm=False, initialisation=kind)
        activations = outputs(network, images)
        first, last = (activations[layer].var(0).mean().item() for layer in ("fc1", "fc19"))
        scale[kind] = last / first
    assert scale["he"] > 0.05 > 1e-6 > scale["default"]


# The multilayer perceptrons of the papers.


def kinds(network: nn.Module, layer: str) -> list[type]:
    return [getattr(nn, type(module).__name__) for module in network.layers[layer]]  # ours is a BatchNorm1d too


def test_equi_separation_networks_measure_the_pixels_and_every_hidden_layer():
    network = make("mlp", RESIZED, width=100, layers=8).eval()
    assert network.measured == ("flatten", *(f"fc{i}" for i in range(1, 8)))
    images = torch.randn(3, 1, 10, 10)
    assert torch.equal(outputs(network, images)["flatten"], images.flatten(1))
    assert kinds(network, "fc1") == [nn.Linear, nn.BatchNorm1d, nn.ReLU]
    assert kinds(make("mlp", RESIZED, activation="identity"), "fc1") == [nn.Linear, nn.BatchNorm1d]
    assert kinds(make("mlp", RESIZED, batch_norm=False), "fc1") == [nn.Linear, nn.ReLU]
    mixed = outline("mlp", RESIZED, hidden=FNN_MIX)
    assert [mixed.layers[f"fc{i}"][0].out_features for i in range(1, 8)] == list(FNN_MIX)


def test_a_network_may_see_one_channel_alone():
    network = make("mlp", Shape(3, 10, 10), input_channel=1)
    images = torch.randn(3, 3, 10, 10)
    assert torch.equal(outputs(network, images)["flatten"], images[:, 1].flatten(1))
    with pytest.raises(ValueError, match="input_channel 3: the images have 3"):
        make("mlp", Shape(3, 10, 10), input_channel=3)


def is_orthogonal(weight: torch.Tensor) -> bool:
    rows, columns = weight.shape
    gram = weight @ weight.T if rows <= columns else weight.T @ weight
    return torch.allclose(gram, torch.eye(len(gram)), atol=1e-5)


@pytest.mark.parametrize(
    ("variant", "hidden", "features"),
    [
        ({"norm_after_activation": True, "feature_batch_norm": True, "orthogonal_hidden": 2}, 2, "feature_norm"),
        ({"batch_norm": False, "feature_linear": True, "orthogonal_hidden": 3}, 3, "feature_linear"),
    ],
)
def test_deep_linear_perceptron(variant, hidden, features):
    """Dang et al. 2023 (code): signed features behind the six hidden layers, then M bias-free orthogonal layers."""
    options = {"width": 32, "layers": 7, "linear_layers": 3, "classifier_bias": False, "initialisation": "orthogonal"}
    network = make("mlp", GREY, **options, **variant)
    assert kinds(network, "fc6") == [nn.Linear, nn.ReLU, nn.BatchNorm1d][: 3 if "feature_batch_norm" in variant else 2]
    assert [is_orthogonal(network.layers[f"fc{i}"][0].weight) for i in range(1, 7)] == [
        i <= hidden for i in range(1, 7)
    ]
    head = [network.layers["linear1"], network.layers["linear2"], network.classifier]
    assert all(is_orthogonal(layer.weight) and layer.bias is None for layer in head)
    assert network.features_layer == features
    activations = outputs(network, torch.randn(8, 1, 32, 32))
    assert list(activations)[-3:] == [features, "linear1", "linear2"]
    assert (activations[features] < 0).any()


@pytest.mark.parametrize("name", ["vgg16", "resnet18"])
def test_deep_linear_convolutional_networks(name):
    options = {"dense_layers": 0} if name == "vgg16" else {"base_width": 8}
    network = make(name, COLOUR, linear_layers=2, feature_batch_norm=True, **options)
    assert list(network.layers)[-3:] == ["pool", "feature_norm", "linear1"]
    assert network.features_layer == "feature_norm"
    assert network.layers["linear1"].bias is None


def test_memorization_perceptron_as_published():
    """Nguyen et al. 2023, README of the code: nine linear layers and the classifier, of two classes, 32x32x3."""
    network = make("mlp", Shape(3, 32, 2), layers=9, width=2048, feature_dim="num_classes")
    assert count(network) == 35_704_844


def test_memorization_perceptron_has_a_narrow_nonnegative_feature_layer():
    network = make("mlp", Shape(1, 8, 4), hidden=(256,) * 3, feature_dim=2)
    assert network.features_layer == "fc4"
    assert kinds(network, "fc4") == [nn.Linear, nn.BatchNorm1d, nn.ReLU]
    assert network.classifier.weight.shape == (4, 2)


# Networks on tiled images.


@pytest.mark.parametrize(
    ("name", "options", "layers", "inside"),
    [
        ("alexnet_tiled", {}, 8, 8),
        ("vgg13_tiled", {}, 13, 13),
        ("gresnet", {"block": "basic"}, 5, 9),
        ("gresnet", {"block": "bottleneck"}, 5, 13),
        ("gresnet", {"block": "mixed"}, 5, 11),
    ],
)
def test_tiled_networks_measure_as_many_layers_as_the_paper(name, options, layers, inside):
    network = outline(name, GREY, **options)
    assert (len(network.measured), len(network.measured_inside)) == (layers, inside)
    assert network.measured_inside[0] == "tile"


def test_convolutions_are_measured_before_their_pool():
    network = make("alexnet_tiled", GREY).eval()
    with torch.inference_mode():
        activations = outputs(network, torch.randn(1, 1, 32, 32))
    shapes = {name: tuple(activations[name].shape[1:]) for name in network.measured}
    assert shapes == {
        "tile": (32, 32, 32),
        "conv1": (64, 32, 32),
        "conv2": (192, 16, 16),
        "conv3": (384, 8, 8),
        "conv4": (256, 8, 8),
        "conv5": (256, 8, 8),
        "fc1": (4096,),
        "fc2": (4096,),
    }


def test_a_residual_block_adds_its_input_before_the_last_relu():
    network = make("gresnet", GREY, block="basic").eval()
    with torch.inference_mode():
        activations = outputs(network, torch.randn(2, 1, 32, 32))
        inner = network.layers["block2"].convolutions
        first = torch.relu(inner[0](activations["block1"]))
        assert torch.equal(activations["block2.conv1"], first)
        assert torch.equal(activations["block2"], torch.relu(inner[1](first) + activations["block1"]))
    assert network.measured_inside[:5] == ("tile", "block1.conv1", "block1", "block2.conv1", "block2")


# The classifier, and what does not train.


@pytest.mark.parametrize("width", [10, 128])
def test_a_simplex_classifier_is_an_exact_simplex(width):
    network = make("mlp", Shape(1, 8, 10), width=width, classifier="fixed_etf")
    weight = network.classifier.weight.detach()
    gram = weight @ weight.T
    expected = torch.full((10, 10), -1 / 9).fill_diagonal_(1)
    torch.testing.assert_close(gram, expected, atol=1e-6, rtol=0)
    assert (weight[:, 10:] == 0).all()
    assert network.classifier.bias.requires_grad
    assert not network.classifier.weight.requires_grad


def test_a_simplex_needs_as_many_dimensions_as_classes():
    with pytest.raises(ValueError, match="simplex of 10 classes needs features of that dimension, not 9"):
        make("mlp", Shape(1, 8, 10), width=9, classifier="fixed_etf")
    torch.testing.assert_close(simplex(2, 2), torch.tensor([[1.0, -1.0], [-1.0, 1.0]]) / 2**0.5)


@pytest.mark.parametrize(
    "options", [{"frozen": ("fc1", "classifier")}, {"frozen": ("fc1",), "classifier": "fixed_etf"}]
)
def test_no_gradient_reaches_what_is_frozen(options):
    network = make("mlp", Shape(1, 8, 10), **options)
    network(torch.randn(4, 1, 8, 8)).square().sum().backward()
    without = {name for name, parameter in network.named_parameters() if parameter.grad is None}
    frozen = {"layers.fc1.0.weight", "layers.fc1.0.bias", "layers.fc1.1.weight", "layers.fc1.1.bias"}
    bias = set() if options.get("classifier") == "fixed_etf" else {"classifier.bias"}
    assert without == frozen | {"classifier.weight"} | bias


def test_freezing_replaces_what_was_frozen_but_never_trains_a_fixed_classifier():
    network = make("mlp", Shape(1, 8, 10), frozen=("fc1",), classifier="fixed_etf")
    network.freeze(["fc2"])
    trained = {name.removeprefix("layers.").split(".")[0] for name, p in network.named_parameters() if p.requires_grad}
    assert trained == {"fc1", "classifier"}
    assert not network.classifier.weight.requires_grad


def test_an_unknown_layer_is_an_error_that_lists_the_layers():
    with pytest.raises(ValueError, match="unknown layer 'fc9'; valid choices: flatten, fc1, fc2, classifier"):
        make("mlp", GREY, frozen=("fc9",))


def test_an_unknown_network_is_an_error_that_lists_the_networks():
    with pytest.raises(ValueError, match="unknown network 'vgg12'; valid choices: mlp, convnet, vgg11"):
        build("vgg12", GREY, NETWORKS["vgg11"].options(), 0)


@pytest.mark.parametrize("name", ["vgg11", "vgg13_tiled"])
def test_an_image_too_small_for_the_pools_is_an_error(name):
    with pytest.raises(ValueError, match="max-pools"):
        outline(name, RESIZED)


# Options.


@pytest.mark.parametrize("name", tuple(NETWORKS))
def test_options_reject_unknown_keys_and_list_the_valid_ones(name):
    with pytest.raises(ValidationError, match=r"unknown key widht; valid keys: .*linear_layers"):
        NETWORKS[name].options(widht=3)


@pytest.mark.parametrize("options", [{"batch_norm": False, "norm_after_activation": True}, {"orthogonal_hidden": 2}])
def test_options_without_effect_are_an_error(options):
    with pytest.raises(ValidationError, match="needs"):
        NETWORKS["mlp"].options(**options)


def test_no_option_has_the_name_of_another_setting():
    taken = {*Recipe.model_fields, *Imbalance.model_fields, *Protocol.model_fields}
    for options in {entry.options for entry in NETWORKS.values()}:
        assert not taken & set(options.model_fields)
        assert all(field.description and not field.is_required() for field in options.model_fields.values())
