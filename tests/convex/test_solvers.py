from pkgutil import resolve_name

import numpy as np

from collapse.theory.entries import PREDICTIONS, SOLVERS
from collapse.theory.solvers import RATIOS, layer_peeled_sweep, layer_peeled_thresholds

SETTINGS = [{"k_major": 7, "k_minor": 3, "e_h": 5, "e_w": 1}, {"k_major": 5, "k_minor": 5, "e_h": 2.5, "e_w": 2}]


def test_the_code_of_an_entry_is_there():
    assert all(callable(resolve_name(entry.function)) for entry in (SOLVERS | PREDICTIONS).values())


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
