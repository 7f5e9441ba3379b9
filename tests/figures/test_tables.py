import json
import math

import pandas as pd
import pytest

from collapse.atomic_io import DamagedFile
from collapse.claims.check import check
from collapse.claims.language import Claim
from collapse.grid import Grid
from collapse.identity import cell_name
from collapse.plan import PlannedRun, TableSpec
from collapse.runs import WrongRun
from collapse.table import Best, Column, Table
from collapse.tables import NoSuchValue, seeds_table, summary
from collapse.theory.layer_peeled import solve
from collapse.theory.predictions import layer_peeled, unconstrained_margin

GRID = Grid(
    blocks=({"dataset": "digits", "model": "mlp", "k_major": [3, 7], "n_major": 140, "ratio": [1, 70]},),
    protocol={"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0, "batch_size": 60, "epochs": 2},
    source="test",
)
SPEC = TableSpec.model_validate(
    {
        "source": "test",
        "key_columns": ["dataset", "k_major", "ratio", "oversampling"],
        "columns": {"cos_minor": {"metric": "cosine_mean", "layer": "classifier", "split": "-", "classes": "minority"}},
    }
)

HEADER = ["epoch", "split", "layer", "bn_mode", "classes", "metric", "value", "reason"]
CLAIM = {"statement": "s", "figure": "f", "table": "t", "column": "cos_minor", "condition": {"above": 0}}
CLAIM |= {"published": {"value": "v", "source": "s"}}


def planned(grid=GRID, keys=SPEC.key_columns):
    """The runs of a grid, at seeds 0 and 1."""
    return [
        PlannedRun({key: point.value(key) for key in keys}, seed, cell_name(point.recipe), point.measuring.name)
        for point in grid.points()
        for seed in (0, 1)
    ]


def at_both_epochs():
    """The grid, measured at both epochs."""
    (block,) = GRID.blocks
    return GRID.model_copy(update={"blocks": (block | {"measurements": 2, "keep_checkpoints": "measured"},)})


def read(results, spec=SPEC, grid=GRID):
    """The table over a grid's runs."""
    return seeds_table(spec, planned(grid, spec.key_columns), results)


def folder_of(results, k_major, ratio, seed):
    """Folder of the metrics of one run of GRID."""
    wanted = {"k_major": k_major, "ratio": ratio}
    (found,) = [run for run in planned() if wanted.items() <= run.axes.items() and run.seed == seed]
    return results / "runs" / found.folder / "all"


def metrics(results):
    """metrics.csv of every run, with the run's ratio and seed."""
    for path in sorted((results / "runs").rglob("metrics.csv")):
        recipe = json.loads((path.parents[1] / "recipe.json").read_text())
        yield path, recipe["imbalance"]["ratio"], recipe["seeds"]["init"]


def went(folder, status, reason="", zero_error=None):
    """Say how the run with its metrics in a folder went."""
    run = {"status": status, "reason": reason, "dataset_sha256": "0", "first_zero_error_epoch": zero_error}
    (folder.parent / "run.json").write_text(json.dumps(run))


def made(results, grid=GRID):
    """Metrics whose value tells which run and which classes they are of: 10 * ratio + first class + seed / 10."""
    for point in grid.points():
        for seed in (0, 1):
            rows = [
                (
                    epoch,
                    "-",
                    "classifier",
                    "-",
                    f"{first}-9",
                    "cosine_mean",
                    10 * point.recipe.imbalance.ratio + first + seed / 10 - (2 - epoch),
                )
                for epoch in (1, 2)
                for first in (3, 7)
            ]
            folder = results / "runs" / cell_name(point.recipe) / f"seed-{seed}" / "all"
            folder.mkdir(parents=True, exist_ok=True)
            pd.DataFrame(rows, columns=HEADER[:-1]).assign(reason="").to_csv(folder / "metrics.csv", index=False)
            (folder.parent / "recipe.json").write_text(point.recipe.at_seed(seed).model_dump_json())
            went(folder, "ok")
    return results


@pytest.fixture
def runs(tmp_path):
    return made(tmp_path)


def test_a_balanced_run_serves_every_majority(runs):
    table = summary(read(runs), SPEC)
    columns = ["dataset", "k_major", "ratio", "oversampling", "cos_minor_mean", "cos_minor_std", "cos_minor_n", "runs"]
    assert list(table) == columns
    values = table.set_index(["k_major", "ratio"])
    assert values.cos_minor_mean[3, 1] == pytest.approx(13.05)  # the last epoch's, the minority being 3-9
    assert values.cos_minor_mean[7, 1] == pytest.approx(17.05)
    assert values.cos_minor_mean[7, 70] == pytest.approx(707.05)
    assert values.cos_minor_std[7, 70] == pytest.approx(0.1 / math.sqrt(2))
    assert (table.cos_minor_n == 2).all()
    assert set(table.runs) == {"2 ok"}
    assert (table.oversampling == 1).all()


def test_a_table_may_have_the_median_of_its_seeds():
    seeds = pd.DataFrame({"dataset": "digits", "seed": range(3), "cos_minor": [1.0, 2.0, 9.0], "status": "ok"})
    spec = SPEC.model_copy(update={"key_columns": ("dataset",), "median": True})
    (row,) = summary(seeds, spec).to_dict("records")
    assert (row["cos_minor_mean"], row["cos_minor_median"]) == (4, 2)
    assert "cos_minor_median" not in summary(seeds, spec.model_copy(update={"median": False}))


def test_a_column_is_of_one_batch_norm_mode(runs):
    column = {"metric": "separation_fuzziness", "layer": "fc1", "bn_mode": "train"}
    for path, _, _ in metrics(runs):
        with path.open("a") as file:
            file.write(
                "2,train,fc1,eval,all,separation_fuzziness,1.0,\n2,train,fc1,train,all,separation_fuzziness,3.0,\n"
            )
    spec = SPEC.model_copy(update={"columns": {"d": Column.model_validate(column)}})
    assert set(read(runs, spec).d) == {3.0}
    spec = SPEC.model_copy(update={"columns": {"d": Column.model_validate(column | {"bn_mode": "eval"})}})
    assert set(read(runs, spec).d) == {1.0}


def test_a_table_within_runs_has_a_row_for_each_epoch_layer_and_mode(tmp_path):
    both = at_both_epochs()
    for grid in (GRID, both):
        made(tmp_path, grid)
    for path, _, _ in metrics(tmp_path):
        with path.open("a") as file:
            for epoch in (1, 2):
                for i, layer in enumerate(("flatten", "block.inner", "block", "features", "logits")):
                    for mode in ("eval", "train"):
                        value = 100 * epoch + 10 * i + (mode == "train")
                        file.write(f"{epoch},train,{layer},{mode},all,separation_fuzziness,{value},\n")
    changed = {"rows_per": ("epoch", "layer", "bn_mode"), "columns": {"d": Column(metric="separation_fuzziness")}}
    spec = SPEC.model_copy(update=changed)
    table = summary(read(tmp_path, spec, both), spec)
    one = table[(table.k_major == 7) & (table.ratio == 70)].set_index(["epoch", "layer", "bn_mode"])
    assert len(one) == 2 * 3 * 2  # what is inside a layer, and the logits, are no measured layers
    assert one.d_mean[1, 0, "eval"] == 100
    assert one.d_mean[2, 1, "train"] == 221
    assert one.d_mean[2, 2, "eval"] == 230
    assert (one.d_n == 2).all()
    assert set(read(tmp_path, spec).epoch) == {2}  # as the recipe asks
    spec = spec.model_copy(update={"rows_per": ("layer",)})
    assert set(read(tmp_path, spec, both).d) == {200, 220, 230}  # the last epoch, in eval mode


def test_a_run_that_diverged_has_no_value_at_the_end_and_says_why(runs):
    """It is measured at its last finite epoch, 1: that is not the value of the end."""
    folder = folder_of(runs, 7, 70, 1)
    lines = (folder / "metrics.csv").read_text().splitlines(keepends=True)
    (folder / "metrics.csv").write_text("".join(line for line in lines if not line.startswith("2,")))
    went(folder, "diverged", "diverged in epoch 2: loss not finite")
    seeds = read(runs)
    row = seeds[(seeds.k_major == 7) & (seeds.ratio == 70) & (seeds.seed == 1)].iloc[0]
    assert math.isnan(row.cos_minor)
    assert (row.status, row.reason) == ("diverged", "diverged in epoch 2: loss not finite")
    table = summary(seeds, SPEC).set_index(["k_major", "ratio"])
    assert (table.cos_minor_n[7, 70], table.cos_minor_n[3, 70]) == (1, 2)
    assert table.runs[7, 70] == "1 ok, 1 diverged"
    assert table.cos_minor_mean[7, 70] == pytest.approx(707)
    assert math.isnan(table.cos_minor_std[7, 70])
    for how in ({}, {"across": "ratio", "reduce": "change"}, {"mean_over": ["ratio"]}):
        found = check("c", Claim.model_validate(CLAIM | how), seeds, list(SPEC.key_columns), "demo")
        assert found["verdict"] == "undefined"
        assert found["reason"] == "1 of 2 values are missing: diverged in epoch 2: loss not finite"


def test_a_run_that_diverged_has_its_value_at_the_last_finite_epoch(tmp_path):
    both = at_both_epochs()
    made(tmp_path, both)
    for path, _, _ in metrics(tmp_path):
        path.write_text("".join(line for line in path.read_text().splitlines(True) if not line.startswith("2,")))
        went(path.parent, "diverged", "diverged in epoch 2: loss not finite")
    table = read(tmp_path, SPEC.model_copy(update={"rows_per": ("epoch",)}), both)
    assert list(table.cos_minor.isna()[:2]) == [False, True]


def test_an_untrained_run_is_measured_counted_and_said(runs):
    folder = folder_of(runs, 7, 70, 1)
    went(folder, "untrained", "majority accuracy stays at chance: 0.100 on the train set")
    seeds = read(runs)
    table = summary(seeds, SPEC).set_index(["k_major", "ratio"])
    assert (table.cos_minor_n[7, 70], table.runs[7, 70]) == (2, "1 ok, 1 untrained")
    found = check("c", Claim.model_validate(CLAIM), seeds, list(SPEC.key_columns), "demo")
    assert "1 of 8 values are of runs that did not train (majority accuracy stays at chance: 0.100" in found["reason"]


def test_a_missing_value_keeps_the_metrics_reason(runs):
    for path, _, _ in metrics(runs):
        path.write_text(path.read_text() + "2,train,features,eval,all,nc1,,rank lost\n")
    spec = SPEC.model_copy(update={"columns": SPEC.columns | {"nc1": Column(metric="nc1")}})
    table = read(runs, spec)
    assert set(table.reason) == {"nc1: rank lost"}
    assert set(summary(table, spec).nc1_n) == {0}
    assert set(summary(table, spec).cos_minor_n) == {2}  # of each column its own number
    found = check("c", Claim.model_validate(CLAIM | {"column": "nc1"}), table, list(spec.key_columns), "demo")
    assert (found["verdict"], found["reason"]) == ("undefined", "2 of 2 values are missing: rank lost")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"metric": "nc1", "layer": "fetures"}, "asks for layer fetures, which none of its runs has; they have c"),
        ({"metric": "nc1", "layer": "features"}, "asks for metric nc1, which none of its runs has; they have se"),
        ({"metric": "separation_fuzziness", "layer": "features", "split": "test"}, "asks for split test, which none"),
        ({"metric": "separation_fuzziness", "bn_mode": "train"}, "in bn_mode train, which none of its runs has; they"),
    ],
)  # fmt: skip
def test_a_column_that_matches_nothing_is_an_error_that_lists_what_there_is(runs, column, message):
    """Before, it was an empty figure."""
    for path, _, _ in metrics(runs):
        path.write_text(path.read_text() + "2,train,features,eval,all,separation_fuzziness,1,\n")
    spec = SPEC.model_copy(update={"columns": SPEC.columns | {"d": Column.model_validate(column)}})
    with pytest.raises(NoSuchValue, match=message):
        read(runs, spec)


def test_a_layer_that_only_some_networks_have_is_missing_in_the_others(runs):
    path = folder_of(runs, 7, 70, 1) / "metrics.csv"
    path.write_text(path.read_text() + "2,train,fc9,eval,all,separation_fuzziness,1,\n")
    spec = SPEC.model_copy(update={"columns": SPEC.columns | {"d": Column(metric="separation_fuzziness", layer="fc9")}})
    table = read(runs, spec)
    assert list(table.d.dropna()) == [1]
    assert set(table[table.d.isna()].reason) == {"d: not measured here"}


def test_a_run_without_run_json_is_named(runs):
    (folder_of(runs, 7, 70, 1).parent / "run.json").unlink()
    with pytest.raises(DamagedFile, match=r"seed-1/run\.json can not be read"):
        read(runs)


def test_a_run_of_another_recipe_or_other_images_is_refused_by_name(runs):
    manifest = runs / "data/digits/manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"splits": {"train": {"sha256": "1"}}}))
    with pytest.raises(WrongRun, match="was trained on other images than"):
        read(runs)
    manifest.unlink()
    recipe = folder_of(runs, 7, 70, 1).parent / "recipe.json"
    recipe.write_text(recipe.read_text().replace('"learning_rate":0.1', '"learning_rate":0.2'))
    with pytest.raises(WrongRun, match="seed-1 holds another run than its name says"):
        read(runs)


def test_what_a_network_answers_stands_beside_both_modes(runs):
    for path, _, _ in metrics(runs):
        with path.open("a") as file:
            file.write("2,train,network,eval,all,accuracy,0.75,\n")
    columns = {"accuracy": Column.model_validate({"metric": "accuracy", "layer": "network"})}
    table = read(runs, SPEC.model_copy(update={"rows_per": ("bn_mode",), "columns": columns}))
    assert list(table.accuracy[:2]) == [0.75, 0.75]
    assert list(table.bn_mode[:2]) == ["eval", "train"]


def test_what_is_inside_a_layer_is_a_layer_where_asked(runs):
    for path, _, _ in metrics(runs):
        with path.open("a") as file:
            for i, layer in enumerate(("flatten", "block.inner", "block", "logits")):
                file.write(f"2,train,{layer},eval,all,separation_fuzziness,{i},\n")
    changed = {"rows_per": ("layer",), "columns": {"d": Column(metric="separation_fuzziness")}, "inside": True}
    table = read(runs, SPEC.model_copy(update=changed))
    assert list(table.d[:3]) == list(table.layer[:3]) == [0, 1, 2]


def test_the_best_value_of_an_axis_is_chosen_by_each_column_over_the_seeds(runs):
    """Held-out accuracy prefers ratio 70 (though seed 0 alone does not), test accuracy ratio 1."""
    accuracies = {1: {"held_out": (0.8, 0.5), "test": (0.9, 0.9)}, 70: {"held_out": (0.7, 0.7), "test": (0.6, 0.6)}}
    for path, ratio, seed in metrics(runs):
        with path.open("a") as file:
            for split, values in accuracies[ratio].items():
                file.write(f"2,{split},network,eval,all,accuracy,{values[seed]},\n")
    columns = {
        split: Column.model_validate({"metric": "accuracy", "layer": "network", "split": split})
        for split in ("held_out", "test")
    }
    best = Best(along="ratio", by=("held_out", "test"))
    spec = SPEC.model_copy(update={"columns": SPEC.columns | columns, "best": best})
    table = summary(read(runs, spec), spec)
    assert list(table)[:5] == ["dataset", "k_major", "ratio", "oversampling", "chosen_by"]
    chosen = table.set_index(["chosen_by", "k_major"])
    assert dict(chosen.ratio) == {("held_out", 3): 70, ("held_out", 7): 70, ("test", 3): 1, ("test", 7): 1}
    assert chosen.held_out_mean["held_out", 7] == pytest.approx(0.7)
    assert (table.cos_minor_n == 2).all()
    for path, _, _ in metrics(runs):  # every run diverged: the first stands for them
        path.write_text(",".join(HEADER) + "\n")
        went(path.parent, "diverged", "diverged in epoch 1: loss not finite")
    failed = summary(read(runs, spec), spec)
    assert set(failed.ratio) == {1}
    assert set(failed.cos_minor_n) == {0}


def test_rename_names_a_block_in_the_table_and_changes_no_run(runs):
    renamed = GRID.blocks[0] | {"rename": {"dataset": "handwriting", "oversampling": "none"}}
    grid = GRID.model_copy(update={"blocks": (renamed,)})
    spec = SPEC.model_copy(update={"spread": False})
    table = summary(read(runs, spec, grid), spec)
    assert set(table.dataset) == {"handwriting"}
    assert set(table.oversampling) == {"none"}
    assert [point.recipe for point in grid.points()] == [point.recipe for point in GRID.points()]
    assert list(table) == ["dataset", "k_major", "ratio", "oversampling", "cos_minor", "cos_minor_n", "runs"]
    assert table.cos_minor[0] == pytest.approx(13.05)


def test_the_layer_peeled_model_is_solved_at_the_energies_measured(runs):
    """At those of the run itself, and of the run with R = 1 and the same seed; at R = inf those of the majority."""
    energies = {"0-6": 7.0, "0-2": 3.0}
    for path, ratio, _ in metrics(runs):
        rows = [f"2,train,features,eval,{classes},energy,{2 * value}," for classes, value in energies.items()]
        # No mean over all classes where one has no samples.
        rows += ["2,-,classifier,-,all,energy,0.5,", f"2,train,features,eval,all,energy,{ratio if ratio < 99 else ''},"]
        with path.open("a") as file:
            file.write("\n".join(rows) + "\n")
    spec = {
        "source": "test",
        "key_columns": ["dataset", "k_major", "ratio"],
        "columns": {
            "e_h": {"metric": "energy"},
            "e_h_major": {"metric": "energy", "classes": "majority"},
            "e_w": {"metric": "energy", "layer": "classifier", "split": "-"},
        },
        "predictions": {"own": {"theory": "layer_peeled"}, "balanced": {"theory": "layer_peeled", "at": {"ratio": 1}}},
    }
    only_7 = GRID.model_copy(update={"blocks": (GRID.blocks[0] | {"k_major": [7]},)})
    table = read(runs, TableSpec.model_validate(spec), only_7).set_index(["ratio", "seed"])
    assert table.own[1, 0] == pytest.approx(-1 / 9)
    assert table.own[70, 1] == pytest.approx(float(solve(7, 3, 70 * 0.5, 70).cos_minor), abs=1e-12)
    assert table.balanced[70, 1] == pytest.approx(float(solve(7, 3, 1 * 0.5, 70).cos_minor), abs=1e-12, nan_ok=True)
    values = {"k_major": 7, "ratio": "inf", "oversampling": 1, "e_h": math.nan, "e_h_major": 100.0, "e_w": 0.5}
    assert layer_peeled(values, 10) == float(solve(7, 3, 100 * 0.7 * 0.5, math.inf).cos_minor)
    assert math.isnan(layer_peeled(values | {"e_w": math.nan}, 10))


def fitted(results, accuracies, zero_error, status="ok", reason=""):
    """Two runs of one grid point of 30 epochs, whose metric nc1 is 1 / epoch, with train accuracies by epoch."""
    block = {"dataset": "digits", "model": "mlp", "counts": [[9] * 10], "measurements": 9, "measure_initial": True}
    protocol = GRID.protocol | {"epochs": 30}
    grid = Grid(blocks=(block | {"keep_checkpoints": "measured"},), protocol=protocol, source="test")
    for run, known, first in zip(planned(grid, ("dataset",)), accuracies, zero_error, strict=True):
        rows = [
            row
            for epoch, accuracy in known.items()
            for row in (
                (epoch, "train", "network", "eval", "all", "accuracy", accuracy, ""),
                (epoch, "train", "features", "eval", "all", "nc1", 1 / (1 + epoch), ""),
            )
        ]
        folder = results / "runs" / run.folder / "all"
        folder.mkdir(parents=True)
        pd.DataFrame(rows, columns=HEADER).to_csv(folder / "metrics.csv", index=False)
        (point,) = grid.points()
        (folder.parent / "recipe.json").write_text(point.recipe.at_seed(run.seed).model_dump_json())
        went(folder, status, reason, first)
    spec = TableSpec.model_validate(
        {
            "source": "test",
            "key_columns": ["dataset"],
            "moment": ["initial", "zero_error", "tpt", "last"],
            "columns": {"nc1": {"metric": "nc1"}, "accuracy": {"metric": "accuracy", "layer": "network"}},
        }
    )
    return seeds_table(spec, planned(grid, ("dataset",)), results), spec


def test_each_seed_reaches_a_moment_at_an_epoch_of_its_own(tmp_path):
    accuracies = [{0: 0.1, 3: 0.9, 7: 0.9989, 9: 0.999, 30: 1.0}, {0: 0.1, 3: 0.999, 5: 0.998, 20: 1.0, 30: 1.0}]
    table, spec = fitted(tmp_path, accuracies, zero_error=[7, 20])
    epochs = table.pivot(index="seed", columns="moment", values="epoch")
    assert epochs.loc[0].to_dict() == {"initial": 0, "zero_error": 7, "tpt": 9, "last": 30}
    assert epochs.loc[1].to_dict() == {"initial": 0, "zero_error": 20, "tpt": 3, "last": 30}
    assert (table.nc1 == 1 / (1 + table.epoch)).all()
    means = summary(table, spec).set_index("moment")
    assert list(means.index) == ["initial", "zero_error", "tpt", "last"]  # no row for an epoch of one seed
    assert means.epoch_mean.to_dict() == {"initial": 0, "zero_error": 13.5, "tpt": 6, "last": 30}
    assert means.nc1_mean["zero_error"] == pytest.approx((1 / 8 + 1 / 21) / 2)


def test_a_moment_that_a_run_never_reaches_has_no_values_and_says_why(tmp_path):
    accuracies = [{0: 0.1, 9: 0.99, 30: 0.9989}, {0: 0.1, 9: 0.999, 30: 1.0}]
    table, spec = fitted(tmp_path, accuracies, zero_error=[None, 9])
    never = table[table.seed == 0].set_index("moment")
    assert never.nc1.isna().to_dict() == {"initial": False, "zero_error": True, "tpt": True, "last": False}
    assert never.reason["zero_error"].startswith("epoch: no epoch of zero training error; nc1: no epoch")
    assert never.reason["tpt"].startswith("epoch: no measured epoch with a train accuracy of 0.999; nc1: ")
    counts = summary(table, spec).set_index("moment")
    assert counts.epoch_n.to_dict() == {"initial": 2, "zero_error": 1, "tpt": 1, "last": 2}


def test_a_moment_that_no_run_reaches_is_missing_and_no_mistake_of_the_paper(tmp_path):
    table, _ = fitted(tmp_path, [{0: 0.1, 30: 0.5}] * 2, zero_error=[None, None])
    assert table[table.moment == "zero_error"].nc1.isna().all()


def test_a_diverged_run_has_moments_before_its_end_alone(tmp_path):
    reason = "diverged in epoch 12: loss not finite"
    table, _ = fitted(tmp_path, [{0: 0.1, 5: 1.0}] * 2, [5, 5], status="diverged", reason=reason)
    at = table[table.seed == 0].set_index("moment")
    assert at.nc1.isna().to_dict() == {"initial": False, "zero_error": False, "tpt": False, "last": True}
    assert at.reason["last"] == reason


FALLS = {"table": "t", "column": "nc1", "compare": {"moment": ["zero_error", "last"]}, "condition": {"below": 0}}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [([-0.5, -0.4], "holds"), ([0.5, 0.4], "fails"), ([0.0, 0.0], "fails"), ([-0.5, 0.1], "inconclusive")],
)
def test_a_claim_compares_one_moment_with_another(changes, verdict):
    """On tables that do what it says, the opposite, nothing, and both."""
    rows = [
        {"dataset": "digits", "moment": moment, "seed": seed, "nc1": value, "status": "ok", "reason": ""}
        for seed, change in enumerate(changes)
        for moment, value in (("zero_error", 1.0), ("last", 1.0 + change))
    ]
    found = check("c", Claim.model_validate(CLAIM | FALLS), pd.DataFrame(rows), ["dataset", "moment"], "demo")
    assert found["verdict"] == verdict


def test_a_claim_from_a_moment_that_a_seed_never_reached_is_undefined():
    rows = [
        {"dataset": "digits", "moment": moment, "seed": seed, "nc1": value, "status": "ok", "reason": reason}
        for seed in (0, 1)
        for moment, value, reason in (
            ("zero_error", None if seed else 1.0, "nc1: no epoch of zero training error" if seed else ""),
            ("last", 0.5, ""),
        )
    ]
    found = check("c", Claim.model_validate(CLAIM | FALLS), pd.DataFrame(rows), ["dataset", "moment"], "demo")
    assert found["verdict"] == "undefined"
    assert "no epoch of zero training error" in found["reason"]


def test_a_theory_names_the_key_columns_that_it_needs_before_anything_runs():
    given = {"title": "t", "key_columns": ["dataset", "weight_decay"], "columns": {"nc1": {"metric": "nc1"}}}
    with pytest.raises(ValueError, match="theory unconstrained_margin needs the key column feature_decay"):
        Table.model_validate(given | {"predictions": {"margin": {"theory": "unconstrained_margin"}}})


def test_without_a_decay_the_unconstrained_model_has_no_minimiser():
    row = {"weight_decay": 5e-3, "feature_decay": 1e-3, "batch_size": 140, "features": "linear"}
    assert unconstrained_margin(row, 10) == pytest.approx(math.log(1 / math.sqrt(14 * 5e-6) - 9))
    assert math.isnan(unconstrained_margin(row | {"feature_decay": 0}, 10))
