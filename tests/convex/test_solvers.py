from pkgutil import resolve_name

import numpy as np
import pytest

from collapse.theory.deep_linear import decay_level, optimum
from collapse.theory.entries import PREDICTIONS, SOLVERS
from collapse.theory.positive_layer_peeled import minimiser
from collapse.theory.solvers import (
    RATIOS,
    deep_linear_threshold,
    layer_peeled_sweep,
    layer_peeled_thresholds,
    memorization_dilation_model,
    positive_layer_peeled,
)
from collapse.theory.thresholds import decay_at_level, existence_limit, survival_threshold

SETTINGS = [{"k_major": 7, "k_minor": 3, "e_h": 5, "e_w": 1}, {"k_major": 5, "k_minor": 5, "e_h": 2.5, "e_w": 2}]


def test_the_code_of_an_entry_is_there():
    here = [entry for entry in SOLVERS.values() if entry.environment == "convex"]
    assert all(callable(resolve_name(entry.function)) for entry in [*here, *PREDICTIONS.values()])


def test_the_sweep_has_a_row_for_each_setting_and_ratio():
    table = layer_peeled_sweep(SETTINGS)
    assert list(table) == ["k_major", "k_minor", "e_h", "e_w", "ratio", "cos_minor", "status"]
    assert len(table) == 2 * 41
    assert (table.cos_minor.isna() == (table.status == "vanished")).all()
    assert (table.cos_minor[table.status == "collapsed"] == 1).all()


def test_the_thresholds_frame_the_sweep():
    table = layer_peeled_thresholds(SETTINGS)
    step = RATIOS[1] / RATIOS[0]
    assert ((table.collapsed_over_r0 >= 1) & (table.collapsed_over_r0 < step)).all()
    # Only the product of the energies matters: the second setting is E = 5 again.
    np.testing.assert_allclose(table.r0[1], 12.19245, rtol=1e-6)
    assert np.isinf(table.r1[1])


@pytest.mark.parametrize("layers", [1, 3, 6])
def test_the_smallest_class_survives_below_the_threshold_alone(layers):
    """Against the optimum of the whole head, at the decays of some levels."""
    counts = (200, 100, 50, 10)
    table = deep_linear_threshold([{"counts": counts, "linear_layers": layers}]).set_index("level")
    for level in (0.2, 0.7, 0.99, 1.01, 1.5):
        decay = decay_at_level(level, counts, layers)
        assert decay_level(10, 360, decay, decay, layers) == pytest.approx(level * survival_threshold(layers))
        found = optimum(counts, decay, decay, layers).p[-1]
        assert table.p_min_optimum[level] == pytest.approx(found, rel=1e-12)
        assert (found > 0) == (level < 1)
    # The local optimum goes on to the level at which it ceases to exist; one layer has none beyond its threshold.
    last, limit = table.p_min_local.last_valid_index(), existence_limit(layers) / survival_threshold(layers)
    assert last == pytest.approx(min(limit, table.index.max()), abs=0.011)


def test_a_level_of_nothing_is_refused():
    with pytest.raises(ValueError, match="have to be positive"):
        decay_at_level(0, (1, 2), 3)
    with pytest.raises(ValueError, match="have to be positive"):
        decay_at_level(1, (), 3)


def test_the_dilation_model_has_a_row_for_each_setting_with_all_that_its_picture_shows():
    settings = [{"smoothing": a, "weight_decay": 1e-3, "slope": 0.1, "noise": 1e-3} for a in (0.0, 0.1)]
    table = memorization_dilation_model(settings)
    assert table.smoothing.tolist() == [0, 0.1]
    assert table.dilation.round(5).tolist() == [0.00556, 0.00062]
    assert np.allclose(table.memorization, np.hypot(table.u1_x - table.h2_x, table.u1_y - table.h2_y))
    assert np.allclose(table.memorization_relative * table.class_distance, table.memorization)


def test_the_positive_model_is_its_minimiser_at_equal_decays():
    (row,) = positive_layer_peeled(
        [{"num_classes": 2, "samples": 3, "smoothing": 0.0, "weight_decay": 1e-3}]
    ).itertuples()
    assert row.objective == pytest.approx(0.03094330, abs=5e-9)
    assert row.margin == pytest.approx(5.3138, abs=5e-5)
    assert row.margin_unconstrained == minimiser(2, 3, 0, 1e-3, 1e-3, nonnegative=False).margin
