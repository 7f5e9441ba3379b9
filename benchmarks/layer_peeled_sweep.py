"""The theory curve of Fang et al. 2021 (Fig 3): exact reduction against the semidefinite programme.

Environment: convex

One sweep is the 41 ratios 10^0, 10^0.1, ..., 10^4 at E_H = 5, E_W = 1. Ours is the median of 20 sweeps; the reference
is one, by Clarabel at its own tolerance, with the programme stated and compiled before the clock starts. Both in CPU
time on one thread: two double what the reference needs and do not make it faster. At K=20 the minority classifiers
vanish from ratio 9.5 on.
"""

import statistics
import time

import numpy as np
from table import Row, write

from collapse.theory.layer_peeled import solve
from collapse.theory.semidefinite import Programme

RATIOS = 10 ** np.linspace(0, 4, 41)
E_H, E_W = 5.0, 1.0
REPEATS = 20
# Objectives of both must agree as well as the tests ask, else the comparison is of different things.
AGREEMENT = 1e-6


def ours(k_major: int, k_minor: int) -> tuple[float, np.ndarray]:
    """CPU seconds of a sweep by the reduction, and its objectives."""
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        solution = solve(k_major, k_minor, E_H * E_W, RATIOS)
        seconds.append(time.process_time() - start)
    return statistics.median(seconds), solution.objective


def reference(k_major: int, k_minor: int) -> tuple[float, np.ndarray]:
    """CPU seconds of a sweep by the full programme, and its objectives."""
    programme = Programme(k_major, k_minor, E_H, E_W)
    programme.solve(1.0)  # compiles
    start = time.process_time()
    objectives = [programme.solve(ratio).objective for ratio in RATIOS]
    return time.process_time() - start, np.array(objectives)


def compare(case: str, k_major: int, k_minor: int) -> Row:
    """The row of one case; RuntimeError if the two disagree."""
    (fast, objective), (slow, expected) = ours(k_major, k_minor), reference(k_major, k_minor)
    gap = np.max(np.abs(objective - expected))
    if not gap < AGREEMENT:
        raise RuntimeError(f"{case}: objectives differ by {gap}")
    return Row(case, fast, slow, "CPU s per 41-point sweep", slow / fast)


if __name__ == "__main__":
    write("layer_peeled_sweep", [compare("K=10", 5, 5), compare("K=20", 10, 10)])
