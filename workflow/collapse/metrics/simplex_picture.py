"""Three classes within the simplex: what Papyan et al. 2020 draw in three dimensions (Fig 1)."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SimplexPicture:
    """Where the features (d,) of a network lie in the space that the simplex's vertices of three classes span.

    centre (d,): mean of the class means. axes (3, d): orthonormal, nearest to those vertices. scale: mean norm of the
    centred class means. vertices (3, 3): those vertices, of length 1, in the axes' coordinates.
    """

    centre: np.ndarray
    axes: np.ndarray
    scale: float
    vertices: np.ndarray

    @classmethod
    def of(cls, means: np.ndarray, classes: tuple[int, ...]) -> "SimplexPicture":
        """The picture of class means (K, d), d >= K - 1: the simplex is that with the greatest inner product with the
        centred means M = Q S R^T, sqrt(K / (K - 1)) Q R^T over the K - 1 greatest singular values.
        """
        k, centre = len(means), means.mean(0)
        left, _, right = np.linalg.svd(means - centre, full_matrices=False)
        chosen = np.sqrt(k / (k - 1)) * (left[:, : k - 1] @ right[: k - 1])[list(classes)]
        values, vectors = np.linalg.eigh(chosen @ chosen.T)
        inverse = np.where(values > 1e-9, 1 / np.sqrt(np.maximum(values, 1e-9)), 0)  # three classes lie in a plane
        axes = (vectors * inverse) @ vectors.T @ chosen
        scale = float(np.linalg.norm(means - centre, axis=1).mean())
        return cls(centre, axes, scale, chosen @ axes.T)

    def features(self, features: np.ndarray) -> np.ndarray:
        """Places (n, 3) of features (n, d), less their centre, over the scale."""
        return (features - self.centre) @ self.axes.T / self.scale

    def classifiers(self, rows: np.ndarray) -> np.ndarray:
        """Places (K, 3) of the classifiers' rows (K, d), over their mean norm."""
        return rows @ self.axes.T / np.linalg.norm(rows, axis=1).mean()
