"""Size of the perturbations that change a network's answers, from norms (n,) and whether each image was fooled (n,)."""

import numpy as np

from collapse.metrics.undefined import need


def mean_norm(norms: np.ndarray, fooled: np.ndarray) -> float:
    """Mean norm over the images whose answer changed. Papyan et al. 2020, Fig 8."""
    need(fooled.any(), "no image was fooled")
    return float(norms[fooled.astype(bool)].mean())


def fraction(fooled: np.ndarray) -> float:
    """Fraction of the images whose answer changed."""
    return float(fooled.mean())
