"""What the workflow asks a cluster for, against torch's own count."""

import json

import pytest
import torch

from collapse.cost import flops_per_image, memory_mb, short, training_minutes, training_passes, worth_a_gpu
from collapse.data.entries import DATASETS
from collapse.models.entries import NETWORKS
from collapse.models.network import Shape, build
from collapse.recipe import Recipe, Seeds
from collapse.training.entries import OPTIMIZERS
from collapse.training.losses import loss_named
from collapse.training.optimizers import Stepper
from collapse.training.protocol import Protocol
from scripts.estimate_cost import counted


def recipe(model, epochs=2, optimizer="sgd", **options):
    return Recipe(
        dataset="cifar10",
        model=model,
        architecture=options,
        imbalance={"counts": "all"},
        protocol={"learning_rate": 0.1, "weight_decay": 0, "batch_size": 128, "epochs": epochs, "optimizer": optimizer},
        seeds=Seeds.all(0),
    )


HEAD = {"linear_layers": 3, "classifier_bias": False, "feature_batch_norm": True}
OPTIONS = [
    ("mlp", {"width": 1000, "layers": 6, "linear_layers": 9}),
    ("mlp", {"hidden": [100, 500, 30], "input_channel": 0}),
    ("mlp", {"feature_dim": "num_classes", "feature_linear": True}),
    ("mlp", {"classifier": "fixed_etf"}),
    ("mlp", {"frozen": ["fc1", "fc2"]}),
    ("convnet", HEAD),
    ("vgg11", {"dense_layers": 0, **HEAD}),
    ("vgg16", {"dense_layers": 1, **HEAD}),
    ("resnet18", {"base_width": 16}),
    ("resnet18", {"stem": "imagenet", **HEAD}),
    ("resnet18", {"feature_dim": "num_classes", "classifier": "fixed_etf"}),
    ("resnet50", {"feature_dim": 100, "base_width": 8}),
    ("densenet40", {"stem": "imagenet", **HEAD}),
    ("alexnet_tiled", HEAD),
    ("gresnet", {"block": "bottleneck"}),
    ("gresnet", {"block": "mixed", "frozen": ["block1", "block2"]}),
]


TRAINED = [model for model in NETWORKS if model != "free_features"]  # which no images go through


@pytest.mark.parametrize(("model", "options"), [*((model, {}) for model in TRAINED), *OPTIONS])
def test_planning_counts_what_torch_counts(model, options):
    shape, given = Shape(DATASETS["cifar10"].channels, 32, 10), recipe(model, **options)
    assert flops_per_image(given) == pytest.approx(counted(model, json.dumps(given.architecture), shape)[0], rel=0.01)


@pytest.mark.parametrize("model", ["alexnet_tiled", "densenet40", "mlp", "resnet50"])
def test_planning_counts_what_torch_counts_at_odd_sizes(model):
    shape, entry = Shape(1, 45, 3), NETWORKS[model]
    wanted = pytest.approx(counted(model, "{}", shape)[0], rel=0.01)
    assert entry.training_flops(shape, entry.options()) == wanted


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_step_goes_through_the_network_as_often_as_is_planned(optimizer):
    """Within a fifth for a line search, which takes as many passes as it needs."""
    protocol = {"learning_rate": 0.1, "weight_decay": 1e-4, "batch_size": 40, "epochs": 1, "optimizer": optimizer}
    network = build("mlp", Shape(1, 8, 10), NETWORKS["mlp"].options(), seed=0)
    calls = []
    network.classifier.register_forward_hook(lambda *given: calls.append(1))
    stepper = Stepper(network, Protocol.model_validate(protocol), loss_named("cross_entropy", 0.1))
    images, labels = torch.randn(40, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 10
    stepper.step(images, labels)
    assert len(calls) == pytest.approx(OPTIMIZERS[optimizer].passes, rel=0.2)
    assert training_passes(recipe("mlp", epochs=3, optimizer=optimizer)) == 3 * 50_000 * OPTIMIZERS[optimizer].passes


def test_time_grows_with_the_epochs_and_decides_on_a_gpu_and_on_sharing_a_job():
    assert training_minutes(recipe("mlp", epochs=20)) == pytest.approx(10 * training_minutes(recipe("mlp")))
    assert short(recipe("mlp"))
    assert not worth_a_gpu(recipe("mlp"))
    assert worth_a_gpu(recipe("resnet18", epochs=350))
    assert not short(recipe("resnet18", epochs=350))


def test_memory_holds_the_train_split_several_times():
    assert memory_mb(recipe("resnet18")) > 3 * 50_000 * 3 * 32 * 32 * 4 / 1e6
