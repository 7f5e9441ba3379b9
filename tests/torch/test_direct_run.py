"""Runs of unconstrained features: recipes, files, what a killed job goes on from, and what is measured of them."""

from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
import torch

from collapse.atomic_io import read_json
from collapse.data.prepare import load
from collapse.data.store import write_dataset
from collapse.identity import cell_name
from collapse.measuring import Measuring
from collapse.metrics.measure import measure_file
from collapse.metrics.rows import network_rows
from collapse.recipe import Recipe, Seeds
from collapse.statistics.extract import checkpoint_statistics, extract_run
from collapse.theory.cross_entropy_frames import frame_optimum, simplex_frame
from collapse.theory.deep_linear import optimum
from collapse.theory.thresholds import survival_threshold
from collapse.training.inputs import load_train
from collapse.training.making import RunContext, Stopped, publish
from collapse.training.run import make_runs
from collapse.training.weights import network_of

CPU = torch.device("cpu")
EVAL = Measuring(bn_modes=("eval",))


def direct(counts=(12, 6, 4), layers=2, bias=False, width=8, epochs=600, **more):
    protocol = {
        "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 5e-3, "feature_decay": 5e-3, "separate_decay": True,
        "batch_size": 100, "epochs": epochs, "loss": "mse_per_sample",
    }  # fmt: skip
    given = {
        "dataset": "unconstrained",
        "model": "free_features",
        "imbalance": {"counts": list(counts)},
        "architecture": {"width": width, "linear_layers": layers, "classifier_bias": bias},
        "measurements": 4,
        "keep_checkpoints": "measured",
        "seeds": Seeds.all(0),
    }
    return Recipe.model_validate(given | more | {"protocol": protocol | more.get("protocol", {})})


@pytest.fixture(scope="module")
def nothing(tmp_path_factory):
    """The prepared dataset without images."""
    folder = tmp_path_factory.mktemp("unconstrained")
    write_dataset(folder, "unconstrained", load("unconstrained", folder, download=False))
    return folder


@pytest.fixture
def context(nothing, tmp_path):
    def make(name, **more):
        return RunContext(nothing, tmp_path / name, CPU, log=lambda line: None, **more)

    return make


def weights(folder):
    return {path.name: path.read_bytes() for path in (folder / "checkpoints").iterdir()}


def lines(folder):
    return [line.rsplit(",", 1)[0] for line in (folder / "history.csv").read_text().splitlines()]  # no seconds


def test_a_recipe_of_unconstrained_features_is_read_back_as_it_was():
    recipe = direct()
    assert recipe.kind == "direct"
    assert recipe.protocol.dtype == "float64"
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    assert cell_name(recipe).startswith("unconstrained/free_features/2linear-1x12_1x6_1x4-sgd0.1-wd0.005-e600-")
    assert cell_name(direct(counts=(12, 6, 5))) != cell_name(recipe)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"model": "mlp", "architecture": {}}, "dataset unconstrained and model free_features go together"),
        ({"protocol": {"optimizer": "adam"}}, "optimised with optimizer sgd"),
        ({"protocol": {"batch_size": 21}}, "a batch_size of at least the number of samples"),
        ({"protocol": {"milestones": ["1/2"]}}, "a constant step size"),
        ({"protocol": {"augmentation": "crop_flip"}}, "no augmentation"),
        (
            {"protocol": {"loss": "label_smoothing"}},
            "loss label_smoothing: unconstrained features take cross_entropy, mse",
        ),
        ({"labels": {"noise": 0.1}}, "unchanged labels"),
        ({"imbalance": {"k_major": 2, "n_major": 3, "ratio": 1}}, "k_major 2: unconstrained has 0 classes"),
        ({"level": 0.5, "protocol": {"loss": "mse"}}, "level is defined for the loss mse_per_sample"),
    ],
)
def test_what_unconstrained_features_can_not_be_is_said(more, message):
    with pytest.raises(ValueError, match=message):
        direct(**more)


def test_a_level_sets_both_decays_such_that_the_smallest_class_is_at_it():
    """b/n_min = level * tau_M, b = M N (N lambda_H lambda_W^M)^(1/M)."""
    recipe = direct(counts=(20, 10, 5, 1), layers=3, level=0.7)
    decay, samples = recipe.protocol.weight_decay, 36
    assert recipe.protocol.feature_decay == decay
    b = 3 * samples * (samples * decay**4) ** (1 / 3)
    assert b / 1 == pytest.approx(0.7 * survival_threshold(3), rel=1e-12)
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_runs_side_by_side_have_the_files_of_every_run(context):
    recipe = direct(measure_initial=True)
    runs = [(recipe.at_seed(seed), context(f"seed-{seed}")) for seed in (0, 1)]
    make_runs(runs)
    for at_seed, work in runs:
        publish(work.folder)
        run = read_json(work.folder / "run.json")
        assert (run["status"], run["dtype"]) == ("ok", "float64")
        assert sorted(map(int, run["checkpoints"])) == sorted(recipe.checkpoint_epochs())
        history = pd.read_csv(work.folder / "history.csv")
        assert history.epoch.tolist() == sorted(recipe.checkpoint_epochs() - {0})
        assert history.loss.is_monotonic_decreasing
        assert Recipe.model_validate(read_json(work.folder / "recipe.json")) == at_seed
    one, other = (weights(work.folder) for _, work in runs)
    assert one != other
    # Made alone, the second run is the same but for the order in which its sums are added up.
    make_runs([(runs[1][0], context("alone"))])
    assert pd.read_csv(context("alone").folder / "history.csv").loss.to_numpy() == pytest.approx(
        pd.read_csv(runs[1][1].folder / "history.csv").loss.to_numpy(), rel=1e-12
    )
    make_runs(runs)  # made already: nothing is written
    assert [weights(work.folder) for _, work in runs] == [one, other]


def test_runs_stopped_again_and_again_end_with_the_same_bits(context):
    recipe = direct(epochs=1300)
    whole = [(recipe.at_seed(seed), context(f"whole-{seed}")) for seed in (0, 1)]
    make_runs(whole)
    for _ in range(20):
        cut = [(recipe.at_seed(seed), context(f"cut-{seed}", stop=lambda: True)) for seed in (0, 1)]
        with suppress(Stopped):
            make_runs(cut)
            break
    for (_, one), (_, other) in zip(whole, cut, strict=True):
        assert weights(one.folder) == weights(other.folder)
        assert lines(one.folder) == lines(other.folder)
    assert read_json(cut[0][1].folder / "state/run.json")["resumed_at_epoch"] > 0


def test_a_run_that_was_cut_off_is_made_beside_one_that_was_not_begun(context):
    recipe = direct()
    make_runs([(recipe.at_seed(0), context("whole"))])
    with pytest.raises(Stopped):
        make_runs([(recipe.at_seed(0), context("seed-0", stop=lambda: True))])
    make_runs([(recipe.at_seed(seed), context(f"seed-{seed}")) for seed in (0, 1)])
    assert weights(context("seed-0").folder) == weights(context("whole").folder)
    assert read_json(context("seed-1").folder / "state/run.json")["resumed_at_epoch"] == 0


def test_a_diverged_run_is_measured_where_it_was_last_finite(context):
    wild = direct(protocol={"learning_rate": 40.0})
    make_runs([(wild, context("wild"))])
    run = read_json(context("wild").folder / "state/run.json")
    assert run["status"] == "diverged"
    assert "weights not finite" in run["reason"]
    assert list(run["checkpoints"])  # the last that was finite
    assert max(map(int, run["checkpoints"])) < 600


def test_what_ends_at_the_optimum_is_measured_there(nothing, context, tmp_path):
    recipe = direct(layers=3, bias=True, epochs=4000)
    work = context("seed-0")
    make_runs([(recipe, work)])
    publish(work.folder)
    extract_run(work.folder, nothing, EVAL, tmp_path / "statistics.safetensors", CPU)
    measure_file(tmp_path / "statistics.safetensors", tmp_path / "metrics.csv")
    table = pd.read_csv(tmp_path / "metrics.csv")
    found = table.loc[(table.epoch == 4000) & (table.layer == "features")].set_index("metric").value
    assert found.spectrum_error < 1e-6
    assert abs(found.objective_gap) < 1e-6
    assert found.nc1_sample_mean < 1e-12
    assert max(found.gof_nc2_w, found.gof_nc2_h, found.gof_nc3, found.gof_alignment, found.balancedness) < 1e-6
    history = pd.read_csv(work.folder / "history.csv")
    network = network_of(recipe)
    assert network.classifier.weight.dtype == torch.float64
    assert history.accuracy.iloc[-1] == 1


def at_optimum(recipe, turn_seed=0):
    """The network of a recipe at the global optimum, in a random orientation of every space."""
    protocol, options, counts = recipe.protocol, recipe.options(), recipe.class_counts()
    layers, width, k = options.linear_layers, options.width, len(counts)
    best = optimum(counts, protocol.weight_decay, protocol.feature_decay, layers, options.classifier_bias)
    rng = np.random.default_rng(turn_seed)
    turns = [np.linalg.qr(rng.normal(size=(width, width)))[0][:, :k] for _ in range(layers)]
    inner = [turns[m] * best.p ** (1 / (2 * layers)) @ turns[m - 1].T for m in range(1, layers)]
    last = best.directions * best.p ** (1 / (2 * layers)) @ turns[-1].T
    product = last
    for weight in reversed(inner):
        product = product @ weight
    shift = sum(counts) * protocol.feature_decay
    lifted = product.T @ (best.directions / (best.p + shift)) @ best.directions.T  # ridge regression
    means = lifted @ best.centring
    network = network_of(recipe)
    with torch.no_grad():
        features = network.get_parameter("layers.samples.1.weight")
        features.copy_(torch.from_numpy(np.repeat(means, counts, axis=1)))
        for parameter, value in zip(network.head_weights(), [*inner, last], strict=True):
            parameter.copy_(torch.from_numpy(value))
        if options.classifier_bias:
            network.classifier.bias.copy_(torch.from_numpy(best.bias))
    return network


def measured(network, recipe, nothing):
    """Metrics of the train split, by layer and name."""
    train = load_train(recipe, nothing, None, CPU)
    found = checkpoint_statistics(network.eval(), train, None, recipe.num_labels(), EVAL)
    tensors = {name: tensor.numpy() for name, tensor in found.items()}
    layers = ["features", *(name for name in network.measured if name.startswith("linear"))]
    return {(row.layer, row.metric): row.value for row in network_rows(tensors, layers, recipe=recipe)}


@pytest.mark.parametrize("loss", ["mse_per_sample", "half_mse", "mse"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("counts", "layers"), [((12, 6, 4), 1), ((12, 6, 4), 3), ((5, 5, 5, 5), 3)])
def test_the_exact_optimum_is_at_no_distance(counts, layers, bias, loss, nothing):
    """In the theory's loss the optimum is built; the other losses are the same at decays over their factor."""
    scale = {"mse_per_sample": 1, "half_mse": len(counts), "mse": len(counts) / 2}[loss]
    network = at_optimum(direct(counts, layers, bias))
    decays = {"loss": loss, "weight_decay": 5e-3 / scale, "feature_decay": 5e-3 / scale}
    found = measured(network, direct(counts, layers, bias, protocol=decays), nothing)
    zero = ["gof_nc2_w", "gof_nc2_h", "gof_nc3", "gof_alignment", "spectrum_error", "objective_gap"]
    assert max(abs(found["features", name]) for name in zero) < 1e-10
    if layers > 1:
        assert found["features", "balancedness"] < 1e-10
        assert max(found[f"linear{i}", "gof_nc2_w"] for i in range(1, layers)) < 1e-10
    if scale == 1:
        assert found["features", "gof_nc3_floor"] == 0
    elif len(set(counts)) > 1:  # the frame of equal classes does not change with the decays
        assert found["features", "gof_nc3_code"] == pytest.approx(found["features", "gof_nc3_floor"], rel=1e-8)
    if len(set(counts)) > 1 and not bias:
        assert found["features", "rank_order_rows"] == pytest.approx(1)
        assert found["features", "rank_order_means"] == pytest.approx(-1)
    assert found["features", "p_min"] == pytest.approx(found["features", "p_min_optimum"], rel=1e-10)
    assert found["features", "head_rank"] == len(counts) - bias


@pytest.mark.parametrize("part", ["features", "head"])
def test_away_from_the_optimum_every_distance_is_positive(part, nothing):
    recipe = direct(layers=3, bias=True)
    network = at_optimum(recipe)
    with torch.no_grad():
        chosen = network.get_parameter("layers.samples.1.weight") if part == "features" else network.classifier.weight
        chosen += 0.05 * torch.randn_like(chosen)
    found = measured(network, recipe, nothing)
    moved = ["gof_nc3", "gof_alignment", "objective_gap", *(["gof_nc2_h"] if part == "features" else ["gof_nc2_w"])]
    assert min(found["features", name] for name in moved) > 1e-3
    assert found["features", "objective"] > optimum((12, 6, 4), 5e-3, 5e-3, 3, bias=True).loss


def test_the_simplex_frame_is_the_zero_of_the_cross_entropys_gap(nothing):
    """A head of one layer at the best simplex frame, its factors balanced: of the logits' singular values, the root."""
    recipe = direct((5, 5, 5), 1, protocol={"loss": "cross_entropy", "weight_decay": 1e-3, "feature_decay": 1e-3})
    best = frame_optimum(simplex_frame(3), 5, 1e-3, 1e-3, 1)
    left, values, right = np.linalg.svd(best.logits)
    root = np.sqrt(values) * 5**0.25
    network = network_of(recipe)
    with torch.no_grad():
        padded = np.zeros((3, 8))
        padded[:, :3] = left * root
        network.classifier.weight.copy_(torch.from_numpy(padded))
        means = np.zeros((8, 3))
        means[:3] = (np.sqrt(values) / 5**0.25)[:, None] * right
        network.get_parameter("layers.samples.1.weight").copy_(torch.from_numpy(np.repeat(means, 5, axis=1)))
    found = measured(network, recipe, nothing)
    assert found["features", "objective_gap_simplex"] == pytest.approx(0, abs=1e-9)
    assert found["features", "objective"] == pytest.approx(best.loss, rel=1e-9)
