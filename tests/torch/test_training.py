import csv

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from collapse.atomic_io import DamagedFile, read_json
from collapse.data.store import read_split
from collapse.data.subsets import draw
from collapse.duration import duration
from collapse.identity import digest
from collapse.measuring import Measuring
from collapse.metrics.measure import measure_file
from collapse.recipe import Recipe
from collapse.statistics.extract import extract_run
from collapse.training.diagnosis import untrained
from collapse.training.inputs import load_images
from collapse.training.loop import Diverged, Training, oversampled
from collapse.training.making import RunContext, publish
from collapse.training.run import train_run
from collapse.training.schedule import measured_epochs
from collapse.training.weights import network_of

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


@pytest.fixture
def trained(digits, tmp_path):
    """Train a recipe; returns the folder of its results."""

    def train(recipe, name="run"):
        train_run(recipe, RunContext(digits, tmp_path / name, CPU, log=lambda line: None))
        publish(tmp_path / name)
        return tmp_path / name

    return train


def changed(recipe, **protocol):
    return Recipe.model_validate(recipe.model_dump() | {"protocol": recipe.protocol.model_dump() | protocol})


def both(recipe, digits):
    """The recipe's training in float64, twice over: the network, and what it is trained on."""
    images, labels = load_images(recipe, digits, "train", rows_of(recipe, digits), CPU)
    positions = oversampled(labels, 7, 3)
    networks = network_of(recipe).double(), network_of(recipe).double()
    return *networks, (images.double(), labels, positions, recipe.protocol)


def assert_equal_weights(ours, theirs):
    for name, tensor in ours.state_dict().items():
        torch.testing.assert_close(tensor, theirs.state_dict()[name], rtol=1e-9, atol=1e-11)


def test_training_is_the_published_protocol(recipe, digits):
    ours, theirs, data = both(recipe, digits)
    training = Training(ours, *data, order_seed=5)
    history = [training.run_epoch() for _ in range(3)]
    reference_fit(theirs, *data, order_seed=5)
    assert_equal_weights(ours, theirs)
    assert [row.epoch for row in history] == [1, 2, 3]


@pytest.mark.parametrize(("name", "reference", "decay"), [
    ("adam", torch.optim.Adam, 1e-3), ("adamw", torch.optim.AdamW, 2.0),
])  # fmt: skip
def test_adam_on_one_vector_is_adam_on_every_parameter(recipe, digits, name, reference, decay):
    recipe = changed(recipe, optimizer=name, learning_rate=1e-3, weight_decay=decay)
    ours, theirs, data = both(recipe, digits)
    Training(ours, *data, order_seed=5).run_epoch()
    images, labels, positions, protocol = data
    optimizer = reference(theirs.parameters(), lr=1e-3, weight_decay=decay)
    order = positions[torch.randperm(len(positions), generator=torch.Generator().manual_seed(5))]
    for batch in order.split(protocol.batch_size):
        optimizer.zero_grad()
        F.cross_entropy(theirs.train()(images[batch]), labels[batch]).backward()
        optimizer.step()
    assert_equal_weights(ours, theirs)


def test_a_line_search_leaves_running_statistics_of_the_weights_that_were_kept(recipe, digits):
    """Of L-BFGS on all samples at once: eval mode is train mode, but for n - 1 in the variance."""
    recipe = changed(recipe, optimizer="lbfgs", learning_rate=0.1, batch_size=10_000)
    ours, _, data = both(recipe, digits)
    training = Training(ours, *data, order_seed=5)
    for _ in range(2):
        training.run_epoch()
    images, _, positions, _ = data
    norm = next(module for module in ours.modules() if isinstance(module, torch.nn.BatchNorm1d))
    seen = []
    norm.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].detach()))
    with torch.no_grad():
        ours.eval()(images[positions])
    torch.testing.assert_close(norm.running_mean, seen[0].mean(0), rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(norm.running_var, seen[0].var(0), rtol=1e-9, atol=1e-11)


def test_the_history_is_the_mean_over_samples_of_what_the_steps_saw(recipe, digits):
    """With no step to speak of, every batch can be seen again: the last one is short, and weighs less."""
    recipe = changed(recipe, learning_rate=1e-30, weight_decay=0)
    ours, theirs, data = both(recipe, digits)
    epoch = Training(ours, *data, order_seed=5).run_epoch()
    images, labels, positions, protocol = data
    order = positions[torch.randperm(len(positions), generator=torch.Generator().manual_seed(5))]
    batches = order.split(protocol.batch_size)
    assert len(batches[-1]) < protocol.batch_size
    logits = torch.cat([theirs.train()(images[batch]) for batch in batches])
    assert epoch.loss == pytest.approx(F.cross_entropy(logits, labels[order]).item(), rel=1e-6)
    assert epoch.accuracy == (logits.argmax(1) == labels[order]).double().mean().item()


def test_label_noise_is_on_the_train_split_alone_and_from_its_own_seed(recipe, digits):
    noisy = Recipe.model_validate(recipe.model_dump() | {"labels": {"noise": 0.5}})
    reseeded = noisy.model_copy(update={"seeds": noisy.seeds.model_copy(update={"noise": 9})})
    rows = rows_of(recipe, digits)
    clean, once, again, other = (
        load_images(chosen, digits, "train", rows, CPU)[1] for chosen in (recipe, noisy, noisy, reseeded)
    )
    assert torch.equal(once, again)
    assert 0.3 < (once != clean).double().mean() < 0.6  # 0.5 * 9 / 10
    assert not torch.equal(once, other)
    test = [load_images(chosen, digits, "test", None, CPU)[1] for chosen in (recipe, noisy)]
    assert torch.equal(*test)


def test_frozen_layers_stay_and_the_others_move(recipe, digits):
    recipe = Recipe.model_validate(recipe.model_dump() | {"architecture": {"frozen": ["fc1"]}})
    ours, start, data = both(recipe, digits)
    Training(ours, *data, order_seed=5).run_epoch()
    assert torch.equal(ours.layers["fc1"][0].weight, start.layers["fc1"][0].weight)
    assert not torch.equal(ours.layers["fc2"][0].weight, start.layers["fc2"][0].weight)


def two_phases(recipe, epochs, first):
    """First fc2 and the classifier frozen, then fc1."""
    protocol = {"epochs": epochs, "first_phase": {"epochs": first, "frozen": ["fc2", "classifier"]}}
    data = recipe.model_dump()
    return Recipe.model_validate(data | {"protocol": data["protocol"] | protocol, "architecture": {"frozen": ["fc1"]}})


def test_in_a_first_phase_other_layers_train(recipe, digits):
    recipe = two_phases(recipe, 1, first=2)
    ours, start, data = both(recipe, digits)
    training = Training(ours, *data, order_seed=5)
    before = {name: value.clone() for name, value in start.state_dict().items() if "running" not in name}
    for expected in ({"layers.fc1"}, {"layers.fc1"}, {"layers.fc2", "classifier"}):
        training.run_epoch()
        after = {name: ours.state_dict()[name].clone() for name in before}
        moved = {name for name in before if not torch.equal(before[name], after[name])}
        assert {name.rpartition(".")[0].removesuffix(".0").removesuffix(".1") for name in moved} == expected
        before = after
    assert [epoch.learning_rate for epoch in training.history][:2] == [0.1, 0.1]
    rates = [two_phases(recipe, 3, first=2).protocol.learning_rate_at(epoch) for epoch in range(5)]
    assert rates == pytest.approx([0.1, 0.1, 0.1, 0.01, 0.001])


def test_the_untrained_network_is_epoch_zero(recipe, digits, tmp_path):
    recipe = recipe.model_copy(update={"measure_initial": True})
    train_run(recipe, RunContext(dataset=digits, folder=tmp_path, device=CPU))
    publish(tmp_path)
    assert list(read_json(tmp_path / "run.json")["checkpoints"]) == ["0", "3"]
    initial = load_file(tmp_path / "checkpoints" / "epoch-0000.safetensors")
    assert all(torch.equal(value, initial[name]) for name, value in network_of(recipe).state_dict().items())


def test_separate_decay_is_on_the_head_and_the_raw_features(recipe, digits):
    """One plain gradient step on loss + lambda_W / 2 sum ||W_m||^2 + lambda_H / 2 ||H||^2; no decay of the backbone."""
    recipe = changed(
        recipe, loss="mse", momentum=0, batch_size=10_000, epochs=1, milestones=(), separate_decay=True,
        weight_decay=0.3, feature_decay=0.02,
    )  # fmt: skip
    recipe = Recipe.model_validate(recipe.model_dump() | {"architecture": {"linear_layers": 2}})
    ours, theirs, (images, labels, _, protocol) = both(recipe, digits)
    Training(ours, images, labels, torch.arange(len(labels)), protocol, 0).run_epoch()
    features = theirs.train().features(images)
    head = [theirs.layers["linear1"].weight, theirs.classifier.weight]
    loss = (theirs.head(features) - F.one_hot(labels, 10)).square().mean()
    decay = 0.15 * sum(weight.square().sum() for weight in head) + 0.01 * features.square().sum()
    (loss + decay).backward()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter -= protocol.learning_rate * parameter.grad
    assert_equal_weights(ours, theirs)


def test_lbfgs_sees_the_weight_decay_in_its_objective(recipe, digits):
    """On the full batch it reaches a lower regularised loss than it started from, and shrinks the weights."""
    recipe = changed(recipe, optimizer="lbfgs", batch_size=10_000, weight_decay=0.1, learning_rate=0.1, epochs=1)
    ours, start, data = both(recipe, digits)
    images, labels, *_ = data

    def objective(network):
        squares = sum(parameter.square().sum() for parameter in network.parameters())
        return (F.cross_entropy(network(images), labels) + 0.05 * squares).item()

    Training(ours, images, labels, torch.arange(len(labels)), recipe.protocol, 0).run_epoch()
    assert objective(ours.train()) < 0.8 * objective(start.train())
    assert sum(p.square().sum() for p in ours.parameters()) < 0.8 * sum(p.square().sum() for p in start.parameters())


def test_a_step_schedule_multiplies_every_so_many_epochs(recipe):
    protocol = changed(recipe, milestones=(), step_epochs=40, learning_rate=1.0).protocol
    assert [protocol.learning_rate_at(epoch) for epoch in (0, 39, 40, 80)] == pytest.approx([1, 1, 0.1, 0.01])
    constant = changed(recipe, milestones=(), learning_rate=1.0).protocol
    assert constant.learning_rate_at(10_000) == 1


def test_the_same_recipe_gives_the_same_bits_and_another_seed_does_not(recipe, trained):
    runs = [trained(chosen, name) for name, chosen in (("a", recipe), ("b", recipe), ("c", recipe.at_seed(1)))]
    weights = [(run / "checkpoints" / "epoch-0003.safetensors").read_bytes() for run in runs]
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]


def test_a_run_leaves_what_it_is_and_how_it_went(recipe, digits, trained):
    folder = trained(recipe)
    assert Recipe.model_validate(read_json(folder / "recipe.json")) == recipe
    run = read_json(folder / "run.json")
    assert run["status"] == "ok"
    assert run["recipe_sha256"] == digest(recipe)
    assert run["dataset_sha256"] == read_json(digits / "manifest.json")["splits"]["train"]["sha256"]
    assert run["dtype"] == "float32"
    assert len((folder / "history.csv").read_text().splitlines()) == 1 + 3


def test_the_kept_checkpoints_are_those_asked_for(recipe, trained):
    recipe = changed(recipe, epochs=30)
    folder = trained(recipe.model_copy(update={"keep_checkpoints": "measured", "measurements": 4}))
    run = read_json(folder / "run.json")
    wanted = {str(epoch) for epoch in measured_epochs(30, 4)} | {str(run["first_zero_error_epoch"])}
    assert run["first_zero_error_epoch"] is not None
    assert set(run["checkpoints"]) == wanted
    with (folder / "history.csv").open() as file:
        right = [int(row["epoch"]) for row in csv.DictReader(file) if float(row["accuracy"]) == 1]
    assert run["first_zero_error_epoch"] == right[0]
    assert set(read_json(trained(recipe, "last") / "run.json")["checkpoints"]) == {"30"}


def metrics_of(folder, digits, tmp_path):
    """Rows of metrics.csv of a run in `folder`."""
    extract_run(folder, digits, Measuring(), tmp_path / "statistics.safetensors", CPU)
    measure_file(tmp_path / "statistics.safetensors", tmp_path / "metrics.csv")
    with (tmp_path / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("rise", "last_finite"), [(1, 0), (2, 1)])
def test_a_training_that_diverges_is_measured_at_its_last_finite_epoch(
    recipe, digits, trained, tmp_path, rise, last_finite
):
    """The step size is infinite from epoch `rise` on: that epoch is lost, the one before is what there is."""
    wild = changed(recipe, learning_rate=1e38 if rise == 1 else 1e-3, lr_factor=1e38, milestones=("1/3",))
    folder = trained(wild)
    run = read_json(folder / "run.json")
    assert run["status"] == "diverged"
    assert run["reason"].startswith(f"diverged in epoch {rise}: ")
    assert set(run["checkpoints"]) == {str(last_finite)}
    rows = metrics_of(folder, digits, tmp_path)
    assert {row["epoch"] for row in rows} == {str(last_finite)}
    weights = load_file(folder / "checkpoints" / f"epoch-{last_finite:04d}.safetensors")
    assert all(tensor.isfinite().all() for tensor in weights.values())
    if last_finite == 0:
        assert all(torch.equal(weights[name], tensor) for name, tensor in network_of(wild).state_dict().items())


def test_a_diverged_network_is_as_the_epoch_before_left_it(recipe, digits):
    rows = rows_of(recipe, digits)
    images, labels = load_images(recipe, digits, "train", rows, CPU)
    protocol = changed(recipe, milestones=()).protocol
    training = Training(network_of(recipe), images, labels, torch.arange(len(labels)), protocol, 0)
    training.run_epoch()
    before = {name: tensor.clone() for name, tensor in training.network.state_dict().items()}
    training.protocol = protocol.model_copy(update={"learning_rate": 1e38})
    with pytest.raises(Diverged, match="epoch 2"):
        training.run_epoch()
    assert all(torch.equal(before[name], tensor) for name, tensor in training.network.state_dict().items())


def test_a_fit_that_went_nowhere_is_untrained_and_measured(recipe, digits, trained, tmp_path):
    idle = changed(recipe, learning_rate=1e-12)
    folder = trained(idle)
    run = read_json(folder / "run.json")
    assert run["status"] == "untrained"
    assert "majority accuracy stays at chance" in run["reason"]
    rows = metrics_of(folder, digits, tmp_path)
    accuracy = [row for row in rows if (row["metric"], row["split"], row["classes"]) == ("accuracy", "train", "all")]
    assert [row["epoch"] for row in accuracy] == ["3"]
    assert 0 <= float(accuracy[0]["value"]) < 0.5
    network = network_of(recipe)
    torch.nn.init.zeros_(network.layers["fc2"][1].weight)
    images, labels = load_images(recipe, digits, "train", rows_of(recipe, digits), CPU)
    assert untrained(network, images, labels, 7, 10).startswith("dead features")


def test_bfloat16_is_declared_and_changes_the_steps_but_not_the_weights_kept(recipe, trained):
    folder = trained(changed(recipe, dtype="bfloat16"))
    assert read_json(folder / "run.json")["dtype"] == "bfloat16"
    kept = load_file(folder / "checkpoints" / "epoch-0003.safetensors")
    exact = load_file(trained(recipe, "float32") / "checkpoints" / "epoch-0003.safetensors")
    assert kept["classifier.weight"].dtype == torch.float32
    assert not torch.equal(kept["classifier.weight"], exact["classifier.weight"])


def test_a_damaged_checkpoint_is_refused(recipe, digits, trained, tmp_path):
    folder = trained(recipe)
    checkpoint = folder / "checkpoints" / "epoch-0003.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-10])
    with pytest.raises(DamagedFile, match=r"epoch-0003\.safetensors"):
        extract_run(folder, digits, Measuring(), tmp_path / "statistics.safetensors", CPU)


def test_subsets_and_tensors_line_up(recipe, digits):
    rows = rows_of(recipe, digits)
    images, labels = load_images(recipe, digits, "train", rows, CPU)
    raw, raw_labels = read_split(digits, "train")
    assert np.array_equal(labels.numpy(), raw_labels[rows])
    torch.testing.assert_close(images * 0.376 + 0.305, torch.from_numpy(raw[rows] / 16).float(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")])
def test_durations_read_well(seconds, text):
    assert duration(seconds) == text
