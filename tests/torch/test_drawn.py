"""Random subsets of the data alone."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from collapse.data.drawn import Subset
from collapse.data.store import read_split
from collapse.data.subsets import draw
from collapse.plan import DrawsSpec
from collapse.statistics.drawn import measure_draws

ROOT = Path(__file__).parents[2]


def separation(images, labels):
    """D by the obvious way: d x d matrices and a pseudo-inverse in float64."""
    means = np.stack([images[labels == k].mean(0) for k in range(10)])
    within = sum(np.cov(images[labels == k].T, bias=True) for k in range(10)) / 10
    between = np.cov(means.T, bias=True)
    return np.trace(within @ np.linalg.pinv(between, rcond=1e-10))


def test_the_draw_of_a_seed_is_the_subset_that_a_run_trains_on(digits):
    subset = Subset.model_validate({"dataset": "digits", "samples": 30})
    found = measure_draws(subset, digits, (0, 7), ["separation_fuzziness", "nc1"])
    images, labels = read_split(digits, "train")
    for seed, values in zip((0, 7), found, strict=True):
        rows = draw(labels, (30,) * 10, seed)
        expected = separation(images[rows].reshape(len(rows), -1).astype(float), labels[rows])
        assert values["separation_fuzziness"] == pytest.approx(expected, rel=1e-5)
        assert values["nc1"] == pytest.approx(expected / 10, rel=1e-5)
    assert found[0] != found[1]


def test_the_normalisation_changes_nothing_as_the_measure_is_invariant(digits):
    plain, shifted = (
        {"dataset": "digits", "samples": 20},
        {"dataset": "digits", "samples": 20, "mean": [9], "std": [3]},
    )
    values = [
        measure_draws(Subset.model_validate(how), digits, (1,), ["separation_fuzziness"])[0] for how in (plain, shifted)
    ]
    assert values[0]["separation_fuzziness"] == pytest.approx(values[1]["separation_fuzziness"], rel=1e-4)


def test_the_script_writes_each_draw_and_their_central_95_percent(digits, tmp_path):
    spec = DrawsSpec.model_validate(
        {
            "key_columns": ["dataset", "image_size"],
            "columns": {"separation_fuzziness": {"metric": "separation_fuzziness"}},
            "draws": 60,
            "subsets": [({"dataset": "digits", "image_size": 8}, {"dataset": "digits", "samples": 15})],
            "seeds": list(range(60)),
        }
    )
    (tmp_path / "digits").symlink_to(digits)
    command = [sys.executable, "-P", "-m", "scripts.measure_draws", "--spec", spec.model_dump_json(), "--datasets"]
    command += [tmp_path, "--out", tmp_path / "t.csv", "--out-draws", tmp_path / "t_seeds.csv"]
    subprocess.run(command, check=True, env={"PYTHONPATH": str(ROOT / "workflow"), "OMP_NUM_THREADS": "1"})
    draws, (row,) = pd.read_csv(tmp_path / "t_seeds.csv"), pd.read_csv(tmp_path / "t.csv").to_dict("records")
    assert list(draws.seed) == list(range(60))
    assert json.loads(json.dumps(row)).keys() == {
        "dataset", "image_size", *(f"separation_fuzziness_{how}" for how in ("mean", "std", "low", "high", "n"))
    }  # fmt: skip
    assert row["separation_fuzziness_n"] == 60
    assert row["separation_fuzziness_low"] == pytest.approx(np.quantile(draws.separation_fuzziness, 0.025))
    assert row["separation_fuzziness_high"] == pytest.approx(np.quantile(draws.separation_fuzziness, 0.975))
