"""Predictions of a theoretical model for a trained network, from the network's measured columns."""

import math
from typing import Any

from collapse.theory.layer_peeled import solve

Values = dict[str, Any]


def layer_peeled(row: Values, num_classes: int) -> float:
    """Minority cosine of the layer-peeled model at the energies of a network. Fang et al. 2021, Fig 2.

    row: k_major, ratio, oversampling, e_w, e_h. Where R is infinite, e_h_major instead of e_h: classes without samples
    have no energy, so E_H, the mean over all K classes, is K_A/K times the majority's energy. NaN where the model's
    minority classifiers are zero, or a value is missing.
    """
    k_major, ratio = int(row["k_major"]), float(row["ratio"])
    e_h = row["e_h_major"] * k_major / num_classes if math.isinf(ratio) else row["e_h"]
    energy = e_h * row["e_w"]
    if not energy > 0:
        return math.nan
    return float(solve(k_major, num_classes - k_major, energy, ratio, row["oversampling"]).cos_minor)
