"""What the workflow asks a cluster for, against torch's own count."""

import json

import pytest

from collapse.cost import flops_per_image, memory_mb, short, training_minutes, worth_a_gpu
from collapse.data.specs import DATASETS
from collapse.models.network import Shape
from collapse.models.options import OPTIONS
from collapse.recipe import Recipe, Seeds
from scripts.estimate_cost import flops_per_image as counted


def recipe(model, epochs=2, **options):
    return Recipe(
        dataset="cifar10",
        model=model,
        architecture=options,
        imbalance={"counts": "all"},
        protocol={"learning_rate": 0.1, "weight_decay": 0, "batch_size": 128, "epochs": epochs},
        seeds=Seeds.all(0),
    )


@pytest.mark.parametrize("model", OPTIONS)
def test_the_estimate_is_near_the_count_for_every_network(model):
    shape = Shape(DATASETS["cifar10"].channels, 32, 10)
    given = recipe(model)
    assert flops_per_image(given) == pytest.approx(counted(model, json.dumps(given.architecture), shape), rel=0.3)


@pytest.mark.parametrize(
    ("model", "options"),
    [("mlp", {"width": 1000, "layers": 6}), ("mlp", {"input_channel": 0}), ("resnet18", {"base_width": 16})],
)
def test_the_estimate_knows_the_options_that_matter(model, options):
    shape = Shape(DATASETS["cifar10"].channels, 32, 10)
    assert flops_per_image(recipe(model, **options)) == pytest.approx(
        counted(model, json.dumps(options), shape), rel=0.4
    )


def test_time_grows_with_the_epochs_and_decides_on_a_gpu_and_on_sharing_a_job():
    assert training_minutes(recipe("mlp", epochs=20)) == pytest.approx(10 * training_minutes(recipe("mlp")))
    assert short(recipe("mlp"))
    assert not worth_a_gpu(recipe("mlp"))
    assert worth_a_gpu(recipe("resnet18", epochs=350))
    assert not short(recipe("resnet18", epochs=350))


def test_memory_holds_the_train_split_several_times():
    assert memory_mb(recipe("resnet18")) > 3 * 50_000 * 3 * 32 * 32 * 4 / 1e6
