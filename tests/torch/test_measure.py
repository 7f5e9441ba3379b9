"""The table of a network: collapse.measure on anybody's model, and the metrics of a run."""

import csv
import math
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import collapse
from collapse.atomic_io import DamagedFile, read_json
from collapse.data.store import read_split
from collapse.data.subsets import draw, draw_more
from collapse.measuring import Measuring
from collapse.metrics import geometry
from collapse.metrics.entries import (
    FLOORS,
    GAP,
    LINEAR_HEAD,
    METRICS,
    OF_SIMPLEX,
    OPTIMUM,
    OPTIMUM_AS_CODED,
    OTHER_DATA,
    PER_CLASS,
    PERTURBATION,
    VARIABILITY,
)
from collapse.metrics.measure import COLUMNS, measure_file
from collapse.metrics.rows import network_rows
from collapse.models.entries import NETWORKS
from collapse.models.network import Shape, build
from collapse.statistics.extract import checkpoint_statistics, extract_run
from collapse.statistics.split import Layers
from collapse.statistics.sweep import Batch, Passes, batched
from collapse.tensors import write_tensors
from collapse.training.inputs import load_images
from collapse.training.making import RunContext, publish
from collapse.training.run import train_run
from collapse.training.weights import load_checkpoint


def values(table):
    """Values of a table by (split, layer, bn_mode, classes, metric)."""
    return {tuple(row[:5]): row[5] for row in table.itertuples(index=False)}


def model():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(16, 12),
        nn.BatchNorm1d(12),
        nn.ReLU(inplace=True),
        nn.Linear(12, 8),
        nn.ReLU(),
        nn.Linear(8, 3),
    )


def data(n=90, k=3):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, 1, 4, 4, generator=generator), torch.arange(n) % 4 % k  # twice as many of class 0


def loader(images, labels, size=16):
    return DataLoader(TensorDataset(images, labels), batch_size=size)


def test_a_models_table_holds_the_metrics_of_its_own_features():
    network, (images, labels) = model().train(), data()
    table = collapse.measure(network, loader(images, labels), loader(images[:29], labels[:29]), layers=["0", "3"])
    assert network.training
    found = values(table)
    network.eval()
    with torch.no_grad():
        h, logits = network[:-1](images).double().numpy(), network(images)
    means = np.stack([h[labels == c].mean(0) for c in range(3)])
    weight = network[-1].weight.detach().double().numpy()
    centred = means - h.mean(0)
    at = ("train", "features", "eval", "all")
    assert found[*at, "cosine_mean"] == pytest.approx(geometry.cosine_mean(centred), abs=1e-9)
    within = (h - means[labels]).T @ (h - means[labels]) / len(h)
    between = centred.T @ centred / 3
    nc1 = np.trace(within @ np.linalg.pinv(between, rcond=1e-10, hermitian=True)) / 3
    assert found[*at, "nc1_sample_mean"] == pytest.approx(nc1, rel=1e-6)
    assert found[*at, "within_trace"] == pytest.approx(np.trace(within), rel=1e-6)
    assert found["-", "classifier", "-", "all", "nc2"] == pytest.approx(geometry.etf_distance(weight), abs=1e-9)
    nearest = np.linalg.norm(h[:, None] - means, axis=2).argmin(1)
    assert found[*at, "ncc_mismatch"] == pytest.approx((nearest != logits.argmax(1).numpy()).mean())
    tested = ("test", "features", "eval", "all", "ncc_mismatch")
    assert found[tested] == pytest.approx((nearest != logits.argmax(1).numpy())[:29].mean())  # by the train means
    right = (logits.argmax(1) == labels).double().mean().item()
    assert found["train", "network", "eval", "all", "accuracy"] == pytest.approx(right)
    loss = nn.functional.cross_entropy(logits, labels).item()
    assert found["train", "network", "eval", "all", "loss"] == pytest.approx(loss, rel=1e-6)
    separations = [found["train", name, "eval", "all", "separation_fuzziness"] for name in ("0", "3", "features")]
    slope = np.polyfit(range(3), np.log(separations), 1)[0]
    assert found["train", "layers", "eval", "all", "decay_ratio"] == pytest.approx(np.exp(slope), rel=1e-9)
    assert set(table.metric) <= set(METRICS)


def test_the_batches_do_not_matter():
    images, labels = data()
    order = torch.randperm(90, generator=torch.Generator().manual_seed(2))
    whole, shuffled = (
        values(collapse.measure(model(), batches, layers=["3"]))
        for batches in (loader(images, labels, 90), loader(images[order], labels[order], 7))
    )
    assert list(whole) == list(shuffled)
    np.testing.assert_allclose(list(shuffled.values()), list(whole.values()), rtol=1e-4, atol=1e-5)


def test_train_mode_uses_the_batch_and_leaves_the_model_as_it_was():
    network, (images, labels) = model().eval(), data()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    # Layer 2, which a ReLU then overwrites.
    found = values(collapse.measure(network, loader(images, labels, 45), layers=["2"], train_mode=True))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not network.training
    halves = [nn.Sequential(*model()[:3]).train()(part).detach() for part in images.split(45)]
    direct = values(collapse.measure(nn.Sequential(nn.Linear(12, 3)), [(torch.cat(halves), labels)]))
    at = ("train", "features", "eval", "all", "separation_fuzziness")
    assert found["train", "2", "train", "all", "separation_fuzziness"] == pytest.approx(direct[at], rel=1e-5)
    assert found["train", "2", "eval", "all", "separation_fuzziness"] != pytest.approx(direct[at], rel=1e-2)


def test_other_data_is_compared_with_the_class_means():
    images, labels = data()
    found = values(collapse.measure(model(), loader(images, labels), other=[3 * images[:20] + 1]))
    network = model().eval()[:-1]
    h = network(images).detach().double().numpy()
    means = np.stack([h[labels == c].mean(0) for c in range(3)])
    away = network(3 * images[:20] + 1).detach().double().numpy().mean(0)
    cosines = means @ away / np.linalg.norm(means, axis=1) / np.linalg.norm(away)
    assert found["train", "features", "eval", "all", "ood_orthogonality"] == pytest.approx(
        np.abs(cosines).mean(), rel=1e-6
    )


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"classifier": "7"}, "unknown classifier '7'; valid choices: 1, 4, 6"),
        ({"layers": ["conv"]}, "unknown layer 'conv'; valid choices: 0, 1"),
        ({"loader": []}, "loader holds no batch"),
        ({"loader": iter([])}, "loader can be run through only once"),
        ({"loader": [(torch.ones(2, 16), torch.tensor([0, 3]))]}, "labels of loader run to 3: .* has 3 classes"),
        ({"model": nn.Flatten()}, r"no nn\.Linear"),
    ],
)
def test_what_can_not_be_measured_is_refused(how, message):
    with pytest.raises(ValueError, match=message):
        collapse.measure(**{"model": model(), "loader": loader(*data())} | how)


def test_a_split_too_large_to_keep_is_computed_again():
    images, labels = data()
    calls = []

    def run():
        for x, y in batched(16, images, labels):
            calls.append(len(x))
            yield Batch({"features": x}, x.flatten(1)[:, :3], y)

    results = []
    for budget in (0, 10**9):
        calls.clear()
        results.append(Layers(Passes(run, budget), 3).measured["features"])
        assert sum(calls) == 90 * (2 if budget == 0 else 1)
    assert all(torch.equal(a, b) for a, b in zip(*(vars(result).values() for result in results), strict=True))


def test_a_sample_left_over_joins_the_last_batch():
    assert [len(part) for (part,) in batched(100, torch.zeros(301))] == [100, 100, 101]
    assert [len(part) for (part,) in batched(100, torch.zeros(250))] == [100, 100, 50]
    assert [len(part) for (part,) in batched(100, torch.zeros(1))] == [1]


@pytest.fixture
def run_statistics():
    """Statistics of an untrained network with a linear head of two layers, a third of its labels changed."""
    network = build("mlp", Shape(1, 8, 10), NETWORKS["mlp"].options(linear_layers=2), seed=0).eval()
    images = torch.randn(150, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    true = torch.arange(150) % 10
    labels = torch.where(torch.arange(150) % 3 == 0, (true + 1) % 10, true)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    tensors = checkpoint_statistics(network, (images, labels, true), (images[:50], true[:50]), 10, Measuring())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    return network, images, labels, true, {name: tensor.numpy() for name, tensor in tensors.items()}


def test_a_runs_metrics_see_every_layer_the_head_and_the_changed_labels(run_statistics):
    network, images, labels, true, tensors = run_statistics
    found = {tuple(row[:5]): row.value for row in network_rows(tensors, ["flatten", "fc1", "features", "linear1"])}
    assert {key[1] for key in found} >= {
        "flatten",
        "fc1",
        "features",
        "linear1",
        "logits",
        "classifier",
        "head",
        "layers",
    }
    product = (network.classifier.weight @ network.layers["linear1"].weight).detach().double().numpy()
    assert found["-", "head", "-", "all", "nc2"] == pytest.approx(geometry.etf_distance(product), abs=1e-6)
    # P_i H_i is the same matrix behind every layer (deep_linear.md, section 6).
    nc3 = [found["train", layer, "eval", "all", "nc3"] for layer in ("features", "linear1")]
    assert nc3[0] == pytest.approx(nc3[1], abs=1e-6)
    assert (
        found["train", "features", "eval", "all", "self_duality"]
        != found["train", "linear1", "eval", "all", "self_duality"]
    )
    h = network.features(images).detach().double()
    changed = labels != true
    test_means = torch.stack([h[:50][true[:50] == c].mean(0) for c in range(10)])
    distance = (h[changed] - test_means[true[changed]]).norm(dim=1)
    at = ("train", "features", "eval", "all")
    assert found[*at, "memorization"] == pytest.approx(distance.sum().item(), rel=1e-9)
    clean = torch.stack([h[~changed & (true == c)].mean(0) for c in range(10)])
    towards = clean[labels[changed]] - clean[true[changed]]
    pull = ((h[changed] - clean[true[changed]]) * towards).sum(1) / towards.square().sum(1)
    assert found[*at, "corruption_bias"] == pytest.approx(pull.mean().item(), rel=1e-9)
    chunks = torch.cat([network.train().features(part).detach() for part in images.split(100)])
    direct = values(collapse.measure(nn.Sequential(nn.Linear(128, 10)), [(chunks, labels)]))[*at, "nc1"]
    assert found["train", "features", "train", "all", "nc1"] == pytest.approx(direct, rel=1e-6)
    assert found["train", "features", "eval", "all", "nc1"] != pytest.approx(direct, rel=1e-2)


def test_metrics_csv_is_tidy_and_complete(run_statistics, recipe, tmp_path):
    *_, tensors = run_statistics
    path = tmp_path / "statistics.safetensors"
    layers = ["flatten", "fc1", "features", "linear1"]
    metadata = {
        "recipe": recipe.model_dump_json(),
        "measuring": Measuring().identity(),
        "layers": " ".join(layers),
        "layers_inside": " ".join(layers),
    }
    write_tensors(path, {f"epoch-0007/{name}": value for name, value in tensors.items()}, metadata)
    measure_file(path, tmp_path / "metrics.csv")
    with (tmp_path / "metrics.csv").open() as file:
        written = list(csv.DictReader(file))
    assert tuple(written[0]) == COLUMNS
    assert {row["epoch"] for row in written} == {"7"}
    # By depth, though the file sorts its tensors by name.
    assert list(dict.fromkeys(row["layer"] for row in written if row["metric"] == "nc1")) == [*layers, "logits"]
    keys = [tuple(row[name] for name in COLUMNS[:6]) for row in written]
    assert len(set(keys)) == len(keys)
    assert all((row["value"] == "nan") == bool(row["reason"]) for row in written)
    absent = set(METRICS) - {row["metric"] for row in written}
    # Of heads with separate decays alone, as below; of other data; of principal components; of each class; of images
    # that are perturbed.
    unasked = {*OPTIMUM, *OPTIMUM_AS_CODED, *FLOORS, *GAP, *LINEAR_HEAD, *OF_SIMPLEX, *OTHER_DATA, *PER_CLASS}
    unasked |= {*PERTURBATION}
    assert all(name in unasked or name.endswith("_principal") for name in absent)


def test_an_epoch_whose_number_begins_another_is_measured_alone(run_statistics, recipe, tmp_path):
    *_, tensors = run_statistics
    path, metadata = tmp_path / "statistics.safetensors", {
        "recipe": recipe.model_dump_json(), "measuring": Measuring().identity(), "layers": "features",
        "layers_inside": "features",
    }  # fmt: skip
    epochs = (1000, 10000, 2)
    found = {f"epoch-{epoch:04d}/{name}": value for epoch in epochs for name, value in tensors.items()}
    write_tensors(path, found, metadata)
    measure_file(path, tmp_path / "metrics.csv")
    with (tmp_path / "metrics.csv").open() as file:
        written = list(csv.DictReader(file))
    counted = Counter(int(row.pop("epoch")) for row in written)
    assert list(counted) == sorted(epochs)
    assert len(set(counted.values())) == 1
    third = len(written) // 3
    assert written[:third] == written[third : 2 * third] == written[2 * third :]


def test_a_deep_linear_heads_optimum_is_measured_at_the_decays_that_were_trained(run_statistics, recipe):
    """half_mse is 1/K of the theory's loss: its decays count K times (deep_linear.md, section 6)."""
    *_, tensors = run_statistics
    protocol = {
        "loss": "half_mse",
        "separate_decay": True,
        "feature_decay": 1e-4,
        "weight_decay": 1e-4,
        "batch_size": 999,
    }
    trained = recipe.model_copy(
        update={
            "protocol": recipe.protocol.model_copy(update=protocol),
            "architecture": {"linear_layers": 2, "classifier_bias": False},
        }
    )
    found = {(row.layer, row.metric): row.value for row in network_rows(tensors, [], recipe=trained)}
    other = trained.model_copy(update={"protocol": trained.protocol.model_copy(update={"loss": "mse_per_sample"})})
    exact = {(row.layer, row.metric): row.value for row in network_rows(tensors, [], recipe=other)}
    for name in ("gof_nc2_w", "gof_nc2_h", "gof_nc3", "gof_alignment", "gof_ratio"):
        assert found["features", f"{name}_code"] == exact["features", name] == exact["features", f"{name}_code"]
    assert found["features", "gof_ratio"] != found["features", "gof_ratio_code"]
    assert found["features", "gof_nc3_floor"] > 0
    assert exact["features", "gof_nc3_floor"] == 0


def test_damaged_statistics_are_named(tmp_path):
    path = tmp_path / "statistics.safetensors"
    path.write_bytes(b"not tensors")
    with pytest.raises(DamagedFile, match=r"statistics\.safetensors.*run again"):
        measure_file(path, tmp_path / "metrics.csv")
    assert not (tmp_path / "metrics.csv").exists()


def test_the_example_runs_and_shows_collapse():
    root = Path(__file__).parents[2]
    command = [sys.executable, str(root / "examples" / "measure_your_network.py")]
    environment = {"PYTHONPATH": str(root / "workflow"), "OMP_NUM_THREADS": "1"}
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    nc1 = next(line for line in said.splitlines() if " nc1 " in line)
    assert 0 < float(nc1.split()[5]) < 0.5
    assert "ncc_mismatch" in said
    assert "decay_ratio" in said


CASES = st.tuples(
    st.lists(st.integers(0, 5), min_size=2, max_size=7).filter(any),  # samples of each class
    st.integers(1, 6),  # d
    st.sampled_from(["random", "constant", "duplicated", "collapsed", "dead", "shifted"]),
    st.integers(0, 2**31),
)


# What says how a class varies, and has nothing to say of one sample.
WITHIN = {name for name in VARIABILITY if not name.startswith(("ncc_", "rank_"))}


@settings(deadline=None, max_examples=150)
@given(CASES)
def test_whatever_the_features_no_value_is_wrong(case):
    """No crash, no infinity, every missing value explained, and what is bounded within its bounds."""
    counts, d, kind, seed = case
    generator = torch.Generator().manual_seed(seed)
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    features = torch.randn(len(labels), d, generator=generator)
    centres = torch.randn(len(counts), d, generator=generator)
    features = {
        "random": features,
        "constant": torch.full_like(features, 0.1),
        "duplicated": features[torch.zeros_like(labels)].where(labels[:, None] > 0, features),
        "collapsed": centres[labels],
        "dead": torch.zeros_like(features),
        "shifted": 1e4 + centres[labels] + 1e-2 * features,
    }[kind]
    classifier = nn.Linear(d, len(counts))
    with torch.no_grad():
        classifier.weight.copy_(torch.randn(len(counts), d, generator=generator))
    table = collapse.measure(nn.Sequential(nn.Flatten(), classifier), [(features, labels)])
    assert not np.isinf(table.value).any()
    assert (table.value.isna() == (table.reason != "")).all()
    found = values(table)
    at = ("train", "features", "eval", "all")
    present = sum(count > 0 for count in counts)
    if kind in ("constant", "dead"):
        assert found[*at, "rank_between"] == 0
        assert math.isnan(found[*at, "nc1"])
        assert math.isnan(found[*at, "cosine_mean"])
        assert max(counts) == 1 or found[*at, "within_trace"] == pytest.approx(0, abs=1e-12)
    if max(counts) == 1:
        assert table[table.metric.isin(WITHIN)].value.isna().all()
    elif kind == "collapsed" and present > 1:
        assert found[*at, "cdnv"] == pytest.approx(0, abs=1e-10)
    assert (table[table.metric == "nc1"].value.dropna() >= -1e-12).all()
    assert table[table.metric == "nc1"].value.dropna().lt(1e12).all()
    for name, low, high in (
        ("cosine_mean", -1, 1), ("maximal_angle", 0, 2), ("self_duality", 0, 4), ("nc2", 0, 2), ("nc3", 0, 2),
        ("ncc_mismatch", 0, 1), ("ncc_accuracy", 0, 1), ("accuracy", 0, 1), ("calibration_error", 0, 1),
    ):  # fmt: skip
        assert table[table.metric == name].value.dropna().between(low - 1e-9, high + 1e-9).all()


def test_held_out_samples_of_a_run_are_beside_its_train_set(recipe, tmp_path, digits):
    """Their accuracy is the network's own on the samples that the train set's draw would have taken next."""
    labels = read_split(digits, "train")[1]
    rows = draw(labels, recipe.class_counts(), recipe.seeds.data)
    train_run(recipe, RunContext(dataset=digits, folder=tmp_path / "run", device=torch.device("cpu")))
    publish(tmp_path / "run")
    held_out = Measuring(held_out=5)
    extract_run(tmp_path / "run", digits, held_out, tmp_path / "statistics.safetensors", torch.device("cpu"))
    measure_file(tmp_path / "statistics.safetensors", tmp_path / "metrics.csv")
    with (tmp_path / "metrics.csv").open() as file:
        found = [row for row in csv.DictReader(file) if row["split"] == "held_out" and row["classes"] == "all"]
    run = read_json(tmp_path / "run/run.json")
    network = load_checkpoint(tmp_path / "run", recipe, run["checkpoints"][str(recipe.protocol.epochs)]).eval()
    images, true = load_images(recipe, digits, "train", draw_more(labels, rows, 5, 0), torch.device("cpu"))
    expected = (network(images).argmax(1) == true).double().mean().item()
    assert {row["metric"]: float(row["value"]) for row in found}["accuracy"] == pytest.approx(expected)
    assert len(images) == 50
