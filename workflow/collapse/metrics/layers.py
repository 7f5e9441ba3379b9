"""How a measure changes from layer to layer."""

from typing import NamedTuple

import numpy as np

from collapse.metrics.undefined import need


class Decay(NamedTuple):
    """A log-linear fit ln D_l = a + l ln(ratio): decay ratio rho, Pearson's r, and R^2 = r^2."""

    ratio: float
    r: float
    r2: float


def decay(separations: np.ndarray) -> Decay:
    """The law of data separation: least squares of ln D on the layer index, D (L,) in order. He & Su 2023.

    Raises Undefined for fewer than three layers, or a D that is not positive and finite.
    """
    separations = np.asarray(separations, dtype=float)
    need(len(separations) > 2, "fewer than 3 layers")
    need(bool((np.isfinite(separations) & (separations > 0)).all()), "a layer's separation is undefined or zero")
    layers, logs = np.arange(len(separations)), np.log(separations)
    need(np.ptp(logs) > 0, "the separation is the same in every layer")
    slope = np.polyfit(layers, logs, 1)[0]
    r = np.corrcoef(layers, logs)[0, 1]
    return Decay(float(np.exp(slope)), float(r), float(r**2))
