"""The README's figure, in full: the embedded images at demo scale, from nothing, and what it has to show."""

import csv

import pytest
from tests.workflow.project import Project


def test_fig6_from_nothing_shows_what_the_paper_shows(tmp_path):
    project = Project.fresh(tmp_path)
    project.run("fig6")
    with (tmp_path / "results/demo/tables/layer_peeled/fig6.csv").open() as file:
        cosines = {int(row["oversampling"]): float(row["cos_minor_mean"]) for row in csv.DictReader(file)}
    assert cosines[1] > 0.95
    assert cosines[70] == pytest.approx(-1 / 9, abs=0.05)
    assert list(cosines.values()) == sorted(cosines.values(), reverse=True)
    with (tmp_path / "results/demo/claims/layer_peeled/fig6.csv").open() as file:
        assert [claim["verdict"] for claim in csv.DictReader(file)] == ["holds", "holds"]
