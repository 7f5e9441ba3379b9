import json
import math

import pandas as pd
import pytest

from collapse.claims.check import check
from collapse.claims.language import Claim
from collapse.paper import Best, Column
from collapse.plan import TableSpec
from collapse.tables import CutOff, NoSuchValue, Outdated, seeds_table, summary
from collapse.theory.layer_peeled import solve
from collapse.theory.predictions import layer_peeled

SPEC = TableSpec.model_validate(
    {
        "grid": {
            "blocks": [
                {"dataset": "digits", "model": "mlp", "k_major": [3, 7], "n_major": 140, "ratio": [1, 70]},
            ],
            "protocol": {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0, "batch_size": 60, "epochs": 2},
            "changes": {},
            "seeds": [0, 1],
            "variant": "majority-{k_major}_ratio-{ratio}",
            "source": "test",
        },
        "key_columns": ["dataset", "k_major", "ratio", "oversampling"],
        "columns": {"cos_minor": {"metric": "cosine_mean", "layer": "classifier", "split": "-", "classes": "minority"}},
    }
)

HEADER = ["epoch", "split", "layer", "bn_mode", "classes", "metric", "value", "reason"]
CLAIM = {"statement": "s", "figure": "f", "table": "t", "column": "cos_minor", "condition": {"above": 0}}
CLAIM |= {"published": {"value": "v", "source": "s"}}


def went(folder, status, reason=""):
    """Say how the run in a folder went."""
    (folder / "run.json").write_text(json.dumps({"status": status, "reason": reason}))


def measured(epochs):
    """The grid's epochs are measured at: the last alone, or both."""
    blocks = [block | {"measurements": epochs, "keep_checkpoints": "measured"} for block in SPEC.grid.blocks]
    return SPEC.grid.model_copy(update={"blocks": tuple(blocks)})


@pytest.fixture
def runs(tmp_path):
    """Metrics whose value tells which run and which classes they are of: 10 * ratio + first class + seed / 10."""
    for cell, ratio in (("majority-10_ratio-1", 1), ("majority-3_ratio-70", 70), ("majority-7_ratio-70", 70)):
        for seed in (0, 1):
            rows = [
                (
                    epoch,
                    "-",
                    "classifier",
                    "-",
                    f"{first}-9",
                    "cosine_mean",
                    10 * ratio + first + seed / 10 - (2 - epoch),
                )
                for epoch in (1, 2)
                for first in (3, 7)
            ]
            folder = tmp_path / "digits" / "mlp" / cell / f"seed-{seed}"
            folder.mkdir(parents=True)
            pd.DataFrame(rows, columns=HEADER[:-1]).assign(reason="").to_csv(folder / "metrics.csv", index=False)
            went(folder, "ok")
    return tmp_path


def test_a_balanced_run_serves_every_majority(runs):
    table = summary(seeds_table(SPEC, runs), SPEC)
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


def test_metrics_of_an_earlier_version_are_read_under_the_names_of_today(runs):
    for path in runs.rglob("metrics.csv"):
        with path.open("a") as file:
            for layer in ("fc1", "features"):
                file.write(f"2,train,{layer},eval,all,separation,1.0,\n2,train,{layer},eval,all,nc1_quotient,,why\n")
    columns = {"d": Column(metric="separation_fuzziness"), "nc1": Column(metric="nc1_trace_ratio")}
    table = seeds_table(SPEC.model_copy(update={"columns": columns, "rows_per": ("layer",)}), runs)
    assert set(table.layer) == {0, 1}
    assert set(table.d) == {1.0}
    assert table.nc1.isna().all()
    assert set(table.reason) == {"nc1: why"}


def test_a_column_is_of_one_batch_norm_mode(runs):
    column = {"metric": "separation_fuzziness", "layer": "fc1", "bn_mode": "train"}
    for path in runs.rglob("metrics.csv"):
        with path.open("a") as file:
            file.write(
                "2,train,fc1,eval,all,separation_fuzziness,1.0,\n2,train,fc1,train,all,separation_fuzziness,3.0,\n"
            )
    spec = SPEC.model_copy(update={"columns": {"d": Column.model_validate(column)}})
    assert set(seeds_table(spec, runs).d) == {3.0}
    spec = SPEC.model_copy(update={"columns": {"d": Column.model_validate(column | {"bn_mode": "eval"})}})
    assert set(seeds_table(spec, runs).d) == {1.0}


def test_a_table_within_runs_has_a_row_for_each_epoch_layer_and_mode(runs):
    for path in runs.rglob("metrics.csv"):
        with path.open("a") as file:
            for epoch in (1, 2):
                for i, layer in enumerate(("flatten", "block.inner", "block", "features", "logits")):
                    for mode in ("eval", "train"):
                        value = 100 * epoch + 10 * i + (mode == "train")
                        file.write(f"{epoch},train,{layer},{mode},all,separation_fuzziness,{value},\n")
    changed = {"rows_per": ("epoch", "layer", "bn_mode"), "columns": {"d": Column(metric="separation_fuzziness")}}
    changed |= {"grid": measured(2)}
    spec = SPEC.model_copy(update=changed)
    table = summary(seeds_table(spec, runs), spec)
    one = table[(table.k_major == 7) & (table.ratio == 70)].set_index(["epoch", "layer", "bn_mode"])
    assert len(one) == 2 * 3 * 2  # what is inside a layer, and the logits, are no measured layers
    assert one.d_mean[1, 0, "eval"] == 100
    assert one.d_mean[2, 1, "train"] == 221
    assert one.d_mean[2, 2, "eval"] == 230
    assert (one.d_n == 2).all()
    assert set(seeds_table(spec.model_copy(update={"grid": measured(1)}), runs).epoch) == {2}  # as the recipe asks
    spec = spec.model_copy(update={"rows_per": ("layer",)})
    assert set(seeds_table(spec, runs).d) == {200, 220, 230}  # the last epoch, in eval mode


def test_a_run_that_diverged_has_no_value_at_the_end_and_says_why(runs):
    """It is measured at its last finite epoch, 1: that is not the value of the end."""
    folder = runs / "digits" / "mlp" / "majority-7_ratio-70" / "seed-1"
    lines = (folder / "metrics.csv").read_text().splitlines(keepends=True)
    (folder / "metrics.csv").write_text("".join(line for line in lines if not line.startswith("2,")))
    went(folder, "diverged", "diverged in epoch 2: loss not finite")
    seeds = seeds_table(SPEC, runs)
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
    spec = SPEC.model_copy(update={"grid": measured(2), "rows_per": ("epoch",)})
    by_epoch = seeds_table(spec, runs)
    by_epoch = by_epoch[(by_epoch.k_major == 7) & (by_epoch.ratio == 70) & (by_epoch.seed == 1)]
    assert list(by_epoch.cos_minor.isna()) == [False, True]


def test_an_untrained_run_is_measured_counted_and_said(runs):
    folder = runs / "digits" / "mlp" / "majority-7_ratio-70" / "seed-1"
    went(folder, "untrained", "majority accuracy stays at chance: 0.100 on the train set")
    seeds = seeds_table(SPEC, runs)
    table = summary(seeds, SPEC).set_index(["k_major", "ratio"])
    assert (table.cos_minor_n[7, 70], table.runs[7, 70]) == (2, "1 ok, 1 untrained")
    found = check("c", Claim.model_validate(CLAIM), seeds, list(SPEC.key_columns), "demo")
    assert "1 of 8 values are of runs that did not train (majority accuracy stays at chance: 0.100" in found["reason"]


def test_a_missing_value_keeps_the_metrics_reason(runs):
    for path in runs.rglob("metrics.csv"):
        path.write_text(path.read_text() + "2,train,features,eval,all,nc1,,rank lost\n")
    spec = SPEC.model_copy(update={"columns": SPEC.columns | {"nc1": Column(metric="nc1")}})
    table = seeds_table(spec, runs)
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
    for path in runs.rglob("metrics.csv"):
        path.write_text(path.read_text() + "2,train,features,eval,all,separation_fuzziness,1,\n")
    spec = SPEC.model_copy(update={"columns": SPEC.columns | {"d": Column.model_validate(column)}})
    with pytest.raises(NoSuchValue, match=message):
        seeds_table(spec, runs)


def test_a_layer_that_only_some_networks_have_is_missing_in_the_others(runs):
    path = runs / "digits" / "mlp" / "majority-7_ratio-70" / "seed-1" / "metrics.csv"
    path.write_text(path.read_text() + "2,train,fc9,eval,all,separation_fuzziness,1,\n")
    spec = SPEC.model_copy(update={"columns": SPEC.columns | {"d": Column(metric="separation_fuzziness", layer="fc9")}})
    table = seeds_table(spec, runs)
    assert list(table.d.dropna()) == [1]
    assert set(table[table.d.isna()].reason) == {"d: not measured here"}


def test_a_run_of_an_earlier_version_or_without_run_json_is_named(runs):
    folder = runs / "digits" / "mlp" / "majority-7_ratio-70" / "seed-1"
    went(folder, "failed", "the loss is not finite in epoch 2")
    with pytest.raises(Outdated, match="seed-1 was made by an earlier version"):
        seeds_table(SPEC, runs)
    (folder / "run.json").unlink()
    with pytest.raises(CutOff, match=r"seed-1/run\.json can not be read"):
        seeds_table(SPEC, runs)


def test_what_a_network_answers_stands_beside_both_modes(runs):
    for path in runs.rglob("metrics.csv"):
        with path.open("a") as file:
            file.write("2,train,network,eval,all,accuracy,0.75,\n")
    columns = {"accuracy": Column.model_validate({"metric": "accuracy", "layer": "network"})}
    table = seeds_table(SPEC.model_copy(update={"rows_per": ("bn_mode",), "columns": columns}), runs)
    assert list(table.accuracy[:2]) == [0.75, 0.75]
    assert list(table.bn_mode[:2]) == ["eval", "train"]


def test_what_is_inside_a_layer_is_a_layer_where_asked(runs):
    for path in runs.rglob("metrics.csv"):
        with path.open("a") as file:
            for i, layer in enumerate(("flatten", "block.inner", "block", "logits")):
                file.write(f"2,train,{layer},eval,all,separation_fuzziness,{i},\n")
    changed = {"rows_per": ("layer",), "columns": {"d": Column(metric="separation_fuzziness")}, "inside": True}
    table = seeds_table(SPEC.model_copy(update=changed), runs)
    assert list(table.d[:3]) == list(table.layer[:3]) == [0, 1, 2]


def test_the_best_value_of_an_axis_is_chosen_by_each_column_over_the_seeds(runs):
    """Held-out accuracy prefers ratio 70 (though seed 0 alone does not), test accuracy ratio 1."""
    accuracies = {1: {"held_out": (0.8, 0.5), "test": (0.9, 0.9)}, 70: {"held_out": (0.7, 0.7), "test": (0.6, 0.6)}}
    for path in runs.rglob("metrics.csv"):
        ratio, seed = int(path.parts[-3].rpartition("-")[2]), int(path.parts[-2][-1])
        with path.open("a") as file:
            for split, values in accuracies[ratio].items():
                file.write(f"2,{split},network,eval,all,accuracy,{values[seed]},\n")
    columns = {
        split: Column.model_validate({"metric": "accuracy", "layer": "network", "split": split})
        for split in ("held_out", "test")
    }
    best = Best(along="ratio", by=("held_out", "test"))
    spec = SPEC.model_copy(update={"columns": SPEC.columns | columns, "best": best})
    table = summary(seeds_table(spec, runs), spec)
    assert list(table)[:5] == ["dataset", "k_major", "ratio", "oversampling", "chosen_by"]
    chosen = table.set_index(["chosen_by", "k_major"])
    assert dict(chosen.ratio) == {("held_out", 3): 70, ("held_out", 7): 70, ("test", 3): 1, ("test", 7): 1}
    assert chosen.held_out_mean["held_out", 7] == pytest.approx(0.7)
    assert (table.cos_minor_n == 2).all()
    for path in runs.rglob("metrics.csv"):  # every run diverged: the first stands for them
        path.write_text(",".join(HEADER) + "\n")
        went(path.parent, "diverged", "diverged in epoch 1: loss not finite")
    failed = summary(seeds_table(spec, runs), spec)
    assert set(failed.ratio) == {1}
    assert set(failed.cos_minor_n) == {0}


def test_rename_names_a_block_in_the_table_and_changes_no_run(runs):
    renamed = SPEC.grid.blocks[0] | {"rename": {"dataset": "handwriting", "oversampling": "none"}}
    grid = SPEC.grid.model_copy(update={"blocks": (renamed,)})
    spec = SPEC.model_copy(update={"grid": grid, "spread": False})
    table = summary(seeds_table(spec, runs), spec)
    assert set(table.dataset) == {"handwriting"}
    assert set(table.oversampling) == {"none"}
    assert [point.recipe for point in grid.points()] == [point.recipe for point in SPEC.grid.points()]
    assert list(table) == ["dataset", "k_major", "ratio", "oversampling", "cos_minor", "cos_minor_n", "runs"]
    assert table.cos_minor[0] == pytest.approx(13.05)


def test_the_layer_peeled_model_is_solved_at_the_energies_measured(runs):
    """At those of the run itself, and of the run with R = 1 and the same seed; at R = inf those of the majority."""
    energies = {"0-6": 7.0, "0-2": 3.0}
    for path in runs.rglob("metrics.csv"):
        ratio = float(path.parts[-3].split("ratio-")[1])
        rows = [f"2,train,features,eval,{classes},energy,{2 * value}," for classes, value in energies.items()]
        # No mean over all classes where one has no samples.
        rows += ["2,-,classifier,-,all,energy,0.5,", f"2,train,features,eval,all,energy,{ratio if ratio < 99 else ''},"]
        with path.open("a") as file:
            file.write("\n".join(rows) + "\n")
    spec = {
        "grid": SPEC.grid.model_dump() | {"blocks": [SPEC.grid.blocks[0] | {"k_major": [7]}]},
        "key_columns": ["dataset", "k_major", "ratio"],
        "columns": {
            "e_h": {"metric": "energy"},
            "e_h_major": {"metric": "energy", "classes": "majority"},
            "e_w": {"metric": "energy", "layer": "classifier", "split": "-"},
        },
        "predictions": {"own": {"theory": "layer_peeled"}, "balanced": {"theory": "layer_peeled", "at": {"ratio": 1}}},
    }
    table = seeds_table(TableSpec.model_validate(spec), runs).set_index(["ratio", "seed"])
    assert table.own[1, 0] == pytest.approx(-1 / 9)
    assert table.own[70, 1] == pytest.approx(float(solve(7, 3, 70 * 0.5, 70).cos_minor), abs=1e-12)
    assert table.balanced[70, 1] == pytest.approx(float(solve(7, 3, 1 * 0.5, 70).cos_minor), abs=1e-12, nan_ok=True)
    values = {"k_major": 7, "ratio": "inf", "oversampling": 1, "e_h": math.nan, "e_h_major": 100.0, "e_w": 0.5}
    assert layer_peeled(values, 10) == float(solve(7, 3, 100 * 0.7 * 0.5, math.inf).cos_minor)
    assert math.isnan(layer_peeled(values | {"e_w": math.nan}, 10))
