"""Papers' files: what they say, and what is wrong with a wrong one."""

import csv
import dataclasses
import itertools
import json
import math
import re
import shutil
from pathlib import Path

import jsonschema
import pytest
import yaml

from collapse.cost import worth_a_gpu
from collapse.data.imbalance import Imbalance
from collapse.grid import resolve, spelled_out
from collapse.identity import SUMMARY_LENGTH, cell_name, digest, identity, summary
from collapse.paper_files import load_paper
from collapse.plan import Plan, plan_digest
from collapse.recipe import Recipe, Seeds
from collapse.strict import ConfigError, validate
from collapse.training.entries import OPTIMIZERS
from collapse.training.protocol import Protocol

CONFIG = Path(__file__).parents[2] / "config"
PAPERS = sorted(path.parent for path in (CONFIG / "papers").glob("*/paper.yaml"))
PAPER, EQUI_SEPARATION = (CONFIG / "papers" / name for name in ("layer_peeled", "equi_separation"))
SEEDS = (0, 1, 2)
PROTOCOL = {"learning_rate": 0.1, "weight_decay": 0, "batch_size": 60, "epochs": 2}


def mistaken(folder, copy, good, bad):
    """A copy of a paper's files, with the first place changed that says `good`: in paper.yaml, else in demo.yaml."""
    shutil.copytree(folder, copy)
    path = next(path for path in (copy / "paper.yaml", copy / "scales/demo.yaml") if good in path.read_text())
    path.write_text(path.read_text().replace(good, bad, 1))
    return path


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        ("ratio: 70, oversampling", "ratio: 141, oversampling", "ratio 141 leaves the minority classes empty"),
        ("ratio: 70, oversampling", "ratio: 0.5, oversampling", "ratio 0.5: a whole number of 1 or more, or inf"),
        ("ratio: 70, oversampling", "ratio: 60, oversampling", "the nearest that do are 35 and 70"),
        ("n_major: 140, ratio: 70", "n_major: 210, ratio: 70", "digits holds 140 train samples of class 0: 210"),
        ("k_major: 7, n_major", "k_major: 10, n_major", "k_major 10 leaves no minority class in digits"),
        ("k_major: 7, n_major", "k_major: 11, n_major", "k_major 11: digits has 10 classes"),
        ("model: mlp}", "model: mlpp}", "unknown model 'mlpp'; valid choices: mlp, convnet"),
        ("{dataset: digits", "{dataset: digit", "unknown dataset 'digit'; valid choices"),
        ("ratio: 70, oversampling", "ration: 70, oversampling",
         "axis in tables.fig6 'ration'; valid choices: activation"),
        ("        across: oversampling", "        across: oversamplin", "unknown axis of fig6 'oversamplin'"),
        ("        table: fig3\n", "        table: fig9\n", "claims.fig3_rises: unknown table of figure fig3 'fig9'"),
        ("        table: fig3\n", "", "fig3_rises: say which table decides, one of fig3, fig3_thresholds"),
        ("        column: cos_own\n", "        column: cos_owned\n", "unknown column of fig2 'cos_owned'"),
        ("where: {k_major: 7, ratio: max}", "where: {k_major: 8, ratio: max}",
         "claims.fig5_below_chance: no grid of fig5 has k_major 8, at any scale; valid: 3, 5, 7"),
        ("where: {ratio: inf}", "where: {ratio: {above: inf}}", "no grid of fig2 has ratio > inf, at any scale"),
        ("where: {ratio: 1}", "where: {ratio: 2}", "no grid of fig2 has ratio 2, at any scale; valid: 1, 10, 100"),
        ("across: ratio", "across: model", "claims.fig2_rises: across model has no order, being mlp, vgg13: use comp"),
        ("condition: {above: 0.95}", "condition: {drawn: 0.95}", "the condition drawn needs a table of draws: fig2"),
        ("        key_columns: ", "        axes: ", "figures.fig2.tables.fig2: axes is now key_columns"),
        ("        key_columns: ", "        each: [layer]\n        key_columns: ", "fig2: each is now rows_per"),
        ("deviations: ", "cut: ", "scales/demo.yaml can not be used:\n  cut is now deviations"),
        ("mean_over: [ratio]", "over: [ratio]", "over is now mean_over"),
        ("columns: [cos_minor]", "columns: [cos_minr]", "unknown column in tables.fig4 'cos_minr'; valid"),
        ("      fig6_falls:", "      fig4_rises:", "figures.fig6.claims.fig4_rises: another claim has that name"),
        ("      fig6:\n", "      fig4:\n", "two tables are called fig4"),
        ("epochs: 300}\n", "epochs: 300}\nseeds: {fig3: [0]}\n",
         "unknown table of runs in seeds 'fig3'; valid choices: fig2, fig4"),
        ("epochs: 300}\n", "epochs: 300}\nseeds: {fig4: [0, 0]}\n", "a seed appears twice"),
        ("epochs: 300}\n", "epoch: 300}\n", "unknown key in protocol 'epoch'"),
        ("  fig3_thresholds: *sweep", "  fig3_thresholds: {same_as: small}",
         "tables.fig3_thresholds: same_as names a scale whose file has the grid: small has none"),
        ("ratio: [1, 5, 20, 70, 140, inf]", "ratio: {logspace: [1, 0, 3]}",
         "tables.fig2, ratio: logspace is [first, last, count], two positive numbers and how many"),
        ("k_major: 7, n_major", "held_out: 1, k_major: 7, n_major", "held_out 1: digits has 0 train samples of class"),
        ("learning_rate: 0.1", "learning_rate: fast", "protocol.learning_rate: Input should be a valid number"),
        ("{k_major: 7, n_major", "{classifier: fixed_etf, width: 9, k_major: 7, n_major", "a simplex of 10"),
        ("metric: cosine_mean", "metric: cosine", "unknown metric 'cosine'; valid choices: cosine_m"),
        ("        key_columns: ", "        measure: {layers: all}\n        key_columns: ",
         "tables.fig2: unknown key in measure 'layers'"),
        ("        key_columns: ", "        moment: [initial]\n        key_columns: ",
         "dataset digits model mlp, the moment initial needs measure_initial: true"),
        ("        key_columns: ", "        moment: [zero_error]\n        key_columns: ",
         "the moment zero_error needs keep_checkpoints: measured"),
        ("        key_columns: ", "        moment: [tpt]\n        key_columns: ",
         "the moment tpt needs more than one measured"),
        ("        key_columns: ", "        moment: [last]\n        rows_per: [epoch]\n        key_columns: ",
         "moment makes the column epoch"),
        ("    title: \"Mino", "    titel: \"Mino", "figures.fig2: unknown key titel"),
        ("{column: cos_own, where: *large_decay", "{column: cos_owned, where: *large_decay",
         "unknown column in figures.fig2.published 'cos_owned'"),
    ],
)  # fmt: skip
def test_a_mistake_names_the_file_and_the_key(tmp_path, good, bad, message):
    path = mistaken(PAPER, tmp_path / "layer_peeled", good, bad)
    with pytest.raises(ConfigError) as error:
        Plan(load_paper(tmp_path / "layer_peeled"), "demo", SEEDS)
    named = "scales/demo.yaml" if "scales/" in str(path) or "the moment" in message else "paper.yaml"
    assert f"layer_peeled/{named}" in str(error.value)
    assert message in str(error.value)


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: path.stem)
def test_every_paper_has_its_scales_its_figure_scripts_and_claims_that_can_be_checked(path):
    paper = load_paper(path)
    assert set(paper.scales) == {"demo", "small", "paper"}
    plans = [Plan(paper, scale, SEEDS) for scale in paper.scales]
    scripts = path.parents[2] / "workflow" / "figures" / paper.name
    assert {script.stem for script in scripts.glob("*.py")} == set(paper.figures)
    checked = [claim for figure in paper.figures for claim in plans[0].claims_spec(figure).claims]
    assert sorted(checked) == sorted(paper.claims)


FILES = [CONFIG / "config.yaml", *sorted((CONFIG / "papers").rglob("*.yaml"))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CONFIG)))
def test_no_line_of_a_papers_files_is_longer_than_an_editor_is_wide(path):
    assert max(map(len, path.read_text().splitlines())) <= 120


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CONFIG)))
def test_a_file_names_its_schema_and_keeps_to_it_and_a_mistake_does_not(path):
    """What an editor shows while a file is written."""
    text = path.read_text()
    schema = path.parent / re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)[1]
    checker = jsonschema.Draft202012Validator(json.loads(schema.read_text()))
    data = yaml.safe_load(text)
    assert not list(checker.iter_errors(json.loads(json.dumps(data))))
    assert list(checker.iter_errors(data | {"scal": 1}))


DRAWN = """          separation_fuzziness: {metric: separation_fuzziness}"""


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        ("compare: {activation: [relu, identity]}", "compare: {activation: [relu, identical]}",
         "claims.linear_less: no grid of linear_fit has activation identical, at any scale; valid: identity, relu"),
        ("batch_norm: true}", "batch_norm: yess}", "has batch_norm yess, at any scale; valid: False, True"),
        ("chosen_by: held_out_accuracy", "chosen_by: train_accuracy", "valid: held_out_accuracy, test_accuracy"),
        ("epoch: 0}", "epoch: 599}", "claims.epochs_initial: no grid of epochs_fit has epoch 599, at any scale"),
        ("rename: {optimizer: momentum}", "labels: {optimizer: momentum}",
         "axis in tables.fig1 labels is now rename"),
        ("compare: {frozen: [false, true]}", "across: frozen\n        reduce: change", "across frozen has no order"),
        ("where: {bn_mode: train, chosen_by: held_out_accuracy}\n        across: layers",
         "where: {bn_mode: train, learning_rate: max}\n        across: layers",
         "unknown axis of depth_fit 'learning_rate'"),
        ("layers: [4, 8, 20]", "depth: [3, 7, 19]",
         "axis in tables.imbalance depth is now layers, which counts the classifier too: 8 for depth: 7"),
        ("across: layers", "across: depth", "claims.fig1_depth: axis of fig1_fit depth is now layers"),
        ("draws: 50", "draws: 50\n        rows_per: [layer]", "a table of draws has no network: no rows_per"),
        (DRAWN, "          separation_fuzziness: {metric: accuracy}", "unknown metric of a table of draws"),
        (DRAWN, "          separation_fuzziness: {metric: nc1, split: test}", "names a metric, and nothing"),
        ("last: {metric: separation_fuzziness}", "last: {metric: separation}", "separation is now separation_fuzz"),
        ("{dataset: digits, samples: 100}", "{dataset: digits, samples: 200}", "holds 140 train samples of some class"),
        ("{dataset: digits, samples: 100}", "{dataset: digits, samples: 9, mean: [[1, 1]]}", "mean has 2 values"),
        ("{dataset: digits, samples: 100}", "{dataset: digits, samples: 9, ratio: 1}", "unknown key ratio"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_claim_or_a_table_of_draws_is_found_when_the_paper_is_read(tmp_path, good, bad, message):
    mistaken(EQUI_SEPARATION, tmp_path / "equi_separation", good, bad)
    with pytest.raises(ConfigError) as error:
        Plan(load_paper(tmp_path / "equi_separation"), "demo", SEEDS)
    assert message in str(error.value)


def test_published_values_reach_a_figure_with_their_place_and_whether_they_are_verified():
    """layer_peeled.md, section 8: Fig 2 as read off; equi_separation.md, section 7: D_0, which a claim compares."""
    points = Plan(load_paper(PAPER), "paper", SEEDS).published("fig2")
    assert len(points) == 2 * 2 * 5
    where = {"dataset": "cifar10", "model": "vgg13", "weight_decay": 5e-4, "ratio": math.inf}
    assert {"where": where, "column": "cos_minor", "value": 1, "unverified": True} in points
    inputs = Plan(load_paper(EQUI_SEPARATION), "small", SEEDS).published("inputs")
    assert [(point["value"], point["unverified"]) for point in inputs] == [(37, False), (21.4, False)]


def test_published_learning_rates_of_the_law():
    """equi_separation.md, sections 2 and 7: Fig 1's nine rates, the grids, and those of the authors' figures."""
    plan = Plan(load_paper(EQUI_SEPARATION), "paper", SEEDS)

    def rates(table):
        points = [(point.axes, point.recipe.options(), point.recipe.protocol) for point in plan.grids[table].points()]
        return {
            (options.layers, axes.get("optimizer", protocol.optimizer)): protocol.learning_rate
            for axes, options, protocol in points
        }

    assert rates("fig1") == {
        (4, "sgd"): 0.3, (8, "sgd"): 0.03, (20, "sgd"): 0.01,
        (4, "momentum"): 0.3, (8, "momentum"): 0.01, (20, "momentum"): 0.001,
        (4, "adam"): 3e-3, (8, "adam"): 1e-3, (20, "adam"): 3e-4,
    }  # fmt: skip
    found = {point.recipe.protocol.learning_rate for point in plan.grids["learning_rates"].points()}
    assert found == {0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0}
    for table in ("depth", "width", "shape", "imbalance", "cnn", "residual", "out_of_sample", "original"):
        found = {point.recipe.protocol.learning_rate for point in plan.grids[table].points()}
        assert found == {3e-5, 1e-4, 3e-4, 1e-3, 3e-3}, table
    small = Plan(load_paper(EQUI_SEPARATION), "small", SEEDS)
    without = [
        point.recipe
        for point in small.grids["linear"].points()
        if (point.recipe.options().activation, point.recipe.options().batch_norm) != ("relu", True)
    ]
    assert {recipe.protocol.learning_rate for recipe in without} == {3e-5}
    assert {recipe.protocol.learning_rate for recipe in (p.recipe for p in small.grids["original"].points())} == {1e-4}


def minority_decay(recipe):
    """Sum of lr * weight_decay / (1 - momentum) over all steps: the log of how far classifier differences decay."""
    protocol = recipe.protocol
    steps = -(-recipe.epoch_length() // protocol.batch_size)
    rates = sum(protocol.learning_rate_at(epoch) for epoch in range(protocol.epochs))
    return steps * rates * protocol.weight_decay / (1 - protocol.momentum)


@pytest.mark.parametrize("scale", ["demo", "small"])
def test_reduced_protocols_last_long_enough_for_minority_collapse(scale):
    """Differences of minority classifiers decay through weight decay alone: by exp(-6) or more (layer_peeled)."""
    plan = Plan(load_paper(PAPER), scale, SEEDS)
    cells = {cell for _, cell, _ in plan.points["fig4"]}
    collapsing = [plan.recipes[cell] for cell in cells if plan.recipes[cell].imbalance.k_major == 7]
    assert min(map(minority_decay, collapsing)) >= 6


def test_the_published_protocol_is_untouched_at_paper_scale():
    plan = Plan(load_paper(PAPER), "paper", SEEDS)
    assert plan.scale.protocol == {}
    for recipe in plan.recipes.values():
        assert recipe.image_size == 32
        if recipe.protocol != plan.paper.protocol:  # Fig 2 has a second weight decay
            changed = {"weight_decay": 5e-3}
            assert recipe.protocol == plan.paper.protocol.model_copy(update=changed)
            assert (recipe.model, recipe.dataset) == ("vgg13", "cifar10")
    (counts,) = {
        point.recipe.class_counts()
        for point in plan.grids["fig6"].points()
        if (point.recipe.dataset, point.recipe.model, point.value("k_major"), point.value("oversampling"))
        == ("fashion_mnist", "vgg11", 5, 100)
    }
    assert counts == (6000,) * 5 + (6,) * 5


def test_a_recipe_round_trips_through_json():
    for recipe in Plan(load_paper(PAPER), "paper", SEEDS).recipes.values():
        assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
        assert Recipe.model_validate(json.loads(identity(recipe)) | {"seeds": Seeds.all(0)}) == recipe


def test_the_users_changes_win_over_a_grids_own_axes():
    """Fig 5 gives its epochs: a run of Fig 4 would else have two recipes under one name."""
    plan = Plan(load_paper(PAPER), "demo", SEEDS, {"epochs": 2})
    assert {recipe.protocol.epochs for recipe in plan.recipes.values()} == {2}


def test_what_is_asked_across_the_papers_is_asked_of_their_own_runs():
    """Runs and the way they are measured are shared, so that it trains nothing; and each run is one row."""
    papers = {path.name: load_paper(path) for path in PAPERS}
    across = Plan(papers.pop("across"), "demo", SEEDS)
    asked = [(cell, measuring) for _, cell, measuring in across.points["runs"]]
    plans = [Plan(paper, "demo", SEEDS) for paper in papers.values()]
    assert set(asked) <= {(cell, how) for plan in plans for points in plan.points.values() for _, cell, how in points}
    assert len({cell for cell, _ in asked}) == len(asked) > 100


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("{same_as: {paper: zu, table: fig3}}", "unknown paper in same_as of tables.runs 'zu'; valid choices: across"),
        ("{same_as: {paper: zhu, table: fig9}}", "unknown table of zhu in same_as of tables.runs 'fig9'"),
        ("{same_as: {paper: zhu, table: parameters}}", "unknown table of zhu in same_as of tables.runs 'parameters'"),
        ("{same_as: {paper: zhu}}", "tables.runs, same_as can not be used:\n  table"),
        ("{same_as: {paper: zhu, table: fig3}, epochs: 3}", "a block same_as has no other key"),
        ("{same_as: {paper: papyan, table: spikes}}", "papyan's spikes has seeds or studies of its own"),
        ("{same_as: {paper: memorization_dilation, table: tuned}}", "tuned has seeds or studies of its own"),
        ("{same_as: {paper: across, table: runs}}", "a block same_as has no other key, and names a table whose blocks"),
    ],
)
def test_a_block_that_can_not_be_borrowed_is_refused(tmp_path, wrong, message):
    shutil.copytree(CONFIG / "papers", tmp_path / "papers")
    path = tmp_path / "papers/across/scales/demo.yaml"
    path.write_text(path.read_text() + f"    - {wrong}\n")
    with pytest.raises(ConfigError, match=re.escape(message)) as refused:
        load_paper(tmp_path / "papers/across")
    assert "across/scales/demo.yaml" in str(refused.value)


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: path.stem)
def test_the_part_of_a_name_for_readers_is_short_and_safe(path):
    paper = load_paper(path)
    for scale in paper.scales:
        for cell, found in Plan(paper, scale, SEEDS).recipes.items():
            assert len(summary(found)) <= SUMMARY_LENGTH
            assert re.fullmatch(r"[a-z0-9_]+/[a-z0-9_]+/[A-Za-z0-9_.+-]+-[0-9a-f]{12}", cell)


def test_a_run_is_known_by_what_is_not_default():
    """A key that is added later, at its default, must not make every run anew."""
    plain, spelt = recipe(), recipe(protocol=PROTOCOL | {"smoothing": 0.1}, architecture={"width": 128})
    assert identity(plain) == identity(spelt)
    assert "smoothing" not in identity(plain)
    assert cell_name(plain) == cell_name(plain.at_seed(1))
    assert digest(plain) != digest(recipe(architecture={"width": 64}))


def test_a_loss_without_smoothing_has_none():
    """Recipes of before that could be said have a number with every loss."""
    plain, earlier = recipe(), recipe(protocol=PROTOCOL | {"loss": "mse", "smoothing": 0.1})
    assert plain.protocol.smoothing is earlier.protocol.smoothing is None
    assert cell_name(earlier) == cell_name(recipe(protocol=PROTOCOL | {"loss": "mse"}))
    smoothed = PROTOCOL | {"loss": "label_smoothing"}
    assert recipe(protocol=smoothed).protocol.smoothing == 0.1
    assert cell_name(recipe(protocol=smoothed)) == cell_name(recipe(protocol=smoothed | {"smoothing": 0.1}))
    axes = {"dataset": "digits", "model": "mlp", "counts": [9] * 10, "smoothing": 0.1}
    with pytest.raises(ConfigError, match=r"smoothing: mse has none\. Give losses without it a block of their own"):
        resolve(axes | {"loss": "mse"}, PROTOCOL, "a file")
    with pytest.raises(ConfigError, match=r"protocol\.smoothing"):
        resolve(axes | {"loss": "label_smoothing", "smoothing": 1.0}, PROTOCOL, "a file")


def test_floats_that_a_computation_would_give_are_those_that_a_person_writes():
    rates = [recipe(protocol=PROTOCOL | {"learning_rate": rate}) for rate in (0.3, 0.1 + 0.2, 0.3000001)]
    assert cell_name(rates[0]) == cell_name(rates[1]) != cell_name(rates[2])


def test_every_key_of_the_protocol_is_part_of_the_name():
    other = {
        "optimizer": "adam", "learning_rate": 0.2, "momentum": 0.5, "weight_decay": 0.5, "batch_size": 61, "epochs": 3,
        "milestones": ["1/2"], "step_epochs": 2, "lr_factor": 0.5, "loss": "mse", "smoothing": 0.2,
        "separate_decay": True, "feature_decay": 0.1, "first_phase": {"epochs": 1, "frozen": ["fc1"]},
        "dtype": "bfloat16", "drop_last": True, "augmentation": "crop_flip",
    }  # fmt: skip
    assert set(other) == set(Protocol.model_fields)
    needed = {"feature_decay": {"separate_decay": True}, "smoothing": {"loss": "label_smoothing"}}
    names = [cell_name(recipe(protocol=PROTOCOL | needed.get(key, {}) | {key: other[key]})) for key in other]
    assert len({cell_name(recipe()), *names}) == 1 + len(other)


@pytest.mark.parametrize(
    ("dataset", "choices", "message"),
    [
        ("digits", {"held_out": 141}, "held_out 141: digits has 0 train samples of class 0 beside the 140"),
        ("mnist", {"principal_components": 100}, "principal_components takes at most 10000 train samples, not 60000"),
        ("digits", {"bn_modes": ["train"]}, "bn_modes is [eval] or [eval, train]"),
        ("digits", {"measured_layers": "some"}, "measured_layers"),
    ],
)
def test_a_run_that_can_not_be_measured_so_says_why(dataset, choices, message):
    axes = {"dataset": dataset, "model": "mlp", "counts": "all"}
    with pytest.raises(ConfigError) as error:
        resolve(axes | choices, PROTOCOL, "test")
    assert message in str(error.value)


def test_what_is_measured_has_a_name_of_its_own():
    def name(**choices):
        axes = {"dataset": "digits", "model": "mlp", "counts": [9] * 10}
        recipe, measuring = resolve(axes | choices, PROTOCOL, "test")
        assert recipe == resolve(axes, PROTOCOL, "test")[0]  # it has no part in the training
        return measuring.name

    assert (name(), name(measured_layers="all"), name(measured_layers="features")) == ("all", "all", "features")
    others = [
        name(held_out=5), name(bn_modes=["eval"]), name(groups=["0-4"]), name(principal_components=3),
        name(measured_layers=["fc1"]), name(measured_layers="features", held_out=5),
    ]  # fmt: skip
    assert len(set(others)) == len(others)
    assert all(re.fullmatch(r"(all|features|layers)-[0-9a-f]{8}", found) for found in others)


def test_names_are_those_that_results_have_already():
    """If this fails, every run that anybody has made is orphaned: do not correct the names here."""
    assert cell_name(recipe()) == "digits/mlp/3layers-10x140-sgd0.1-wd0-e2-e157919baf5f"
    fig6 = Plan(load_paper(PAPER), "demo", SEEDS).points["fig6"]
    assert [cell for axes, cell, _ in fig6 if axes["oversampling"] == 5] == [
        "digits/mlp/3layers-7x140_3x2-over5-sgd0.1-wd0.01-e300-686de4c35719"
    ]


def test_plans_are_what_they_were_before_a_paper_had_a_folder():
    """Rows, axes and runs of every measured table that the two papers then had: digests of the plans' files."""
    with (Path(__file__).parent / "plans.csv").open(newline="") as file:
        known = list(csv.DictReader(file))
    plans = {
        (paper.name, scale): Plan(paper, scale, SEEDS) for paper in map(load_paper, PAPERS) for scale in paper.scales
    }
    for row in known:
        text = plans[row["paper"], row["scale"]].plan_file(row["table"])
        assert plan_digest(text).startswith(row["plan_sha256"]), row


def test_a_fix_in_one_optimizer_renames_its_runs_alone(monkeypatch):
    def names():
        protocols = [PROTOCOL | {"optimizer": optimizer} for optimizer in ("sgd", "lbfgs")]
        axes = {"dataset": "digits", "model": "mlp", "counts": [140] * 10}
        return [cell_name(resolve(axes, protocol, "test")[0]) for protocol in protocols]

    before = names()
    fixed = dataclasses.replace(OPTIMIZERS["lbfgs"], version=OPTIMIZERS["lbfgs"].version + 1)
    monkeypatch.setitem(OPTIMIZERS, "lbfgs", fixed)
    after = names()
    assert before[0] == after[0]
    assert before[1] != after[1]


def recipe(**changed):
    base = {
        "dataset": "digits",
        "model": "mlp",
        "imbalance": {"counts": "all"},
        "protocol": PROTOCOL,
        "seeds": Seeds.all(0),
    }
    return validate(Recipe, base | changed, "test")


def test_counts_may_be_whatever_the_dataset_holds():
    assert recipe().class_counts() == (140,) * 10
    assert recipe(dataset="mnist").class_counts()[:2] == (5923, 6742)
    rising = recipe(imbalance={"counts": list(range(11, 21))})
    assert rising.class_counts() == tuple(range(11, 21))
    assert rising.epoch_length() == sum(range(11, 21))


def test_every_nth_epoch_and_the_last_are_measured():
    def epochs(total, every):
        protocol = PROTOCOL | {"epochs": total}
        return sorted(recipe(protocol=protocol, measure_every=every, keep_checkpoints="measured").checkpoint_epochs())

    assert epochs(10, 3) == [3, 6, 9, 10]
    assert epochs(9, 3) == [3, 6, 9]
    assert epochs(4, 9) == [4]
    assert "measure_every" not in identity(recipe())


def test_unequal_counts_have_the_ratio_that_they_have():
    unequal = recipe(imbalance={"counts": [100] * 9 + [40]})
    assert unequal.class_counts() == (100,) * 9 + (40,)
    assert unequal.imbalance.ratio == 2.5
    assert recipe(imbalance={"counts": [100] * 9 + [20]}).imbalance.ratio == 5
    assert Recipe.model_validate_json(unequal.model_dump_json()) == unequal


def test_a_grid_may_state_numbers_with_equal_ratios():
    """Papyan et al. 2020 take 25 learning rates from 0.0001 to 0.25."""
    block = spelled_out({"learning_rate": {"logspace": [1e-4, 0.25, 25]}, "first_phase": {"epochs": 1}}, "test")
    rates = block["learning_rate"]
    assert (len(rates), rates[0], rates[-1]) == (25, 1e-4, 0.25)
    assert all(high / low == pytest.approx(2500 ** (1 / 24)) for low, high in itertools.pairwise(rates))
    assert block["first_phase"] == {"epochs": 1}


def test_a_block_wins_over_what_is_common_and_its_lists_give_the_order(tmp_path):
    shutil.copytree(PAPER, tmp_path / "mine")
    grid = "deviations: none\ncommon: {dataset: mnist, model: mlp, n_major: [40, 80]}\n"
    grid += "tables:\n  fig6: [{k_major: [3, 7], dataset: digits, ratio: 20}]\n"
    (tmp_path / "mine/scales/demo.yaml").write_text(grid)
    for name in ("small", "paper"):
        (tmp_path / f"mine/scales/{name}.yaml").unlink()
    text = re.sub(r"    claims:\n(      .*\n)*", "", (tmp_path / "mine/paper.yaml").read_text())
    (tmp_path / "mine/paper.yaml").write_text(text)
    points = [*Plan(load_paper(tmp_path / "mine"), "demo", SEEDS).grids["fig6"].points()]
    found = [(point.recipe.dataset, point.value("k_major"), point.recipe.imbalance.n_major) for point in points]
    assert found == [("digits", 3, 40), ("digits", 3, 80), ("digits", 7, 40), ("digits", 7, 80)]


def test_what_a_table_measures_is_said_by_it_or_by_its_grid(tmp_path):
    """The grid's own axis wins; neither has a part in the training."""
    asked = "        measure: {bn_modes: [eval]}\n        columns: [cos_minor]"
    mistaken(PAPER, tmp_path / "mine", "        columns: [cos_minor]", asked)
    before, after = (Plan(load_paper(path), "demo", SEEDS) for path in (PAPER, tmp_path / "mine"))
    assert {measuring for _, _, measuring in before.points["fig4"]} == {"all"}
    (measuring,) = {measuring for _, _, measuring in after.points["fig4"]}
    assert after.measurings[measuring].bn_modes == ("eval",)
    assert [cell for _, cell, _ in before.points["fig4"]] == [cell for _, cell, _ in after.points["fig4"]]
    axes = {"dataset": "digits", "model": "mlp", "counts": [9] * 10, "held_out": 3}
    assert resolve(axes, PROTOCOL, "test", measure={"held_out": 5})[1].held_out == 3


def test_the_number_of_classes_is_a_key_column_that_no_grid_has_to_state(tmp_path):
    keys = "key_columns: [dataset, model, k_major, ratio, oversampling"
    mistaken(PAPER, tmp_path / "mine", keys, f"{keys}, num_classes")
    plan = Plan(load_paper(tmp_path / "mine"), "demo", SEEDS)
    assert {axes["num_classes"] for axes, _, _ in plan.points["fig4"]} == {10}


def test_latent_classes_double_the_labels():
    assert recipe().num_labels() == 10
    assert recipe(labels={"latent": 0.5}).num_labels() == 20


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"imbalance": {"counts": [0] * 10}}, "every class needs a positive number of samples"),
        ({"imbalance": {"counts": 5}}, "counts is all, or a number for each class (in a grid: [[5, 5]]), not 5"),
        ({"imbalance": {"counts": [5, 6]}}, "counts has 2 entries: digits has 10 classes"),
        ({"imbalance": {"counts": [141] * 10}}, "digits holds 140 train samples of class 0"),
        ({"imbalance": {"counts": "all", "ratio": 7}}, "give counts or ratio, not both"),
        ({"labels": {"noise": 1.2}}, "labels.noise: Input should be less than or equal to 1"),
        ({"labels": {"nois": 0.2}}, "unknown key nois; valid keys: noise, latent, shuffled"),
        ({"architecture": {"depth": 7}}, "depth is now layers, which counts the classifier too: 8 for depth: 7"),
        ({"architecture": {"classifier": "simplex"}}, "simplex is now fixed_etf"),
        ({"model": "vgg11", "architecture": {"head": "none"}}, "head is now dense_layers: 2 for head: dense, 0 for"),
        ({"architecture": {"layers": 1}}, "greater than or equal to 2"),
        ({"architecture": {"hidden": [30, 50], "layers": 4}}, "give hidden or layers, not both"),
        ({"architecture": {"widht": 3}}, "unknown key widht; valid keys: "),
        ({"architecture": {"norm_after_activation": True, "batch_norm": False}}, "norm_after_activation needs"),
        ({"model": "resnet18", "architecture": {"width": 3}}, "unknown key width; valid keys: "),
        ({"imbalance": {"counts": [5] * 12}}, "counts has 12 entries: digits has 10 classes"),
        ({"mean": [0.5, 0.5, 0.5]}, "mean has 3 values: images of digits have 1 channel"),
        ({"std": [0.5, 0.5]}, "std has 2 values: images of digits have 1 channel"),
        ({"protocol": PROTOCOL | {"milestones": [117, 233]}}, "milestones are fractions of the epochs"),
        ({"protocol": PROTOCOL | {"milestones": ["1/3", 1]}}, "milestones are fractions of the epochs"),
        ({"protocol": PROTOCOL | {"milestones": ["2/3", "1/3"]}}, "milestones must rise"),
        ({"protocol": PROTOCOL | {"milestones": ["1/3", "1/3"]}}, "milestones must rise"),
        ({"architecture": {"hidden": [30, 50], "width": 40}}, "give hidden or width, not both"),
        ({"measure_every": 2, "measurements": 3, "keep_checkpoints": "measured"}, "give measurements or measure_every"),
        ({"measure_every": 2}, "measure_every needs keep_checkpoints: measured"),
        ({"keep_checkpoints": "some"}, "keep_checkpoints: Input should be 'last', 'measured' or 'all'"),
    ],
)  # fmt: skip
def test_a_recipe_that_can_not_be_run_says_why(changed, message):
    with pytest.raises(ConfigError) as error:
        recipe(**changed)
    assert message in str(error.value)


def test_widths_follow_from_the_hidden_layers():
    options = recipe(architecture={"hidden": [30, 50, 40]}).options()
    assert (options.layers, options.width, options.widths()) == (4, 50, (30, 50, 40))


def test_narrow_perceptrons_are_not_worth_a_gpu():
    protocol = {"learning_rate": 0.1, "weight_decay": 0, "batch_size": 128, "epochs": 600}
    deep = {"dataset": "fashion_mnist", "imbalance": {"counts": [100] * 10}, "protocol": protocol}
    assert not worth_a_gpu(recipe(**deep, architecture={"width": 100, "layers": 20}))
    assert worth_a_gpu(recipe(**deep, architecture={"width": 1000, "layers": 20}))
    assert worth_a_gpu(recipe(**deep, model="resnet18"))


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        ({"n_major": 6000, "ratio": 1000}, (6000, 6)),
        ({"n_major": 6000, "ratio": 3000}, (6000, 2)),
        ({"n_minor": 5, "ratio": 1000}, (5000, 5)),
        ({"n_major": 5000, "ratio": "inf"}, (5000, 0)),
        ({"n_major": 140, "ratio": 140}, (140, 1)),
        ({"n_major": 140, "n_minor": 7, "ratio": 20}, (140, 7)),
    ],
)
def test_counts_follow_from_the_ratio(given, counts):
    imbalance = Imbalance(k_major=3, **given)
    assert (imbalance.n_major, imbalance.n_minor) == counts
    assert imbalance.class_counts(5) == (counts[0],) * 3 + (counts[1],) * 2
