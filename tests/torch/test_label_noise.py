"""What is measured of runs with changed labels, and what of their features is kept for pictures."""

import pandas as pd
import pytest
import torch

from collapse.atomic_io import read_json
from collapse.data.subsets import read_rows
from collapse.grid import resolve
from collapse.identity import cell_name
from collapse.measuring import Measuring
from collapse.metrics.measure import measure_file
from collapse.plan import PlannedRun, TableSpec
from collapse.runs import POINTS
from collapse.statistics.extract import extract_run, load_held_out
from collapse.statistics.samples import first_of_each
from collapse.tables import CutOff, count_points, points_table
from collapse.training.inputs import load_images, load_true_labels
from collapse.training.making import RunContext, publish
from collapse.training.run import train_run
from collapse.training.weights import load_checkpoint

CPU = torch.device("cpu")
HALVES = [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
AXES = {"dataset": "digits", "classes": HALVES, "model": "mlp", "counts": [300, 300], "width": 32, "feature_dim": 2}
PROTOCOL = {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 1e-3, "batch_size": 64, "epochs": 8}
MEASURING = Measuring(measured_layers="features", bn_modes=("eval",), held_out=50, samples=7)


@pytest.fixture(scope="module", params=[{"noise": 0.4}, {"latent": 0.7}], ids=["noise", "latent"])
def made(request, tmp_path_factory, digits):
    """A run with changed labels below results/runs, with its network, measured."""
    recipe, _ = resolve(AXES | request.param, PROTOCOL, "test")
    results = tmp_path_factory.mktemp("results")
    folder = results / "runs" / cell_name(recipe) / "seed-0"
    train_run(recipe, RunContext(digits, folder, CPU, log=lambda line: None))
    publish(folder)
    path = folder / MEASURING.name / "statistics.safetensors"
    extract_run(folder, digits, MEASURING, path, CPU)
    measure_file(path, path.with_name("metrics.csv"))
    run = read_json(folder / "run.json")
    network = load_checkpoint(folder, recipe, run["checkpoints"]["8"]).eval()
    return recipe, results, folder, network


@pytest.fixture
def found(made):
    """Its metrics, by split, layer and name."""
    _, _, folder, _ = made
    table = pd.read_csv(folder / MEASURING.name / "metrics.csv")
    return table.loc[table.classes == "all"].set_index(["split", "layer", "metric"]).value


def train_set(recipe, folder, digits):
    rows = read_rows(folder / "rows.csv")
    return *load_images(recipe, digits, "train", rows, CPU), load_true_labels(recipe, digits, rows, CPU)


def direct_nc1(features, labels):
    """Tr(Sigma_W Sigma_B^+) / K, as the formula says it."""
    features = features.detach().double()
    means = torch.stack([features[labels == c].mean(0) for c in labels.unique()])
    own = means[torch.searchsorted(labels.unique(), labels)]
    within = (features - own).T @ (features - own) / len(features)
    centred = means - means.mean(0)
    between = centred.T @ centred / len(means)
    return (within @ torch.linalg.pinv(between, rtol=1e-10)).trace().item() / len(means)


def test_nc1_by_the_labels_before_they_were_changed(made, found, digits):
    recipe, _, folder, network = made
    images, labels, true = train_set(recipe, folder, digits)
    features = network.features(images)
    assert (labels != true).any()
    assert found["train", "features", "nc1_true_labels"] == pytest.approx(direct_nc1(features, true), rel=1e-4)
    if not recipe.labels.latent:  # four means in the plane: rank 2, so that NC1 is not defined by them
        assert found["train", "features", "nc1"] == pytest.approx(direct_nc1(features, labels), rel=1e-4)


def test_merged_accuracy_counts_a_latent_half_as_its_class(made, found, digits):
    recipe, _, _, network = made
    images, labels = load_images(recipe, digits, "test", None, CPU)
    answers = network(images).argmax(1)
    assert found["test", "network", "accuracy"] == pytest.approx((answers == labels).double().mean().item())
    assert found["test", "network", "accuracy_merged"] == pytest.approx((answers % 2 == labels).double().mean().item())
    hidden = bool((answers > 1).any())
    assert hidden == bool(recipe.labels.latent)
    assert (found["test", "network", "accuracy_merged"] > found["test", "network", "accuracy"]) == hidden


def test_a_run_that_tells_true_classes_apart_is_trained(made):
    """Answers may be wrong about which half of its class a sample was hidden in."""
    _, _, folder, _ = made
    assert read_json(folder / "run.json")["status"] == "ok"


def test_held_out_accuracy_is_measured_with_right_and_with_changed_labels(made, found, digits):
    recipe, _, folder, network = made
    images, right, changed = load_held_out(recipe, digits, read_rows(folder / "rows.csv"), 50, CPU)
    answers = network(images).argmax(1)
    assert (right != changed).any()
    assert found["held_out", "network", "accuracy"] == pytest.approx((answers == right).double().mean().item())
    assert found["held_out_noisy", "network", "accuracy"] == pytest.approx((answers == changed).double().mean().item())


def test_a_picture_shows_samples_means_and_the_head(made, digits):
    recipe, _, folder, network = made
    points = pd.read_csv(folder / MEASURING.name / POINTS)
    images, labels, true = train_set(recipe, folder, digits)
    features = network.features(images).detach()
    samples = points.query("split == 'train' and kind == 'sample'")
    changed = samples.label != samples.true_label
    assert samples.loc[~changed].true_label.value_counts().to_dict() == {0: 7, 1: 7}
    assert samples.loc[changed].true_label.value_counts().to_dict() == {0: 7, 1: 7}
    for c in (0, 1):
        first = int(((labels == true) & (true == c)).nonzero()[0])
        drawn = samples.loc[~changed & (samples.true_label == c)].iloc[0]
        assert [drawn.x1, drawn.x2] == pytest.approx(features[first].tolist(), abs=1e-5)
    for kind, part in (("clean_mean", labels == true), ("changed_mean", labels != true)):
        (mean,) = points.loc[(points.kind == kind) & (points.label == 1), ["x1", "x2"]].to_numpy()
        assert mean == pytest.approx(features[part & (true == 1)].mean(0).tolist(), abs=1e-4)
    tested = points.query("split == 'test'")
    assert (tested.label == tested.true_label).all()
    test_images, test_labels = load_images(recipe, digits, "test", None, CPU)
    of_class = network.features(test_images).detach()[test_labels == 0].double()
    spread = (of_class - of_class.mean(0)).square().sum(1).mean().sqrt().item()
    assert tested.query("kind == 'mean' and label == 0").spread.item() == pytest.approx(spread, rel=1e-4)
    rows = points.query("kind == 'classifier'")
    assert rows[["x1", "x2"]].to_numpy() == pytest.approx(network.classifier.weight.detach().numpy(), abs=1e-6)
    assert rows.bias.to_numpy() == pytest.approx(network.classifier.bias.detach().numpy(), abs=1e-6)


def test_a_table_of_points_has_the_last_epochs_of_every_run(made):
    recipe, results, folder, _ = made
    spec = TableSpec(source="test", key_columns=("dataset", "noise"), points=True)
    run = PlannedRun({"dataset": "digits", "noise": recipe.labels.noise}, 0, cell_name(recipe), MEASURING.name)
    table = points_table(spec, [run], results)
    kept = pd.read_csv(folder / MEASURING.name / POINTS)
    assert list(table)[:4] == ["dataset", "noise", "epoch", "seed"]
    assert set(table.epoch) == {8}
    assert len(table) == len(kept)
    counts = count_points(table, spec).set_index(["split", "kind"]).points
    assert counts["train", "sample"] == 28
    assert counts["test", "sample"] == 14
    (folder / MEASURING.name / POINTS).rename(folder / "aside.csv")
    try:
        with pytest.raises(CutOff, match=r"points\.csv is gone: delete .*metrics\.csv"):
            points_table(spec, [run], results)
    finally:
        (folder / "aside.csv").rename(folder / MEASURING.name / POINTS)


def test_the_first_of_each_group_are_in_their_order():
    groups = torch.tensor([3, 0, 3, 3, 0, 5, 3])
    assert first_of_each(groups, 2).tolist() == [0, 1, 2, 4, 5]
    assert first_of_each(groups, 9).tolist() == list(range(7))


def test_features_of_many_dimensions_have_no_picture():
    recipe, _ = resolve(AXES | {"feature_dim": 4}, PROTOCOL, "test")
    with pytest.raises(ValueError, match="features of at most 3 dimensions, not 4: give the network a feature_dim"):
        MEASURING.check(recipe)
