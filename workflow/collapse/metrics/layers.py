"""How a measure changes from layer to layer."""

from typing import NamedTuple

import numpy as np

from collapse.metrics.undefined import need


class Decay(NamedTuple):
    """A log-linear fit ln D_l = a + l ln(ratio): decay ratio rho, Pearson's r, R^2 = r^2, and the standard error
    sqrt(RSS / (L - 2)) of ln D about the line.
    """

    ratio: float
    r: float
    r2: float
    error: float


def decay(fuzziness: np.ndarray) -> Decay:
    """The law of data separation: least squares of ln D on the layer index, D (L,) in order. He & Su 2023.

    Raises Undefined for fewer than three layers, or a D that is not positive and finite.
    """
    fuzziness = np.asarray(fuzziness, dtype=float)
    need(len(fuzziness) > 2, "fewer than 3 layers")
    need(bool((np.isfinite(fuzziness) & (fuzziness > 0)).all()), "a layer's separation is undefined or zero")
    layers, logs = np.arange(len(fuzziness)), np.log(fuzziness)
    need(np.ptp(logs) > 0, "the separation is the same in every layer")
    slope, intercept = np.polyfit(layers, logs, 1)
    r = np.corrcoef(layers, logs)[0, 1]
    residuals = logs - slope * layers - intercept
    error = np.sqrt(np.square(residuals).sum() / (len(logs) - 2))
    return Decay(float(np.exp(slope)), float(r), float(r**2), float(error))


def decay_value(fuzziness: np.ndarray, value: str) -> float:
    """The field of `decay` named `value`."""
    return getattr(decay(fuzziness), value)


def two_segment_error(first: np.ndarray, second: np.ndarray) -> float:
    """Standard error of ln D about two lines, fitted apart to D of layers (L1,) and (L2,). It is comparable with
    Decay.error: each line costs two degrees of freedom. He & Su 2023, two kinds of blocks. Raises Undefined as decay.
    """
    freedoms = len(first) - 2, len(second) - 2
    squares = [f * decay(part).error ** 2 for f, part in zip(freedoms, (first, second), strict=True)]
    return float(np.sqrt(sum(squares) / sum(freedoms)))
