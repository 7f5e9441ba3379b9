import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from collapse.data.store import read_split
from collapse.data.subsets import draw
from collapse.files import DamagedFile, read_json
from collapse.models.network import Shape, build
from collapse.models.zoo import BUILDERS
from collapse.recipe import Recipe
from collapse.statistics.extract import extract_run
from collapse.training.loop import TrainingFailed, fit, oversampled
from collapse.training.progress import duration
from collapse.training.run import load_images, network_of, train_run

CPU = torch.device("cpu")


def rows_of(recipe, folder):
    return draw(read_split(folder, "train")[1], recipe.class_counts(), recipe.seeds.data)


def test_oversampling_repeats_the_minority_alone():
    labels = torch.tensor([0, 2, 1, 2])
    assert oversampled(labels, k_major=2, oversampling=3).tolist() == [0, 1, 1, 1, 2, 3, 3, 3]
    assert oversampled(labels, k_major=3, oversampling=3).tolist() == [0, 1, 2, 3]


def test_the_step_size_falls_at_the_published_epochs():
    """350 epochs: 0.1 up to index 115, 0.01 up to 232, then 0.001 (layer_peeled code)."""
    protocol = Recipe.model_fields["protocol"].annotation.model_validate(
        {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0, "batch_size": 1, "epochs": 350,
         "milestones": ["1/3", "2/3"]}
    )  # fmt: skip
    rates = [protocol.learning_rate_at(epoch) for epoch in range(350)]
    assert [rates.index(rate) for rate in sorted(set(rates), reverse=True)] == [0, 116, 233]
    assert rates[0] == 0.1
    assert rates[116] == pytest.approx(0.01)
    assert rates[349] == pytest.approx(0.001)


def reference_fit(network, images, labels, positions, protocol, order_seed):
    """The same protocol by the textbook: one parameter at a time, in the open."""
    generator = torch.Generator().manual_seed(order_seed)
    velocity = [torch.zeros_like(parameter) for parameter in network.parameters()]
    network.train()
    for epoch in range(protocol.epochs):
        rate = protocol.learning_rate * 0.1 ** sum(
            epoch >= int(fraction * protocol.epochs) for fraction in protocol.milestones
        )
        order = positions[torch.randperm(len(positions), generator=generator)]
        for start in range(0, len(order), protocol.batch_size):
            batch = order[start : start + protocol.batch_size]
            network.zero_grad()
            F.cross_entropy(network(images[batch]), labels[batch]).backward()
            with torch.no_grad():
                for parameter, v in zip(network.parameters(), velocity, strict=True):
                    v.mul_(protocol.momentum).add_(parameter.grad + protocol.weight_decay * parameter)
                    parameter.sub_(rate * v)


def test_training_is_the_published_protocol(recipe, digits):
    images, labels = load_images(recipe, digits, "train", rows_of(recipe, digits), CPU)
    images, positions = images.double(), oversampled(labels, 7, 3)
    ours, theirs = network_of(recipe).double(), network_of(recipe).double()
    history = fit(ours, images, labels, positions, recipe.protocol, order_seed=5)
    reference_fit(theirs, images, labels, positions, recipe.protocol, order_seed=5)
    for name, tensor in ours.state_dict().items():
        torch.testing.assert_close(tensor, theirs.state_dict()[name], rtol=1e-10, atol=1e-12)
    assert [row.epoch for row in history] == [1, 2, 3]


def test_the_same_recipe_gives_the_same_bits_and_another_seed_does_not(recipe, digits, tmp_path):
    rows = rows_of(recipe, digits)
    for name, chosen in (("a", recipe), ("b", recipe), ("c", recipe.at_seed(1))):
        train_run(chosen, digits, rows, tmp_path / name, CPU)
    weights = [(tmp_path / name / "checkpoints" / "epoch-0003.safetensors").read_bytes() for name in "abc"]
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]


def test_a_run_leaves_what_it_is_and_how_it_went(recipe, digits, tmp_path):
    train_run(recipe, digits, rows_of(recipe, digits), tmp_path, CPU)
    assert Recipe.model_validate(read_json(tmp_path / "recipe.json")) == recipe
    run = read_json(tmp_path / "run.json")
    assert run["status"] == "ok"
    assert run["recipe_sha256"] == recipe.sha256()
    assert run["dataset_sha256"] == read_json(digits / "manifest.json")["splits"]["train"]["sha256"]
    assert run["dtype"] == "float32"
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 1 + 3


def test_a_loss_that_is_not_finite_is_a_failed_run_without_metrics(recipe, digits, tmp_path):
    wild = recipe.model_copy(update={"protocol": recipe.protocol.model_copy(update={"learning_rate": 1e30})})
    rows = rows_of(recipe, digits)
    train_run(wild, digits, rows, tmp_path, CPU)
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["status"] == "failed"
    assert "not finite in epoch" in run["reason"]
    extract_run(tmp_path, digits, rows, tmp_path / "statistics.safetensors", CPU)
    assert (tmp_path / "statistics.safetensors").exists()


def test_the_reason_for_stopping_is_raised(recipe):
    network = build(BUILDERS["mlp"], Shape(1, 8, 10), 0)
    images = torch.full((8, 1, 8, 8), torch.inf)
    with pytest.raises(TrainingFailed, match="epoch 1"):
        fit(network, images, torch.zeros(8, dtype=torch.int64), torch.arange(8), recipe.protocol, 0)


def test_a_damaged_checkpoint_is_refused(recipe, digits, tmp_path):
    rows = rows_of(recipe, digits)
    train_run(recipe, digits, rows, tmp_path, CPU)
    checkpoint = tmp_path / "checkpoints" / "epoch-0003.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-10])
    with pytest.raises(DamagedFile, match=r"epoch-0003\.safetensors"):
        extract_run(tmp_path, digits, rows, tmp_path / "statistics.safetensors", CPU)


def test_subsets_and_tensors_line_up(recipe, digits):
    rows = rows_of(recipe, digits)
    images, labels = load_images(recipe, digits, "train", rows, CPU)
    raw, raw_labels = read_split(digits, "train")
    assert np.array_equal(labels.numpy(), raw_labels[rows])
    torch.testing.assert_close(images * 0.376 + 0.305, torch.from_numpy(raw[rows] / 16).float(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")])
def test_durations_read_well(seconds, text):
    assert duration(seconds) == text
