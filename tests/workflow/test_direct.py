"""Unconstrained features go the way of every run: through the same rules, with files of the same names."""

import csv

import yaml
from tests.workflow.project import GRID, PAPER

TABLE = "results/demo/tables/one_cell/fig1.csv"
GAP = {
    "title": "Distance from the optimum",
    "key_columns": ["balance", "linear_layers"],
    "columns": {"gap": {"metric": "objective_gap"}, "floor": {"metric": "gof_nc3_floor"}},
    "measure": {"bn_modes": ["eval"]},
}
FEATURES = {
    "dataset": "unconstrained", "model": "free_features", "width": 8, "counts": [[12, 6, 3]],
    "linear_layers": 2, "classifier_bias": False, "loss": "mse_per_sample", "separate_decay": True, "momentum": 0.9,
    "weight_decay": 0.01, "feature_decay": 0.01, "batch_size": 21, "epochs": 3000,
}  # fmt: skip


def test_a_table_of_unconstrained_features_is_made_and_more_seeds_optimise_the_new_ones_alone(one_cell, tmp_path):
    project = one_cell.copy(tmp_path / "project")
    paper = yaml.safe_load((project.folder / PAPER).read_text())
    paper["figures"]["fig1"]["tables"]["fig1"] = GAP
    (project.folder / PAPER).write_text(yaml.safe_dump(paper, sort_keys=False))
    grid = {"deviations": "nothing", "tables": {"fig1": [FEATURES]}}
    (project.folder / GRID).write_text(yaml.safe_dump(grid, sort_keys=False))
    project.run(TABLE)
    with (project.folder / TABLE).open() as file:
        rows = list(csv.DictReader(file))
    assert [row["balance"] for row in rows] == ["imbalanced"]
    assert all(abs(float(row["gap_mean"])) < 1e-6 for row in rows)
    runs = {path: path.read_bytes() for path in project.folder.glob("results/runs/unconstrained/*/*/seed-*/run.json")}
    assert len(runs) == 2
    project.run(TABLE, "--config", "seeds=[0, 1, 2]")
    after = {path: path.read_bytes() for path in project.folder.glob("results/runs/unconstrained/*/*/seed-*/run.json")}
    assert len(after) == 3
    assert runs.items() <= after.items()
    assert project.planned(TABLE, "--config", "seeds=[0, 1, 2]") == {}
