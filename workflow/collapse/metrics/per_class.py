"""What there is of each class by itself."""

from collections.abc import Iterator

import numpy as np

from collapse.metrics.row import At, Row
from collapse.metrics.variability import global_mean

NO_SAMPLE = "no samples of this class"


def classifier_class_rows(weight: np.ndarray) -> Iterator[Row]:
    """Norm of each row of the classifier (K, d)."""
    for c, norm in enumerate(np.linalg.norm(weight, axis=1)):
        yield Row("-", "classifier", "-", str(c), "classifier_norm", float(norm))


def class_rows(found: dict[str, np.ndarray], weight: np.ndarray | None, at: At) -> Iterator[Row]:
    """Of each class of a layer: norm of its mean and its variance; with the weights (K, d) behind the layer, the cosine
    of mean and weights. Means are centred by the sample mean.
    """
    # Coordinates are means, turned: their norms are the same.
    centred = found["coordinates"] - global_mean(found["coordinates"], found["count"])
    columns = {
        "class_mean_norm": (np.linalg.norm(centred, axis=1), NO_SAMPLE),
        "class_variance": (np.where(found["count"] > 1, found["trace"], np.nan), "fewer than 2 samples of this class"),
    }
    if weight is not None and "mean" in found:
        means = found["mean"] - global_mean(found["mean"], found["count"])
        sizes = np.linalg.norm(means, axis=1) * np.linalg.norm(weight, axis=1)
        cosines = np.divide((weight * means).sum(1), sizes, out=np.full(len(sizes), np.nan), where=sizes > 0)
        columns["mean_classifier_cosine"] = cosines, "a class without samples, or a vector is zero"
    for name, (values, reason) in columns.items():
        for c, value in enumerate(values.tolist()):
            yield Row(*at._replace(classes=str(c)), name, value, reason if np.isnan(value) else "")
