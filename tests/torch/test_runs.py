"""The folder of a run, and its statistics: what is taken for what, and what is refused."""

import csv
import json
import shutil

import pytest
import torch

from collapse import measuring as choices
from collapse import runs
from collapse.atomic_io import DamagedFile, read_json
from collapse.identity import cell_name
from collapse.measuring import Measuring
from collapse.metrics.measure import measure_file
from collapse.plan import OtherPlan, PlannedRun, plan_digest, plan_text, read_plan
from collapse.runs import WrongRun, check_files, finished, forget, kept_statistics, read_recipe, whole
from collapse.statistics.extract import NoSuchLayer, extract_once, extract_run
from collapse.statistics.origin import measured
from collapse.training.making import RunContext, publish
from collapse.training.run import train_run

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def made(tmp_path_factory, digits):
    """Two runs under their names."""
    folder = tmp_path_factory.mktemp("runs")

    def make(recipe):
        for seed in (0, 1):
            run = folder / cell_name(recipe) / f"seed-{seed}"
            if not (run / "run.json").exists():
                train_run(recipe.at_seed(seed), RunContext(digits, run, CPU, log=lambda line: None))
                publish(run)
        return folder / cell_name(recipe)

    return make


@pytest.fixture
def cell(made, recipe, tmp_path):
    """The two runs, to tamper with."""
    found = made(recipe)
    return shutil.copytree(found, tmp_path / "runs" / found.name)


def test_a_run_under_its_name_is_read_and_taken_for_finished(cell, recipe, digits):
    for seed in (0, 1):
        assert read_recipe(cell / f"seed-{seed}") == recipe.at_seed(seed)
        assert finished(cell / f"seed-{seed}", recipe.at_seed(seed), digits)
    assert not finished(cell / "seed-2", recipe.at_seed(2), digits)


def test_a_run_under_another_hash_or_seed_is_refused(cell, digits, recipe):
    (cell / "seed-1").rename(cell / "seed-5")
    other = cell.rename(cell.with_name(cell.name[:-12] + "0" * 12))
    for seed in (0, 5):
        with pytest.raises(WrongRun, match=f"seed-{seed} holds another run than its name says"):
            read_recipe(other / f"seed-{seed}")
    with pytest.raises(WrongRun):
        finished(other / "seed-0", recipe, digits)


def test_what_is_no_recipe_is_damaged(cell):
    path = cell / "seed-0/recipe.json"
    for text in ("{", "[]", "{}", path.read_text().replace("digits", "nothing")):
        path.write_text(text)
        with pytest.raises(DamagedFile, match=r"recipe\.json"):
            read_recipe(cell / "seed-0")


def test_a_run_of_other_images_is_refused(cell, recipe, digits, tmp_path):
    other = shutil.copytree(digits, tmp_path / "other")
    manifest = json.loads((other / "manifest.json").read_text())
    manifest["splits"]["train"]["sha256"] = "0" * 64
    (other / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(WrongRun, match="was trained on other images than"):
        finished(cell / "seed-0", recipe, other)
    with pytest.raises(WrongRun, match="was trained on other images than"):
        extract_run(cell / "seed-0", other, Measuring(), tmp_path / "statistics.safetensors", CPU)


def test_run_json_vouches_for_every_file(cell, digits, tmp_path):
    folder = cell / "seed-0"
    run = read_json(folder / "run.json")
    assert whole(folder, run)
    for name in ("rows.csv", "history.csv", "recipe.json"):
        before = (folder / name).read_text()
        (folder / name).write_text(before + "\n")
        assert not whole(folder, run)
        with pytest.raises(DamagedFile, match=name):
            check_files(folder, run)
        (folder / name).write_text(before)
    (folder / "rows.csv").write_text((folder / "rows.csv").read_text().replace("row", "rows", 1))
    with pytest.raises(DamagedFile, match=r"rows\.csv is not the file that run\.json describes"):
        extract_run(folder, digits, Measuring(), tmp_path / "statistics.safetensors", CPU)


def test_what_is_forgotten_is_only_ones_own(cell):
    folder = cell / "seed-0"
    for name in ("all", "features"):
        kept_statistics(folder, name).write_text("")
    forget(folder, "all")
    assert [path.name for path in (folder / "state").iterdir()] == ["features.safetensors"]
    forget(folder, "features")
    assert not (folder / "state").exists()


def test_a_file_is_copied_where_a_second_name_is_impossible(tmp_path, monkeypatch):
    def no_links(source, target):
        raise OSError("no hard links here")

    monkeypatch.setattr(runs.os, "link", no_links)
    (tmp_path / "a").write_text("x")
    runs.link(tmp_path / "a", tmp_path / "folder/b")
    assert (tmp_path / "folder/b").read_text() == "x"


@pytest.fixture
def statistics(cell, digits, tmp_path):
    """Statistics of a run, measured as asked; gives their path."""

    def extract(**asked):
        path = tmp_path / f"{Measuring(**asked).name}.safetensors"
        extract_run(cell / "seed-0", digits, Measuring(**asked), path, CPU)
        return path

    return extract


def rows(path):
    """Metrics by place, from statistics."""
    measure_file(path, path.with_suffix(".csv"))
    with path.with_suffix(".csv").open() as file:
        return {tuple(row.values())[:6]: row["value"] for row in csv.DictReader(file)}


def test_statistics_are_known_by_their_run_and_by_what_was_asked(cell, statistics, monkeypatch):
    path, folder = statistics(), cell / "seed-0"
    assert measured(path, folder, Measuring())
    assert not measured(path, folder, Measuring(held_out=1))
    assert not measured(path, cell / "seed-1", Measuring())
    assert not measured(path.with_name("absent"), folder, Measuring())
    with monkeypatch.context() as patch:
        patch.setattr(choices, "VERSION", 2)
        assert not measured(path, folder, Measuring())
        assert Measuring().name != "all"
    path.write_bytes(path.read_bytes()[:100])
    assert not measured(path, folder, Measuring())


def test_who_extracts_second_leaves_the_metrics_that_another_made_meanwhile(cell, digits):
    """Two Snakemakes on one folder of results: the second one's job waits for the first one's lock."""
    folder = cell / "seed-0"
    path = folder / Measuring().name / "statistics.safetensors"
    path.parent.mkdir()
    metrics = path.with_name("metrics.csv")
    metrics.write_text("of other statistics")
    extract_once(folder, digits, Measuring(), path, CPU)
    assert path.exists()
    assert not metrics.exists()
    metrics.write_text("of these")
    extract_once(folder, digits, Measuring(), path, CPU)
    assert metrics.read_text() == "of these"


def test_fewer_layers_and_modes_have_the_same_values_where_they_are_measured(statistics):
    every = rows(statistics())
    features, some, in_eval = (
        rows(statistics(**asked))
        for asked in ({"measured_layers": "features"}, {"measured_layers": ("fc1",)}, {"bn_modes": ("eval",)})
    )
    fitted = {"layers", "layers_inside"}  # a decay over fewer layers is another
    for found in (features, some, in_eval):
        alone = {place: value for place, value in found.items() if place[2] not in fitted}
        assert alone.items() <= every.items()
    at = {name: {place[2] for place in found} for name, found in (("features", features), ("some", some))}
    assert {"features", "logits"} < at["features"]
    assert "fc1" not in at["features"]
    assert "fc1" in at["some"]
    assert "flatten" not in at["some"]
    assert {place[3] for place in in_eval} == {"eval", "-"}


def test_a_layer_that_the_network_lacks_is_refused_with_those_it_has(statistics):
    with pytest.raises(NoSuchLayer, match="the network has no layer fc9; it has flatten, fc1, features"):
        statistics(measured_layers=("fc9",))


def test_a_group_of_classes_is_measured_where_asked(statistics):
    assert "2-5" in {place[4] for place in rows(statistics(groups=("2-5",)))}


VALUES = [None, True, 0.1, 1e-05, 7, "inf", "1", "null", "text", [1, 2], ["a", None], "[1]", "0.1", "NaN"]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_plan_gives_every_value_back_as_it_was(value, tmp_path):
    planned = [PlannedRun({"axis": value, "other": "a,b"}, 3, "digits/mlp/x-0123456789ab", "all")]
    text = plan_text(planned, ("axis", "other"))
    (tmp_path / "plan.csv").write_text(text)
    assert read_plan(tmp_path / "plan.csv", plan_digest(text)) == planned
    assert type(read_plan(tmp_path / "plan.csv", plan_digest(text))[0].axes["axis"]) is type(value)


def test_another_plan_than_the_jobs_is_refused(tmp_path):
    (tmp_path / "plan.csv").write_text("other")
    for path in (tmp_path / "plan.csv", tmp_path / "absent.csv"):
        with pytest.raises(OtherPlan, match="another Snakemake with other settings"):
            read_plan(path, plan_digest("mine"))


def test_planned_runs_have_a_folder():
    assert PlannedRun({}, 2, "digits/mlp/x-0123456789ab", "all").folder == "digits/mlp/x-0123456789ab/seed-2"
