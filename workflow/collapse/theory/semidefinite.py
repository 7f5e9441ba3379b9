"""Layer-peeled model as a semidefinite programme: slow, but it assumes nothing about the optimum.

Fang, He, Long, Su 2021 (PNAS 118(43) e2103091118, arXiv 2101.12699). Exact if features have 2K dimensions or more. X is
the Gram matrix (2K, 2K) of the K class-mean features, then the K classifiers, each with the k_major majority classes
first; z_k = X[k, K:] are the logits of class k:

    minimise    sum_{k < k_major} (logsumexp z_k - z_kk) + (1 / ratio) sum_{k >= k_major} (logsumexp z_k - z_kk)
    subject to  X positive semidefinite, sum_{i < K} X_ii <= K e_h, sum_{i >= K} X_ii <= K e_w
"""

import math
import warnings
from dataclasses import dataclass

import cvxpy as cp
import numpy as np
from numpy.typing import NDArray

# Clarabel aims at 1e-8. Where rounding errors stop it earlier, accept these errors (its own defaults: 5e-5, 1e-4).
TOLERANCE = {f"reduced_tol_{kind}": 1e-7 for kind in ("gap_abs", "gap_rel", "feas")}


@dataclass(frozen=True)
class Optimum:
    """Objective, Gram matrix X (2K, 2K) and mean cosine of two minority classifiers.

    cos_minor is noise where the minority classifiers vanish: their diagonal is then zero up to the tolerance.
    """

    objective: float
    gram: NDArray[np.float64]
    cos_minor: float


class Programme:
    """The programme for fixed classes and norms, compiled once and solved at any ratio."""

    def __init__(self, k_major: int, k_minor: int, e_h: float, e_w: float) -> None:
        """k_major, k_minor: classes in each group, 2 or more; e_h, e_w: mean squared norms of features, classifiers.

        Raises ValueError for arguments out of range.
        """
        if k_major < 2 or k_minor < 2:
            raise ValueError(f"each group needs two classes or more: k_major={k_major}, k_minor={k_minor}")
        if not (0 < e_h < math.inf and 0 < e_w < math.inf):
            raise ValueError(f"norms must be positive and finite: e_h={e_h}, e_w={e_w}")
        k = k_major + k_minor
        self._minor = slice(k + k_major, 2 * k)
        self._gram = cp.Variable((2 * k, 2 * k), PSD=True)
        self._weight = cp.Parameter(nonneg=True)
        logits, norms = self._gram[:k, k:], cp.diag(self._gram)
        losses = cp.log_sum_exp(logits, axis=1) - cp.diag(logits)
        objective = cp.sum(losses[:k_major]) + self._weight * cp.sum(losses[k_major:])
        budgets = [cp.sum(norms[:k]) <= k * e_h, cp.sum(norms[k:]) <= k * e_w]
        self._problem = cp.Problem(cp.Minimize(objective), budgets)  # pyright: ignore[reportArgumentType] (<= gives no bool)

    def solve(self, ratio: float) -> Optimum:
        """Optimum at `ratio`, 1 or more; math.inf drops the minority losses.

        Raises ValueError if ratio < 1 or NaN, RuntimeError if Clarabel does not reach the tolerance.
        """
        if not ratio >= 1:
            raise ValueError(f"ratio must be 1 or more (math.inf allowed), not {ratio}")
        self._weight.value = 1 / ratio
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Solution may be inaccurate")  # good enough, see TOLERANCE
            try:
                self._problem.solve(solver=cp.CLARABEL, **TOLERANCE)
            except cp.SolverError as error:
                raise RuntimeError(f"Clarabel failed at ratio {ratio}") from error
        if self._problem.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
            raise RuntimeError(f"Clarabel stopped at ratio {ratio}: {self._problem.status}")
        gram = np.asarray(self._gram.value)
        return Optimum(float(np.asarray(self._problem.value)), gram, _mean_cosine(gram[self._minor, self._minor]))


def _mean_cosine(gram: NDArray[np.float64]) -> float:
    """Mean of X_ij / sqrt(X_ii X_jj) over ordered pairs i != j of a Gram matrix (k, k); NaN for a zero vector."""
    norms = np.sqrt(np.maximum(np.diag(gram), 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = gram / np.outer(norms, norms)
    return float(np.mean(cosines[~np.eye(len(gram), dtype=bool)]))
