"""The README's figure, in full: the embedded images at demo scale, from nothing, and what it has to show."""

import csv

import pytest


def test_fig6_from_nothing_shows_what_the_paper_shows(finished):
    results = finished.folder / "results/demo"
    with (results / "tables/layer_peeled/fig6.csv").open() as file:
        cosines = {int(row["oversampling"]): float(row["cos_minor_mean"]) for row in csv.DictReader(file)}
    assert cosines[1] > 0.95
    assert cosines[70] == pytest.approx(-1 / 9, abs=0.05)
    assert list(cosines.values()) == sorted(cosines.values(), reverse=True)
    with (results / "claims/layer_peeled/fig6.csv").open() as file:
        assert [claim["verdict"] for claim in csv.DictReader(file)] == ["holds", "holds"]
