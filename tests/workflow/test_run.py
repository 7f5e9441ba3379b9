"""What a finished figure leaves behind, and what a change makes anew."""

import csv
import json
import re
import shutil

import pytest
import yaml

RUNS = "results/runs/digits/mlp"
DOWNSTREAM = {"tabulate": 1, "check_claims": 1, "render": 1}


@pytest.fixture
def copied(finished, tmp_path):
    return finished.copy(tmp_path)


def one_run(project):
    """Folder of a run of fig6, as its plan says."""
    plan = rows(project.folder / "results/demo/plans/layer_peeled/fig6.csv")
    (found,) = [run for run in plan if (run["oversampling"], run["seed"]) == ("5", "1")]
    assert found["measuring"] == "all"
    assert found["folder"].endswith(f"-{found['hash']}/seed-1")
    return project.folder / "results/runs" / found["folder"]


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_every_stage_leaves_its_file(finished):
    run = one_run(finished)
    assert sorted(path.name for path in run.iterdir()) == [
        ".lock", "all", "checkpoints", "history.csv", "recipe.json", "rows.csv", "run.json",
    ]  # fmt: skip
    assert sorted(path.name for path in (run / "all").iterdir()) == ["metrics.csv", "statistics.safetensors"]
    recipe = json.loads((run / "recipe.json").read_text())
    wanted = {"k_major": 7, "ratio": 70, "n_major": 140, "n_minor": 2, "oversampling": 5}
    assert recipe["imbalance"] == wanted | {"counts": None}
    assert recipe["seeds"] == {"data": 1, "noise": 1, "init": 1, "order": 1}
    assert len(rows(run / "rows.csv")) == 7 * 140 + 3 * 2
    table = rows(finished.folder / "results/demo/tables/layer_peeled/fig6.csv")
    assert list(table[0]) == [
        "dataset", "model", "k_major", "ratio", "oversampling",
        "cos_minor_mean", "cos_minor_std", "cos_minor_n", "runs",
    ]  # fmt: skip
    assert [row["oversampling"] for row in table] == ["1", "2", "5", "20", "70"]
    assert {row["cos_minor_n"] for row in table} == {"3"}
    claims = rows(finished.folder / "results/demo/claims/layer_peeled/fig6.csv")
    assert {claim["claim"] for claim in claims} == {"fig6_falls", "fig6_restored"}
    assert {claim["verdict"] for claim in claims} <= {"holds", "fails", "inconclusive"}
    figures = finished.folder / "results/demo/figures/layer_peeled"
    assert (figures / "fig6.pdf").read_bytes().startswith(b"%PDF")
    assert (figures / "fig6.png").read_bytes().startswith(b"\x89PNG")


def test_progress_is_in_the_terminal_and_in_the_log(one_cell, tmp_path):
    said = one_cell.copy(tmp_path).run("fig1", "--config", "protocol={epochs: 3}", "say_every=0")
    (log,) = tmp_path.glob("results/logs/train/digits/mlp/*-e3-*.log")
    lines = log.read_text().splitlines()
    assert re.fullmatch(r"digits/mlp/\S+/seed-0  epoch 1/3  loss \S+  accuracy \S+  \d+ s left", lines[0])
    assert set(lines) <= set(said.splitlines())


def test_run_twice_nothing_is_redone(finished):
    assert finished.planned("fig6") == {}


def test_what_changes_no_result_redoes_nothing(finished, tmp_path):
    """A move of the project, a comment in the library, another device, another data folder."""
    moved = finished.copy(tmp_path / "somewhere else")
    for file in (moved.folder / "workflow").rglob("*.py"):
        if "figures" not in file.parts:
            file.write_text(file.read_text() + "\n# another comment\n")
    assert moved.planned("fig6", "--config", "device=cpu", "data_root=elsewhere", "download=false") == {}


def test_a_deleted_metrics_file_redoes_what_hangs_on_it_and_needs_no_checkpoint(copied):
    for checkpoints in (copied.folder / RUNS).glob("*/*/checkpoints"):
        shutil.rmtree(checkpoints)
    assert copied.planned("fig6") == {}
    (one_run(copied) / "all/metrics.csv").unlink()
    assert copied.planned("fig6") == {"measure": 1, **DOWNSTREAM}
    copied.run("fig6")
    assert copied.planned("fig6") == {}


def test_a_changed_figure_script_redraws_the_figure_alone(copied):
    script = copied.folder / "workflow/figures/layer_peeled/fig6.py"
    script.write_text(script.read_text().replace("minority cosine", "mean minority cosine"))
    assert copied.planned("fig6") == {"render": 1}


def test_a_changed_learning_rate_redoes_exactly_the_runs_it_touches(copied):
    jobs = copied.planned("fig6", "--config", "protocol={learning_rate: 0.05}")
    assert jobs == {
        "train": 5,
        "extract": 5,
        "measure": 5,
        **DOWNSTREAM,
    }
    paper = copied.folder / "config/papers/layer_peeled/scales/demo.yaml"
    text = paper.read_text()
    assert "oversampling: [1, 2, 5, 20, 70]" in text
    one_more = text.replace("oversampling: [1, 2, 5, 20, 70]", "oversampling: [1, 2, 5, 10, 20, 70]")
    paper.write_text(one_more)
    assert copied.planned("fig6") == {"train": 1, "extract": 1, "measure": 1, **DOWNSTREAM}


def test_the_report_works_offline_and_shows_every_category(copied, tmp_path):
    # One paper shows it, and two figures of it.
    for paper in (tmp_path / "config/papers").iterdir():
        if paper.name != "layer_peeled":
            shutil.rmtree(paper)
    scales = tmp_path / "config/papers/layer_peeled/scales"
    grids = yaml.safe_load((scales / "demo.yaml").read_text())
    grids["tables"] = {name: grids["tables"][name] for name in ("fig3", "fig3_thresholds", "fig6")}
    (scales / "demo.yaml").write_text(yaml.safe_dump(grids))
    copied.run("all")
    copied.run("--report", "report.html")
    html = (tmp_path / "report.html").read_text()
    for shown in ("Atlas", "Figures", "Tables", "Claims", "fig3.png", "fig6.png", "atlas.html", "fig6.csv"):
        assert shown in html
    assert '<script src="http' not in html
    verdicts = rows(tmp_path / "results/demo/claims.csv")
    assert all(claim["verdict"] == "holds" for claim in verdicts if claim["table"].startswith("fig3"))
    assert (tmp_path / "results/demo/metrics.parquet").exists()
    assert 'src="http' not in (tmp_path / "results/demo/atlas.html").read_text()


def test_the_atlas_is_made_of_what_exists_and_makes_nothing_else(copied):
    assert copied.planned("atlas") == {"atlas": 1}
    copied.run("atlas")
    assert copied.planned("atlas") == {}
    page = (copied.folder / "results/demo/atlas.html").read_text()
    assert 'id="figure/layer_peeled/fig6"' in page
    assert 'id="figure/layer_peeled/fig2"' not in page
    copied.run("layer_peeled_fig3", "atlas")  # one more figure: the page is made anew, after it
    assert 'id="figure/layer_peeled/fig3"' in (copied.folder / "results/demo/atlas.html").read_text()
