"""Theory tables: from the settings in a paper's file to a tidy table."""

from typing import Any

import numpy as np
import pandas as pd

from collapse.theory.deep_linear import stationary_ratio
from collapse.theory.dilation import model_at, optimal_dilation, small_noise_dilation
from collapse.theory.layer_peeled import collapse_threshold, solve, vanishing_threshold
from collapse.theory.positive_layer_peeled import minimiser
from collapse.theory.thresholds import decay_at_level, survival_threshold

Settings = list[dict[str, Any]]

# The published sweep: R = 10^0, 10^0.1, ..., 10^4 (Fang et al. 2021, code).
RATIOS = 10 ** np.linspace(0, 4, 41)

# Levels of the decays, in units of tau_M, from a twentieth to the last at which two layers or more have an optimum.
LEVELS = np.round(np.arange(0.05, 1.6, 0.01), 2)


def deep_linear_threshold(settings: Settings) -> pd.DataFrame:
    """Smallest eigenvalue of P P^T against the level of the decays, weights' and features' the same. Derived.

    counts, linear_layers, level (b/n of the smallest class over tau_M), p_min_optimum, and p_min_local, that of the
    local optimum which is none where p_min_optimum is another; missing where there is no such optimum.
    """
    frames = []
    for setting in settings:
        counts, layers = np.asarray(setting["counts"]), setting["linear_layers"]
        ratio = stationary_ratio(LEVELS * survival_threshold(layers), layers)
        decays = np.array([decay_at_level(level, tuple(counts), layers) for level in LEVELS])
        local = np.where(ratio > 0, ratio * counts.sum() * decays, np.nan)
        frame = {"linear_layers": layers, "level": LEVELS, "p_min_local": local}
        frames.append(pd.DataFrame(frame | {"p_min_optimum": np.where(LEVELS < 1, local, 0.0)}))
    return pd.concat(frames, ignore_index=True)


def layer_peeled_sweep(settings: Settings) -> pd.DataFrame:
    """Fig 3 of Fang et al. 2021: k_major, k_minor, e_h, e_w, ratio, cos_minor, status, a row for each ratio."""
    frames = []
    for setting in settings:
        solution = solve(setting["k_major"], setting["k_minor"], setting["e_h"] * setting["e_w"], RATIOS)
        frame = {"ratio": RATIOS, "cos_minor": solution.cos_minor, "status": solution.status}
        frames.append(pd.DataFrame(setting | frame))
    return pd.concat(frames, ignore_index=True)


def layer_peeled_thresholds(settings: Settings) -> pd.DataFrame:
    """R0 (collapse) and R1 (vanishing) for each setting, and the first collapsed ratio of the sweep over R0."""
    rows = []
    for setting in settings:
        classes = setting["k_major"], setting["k_minor"]
        energy = setting["e_h"] * setting["e_w"]
        r0 = collapse_threshold(*classes, energy)
        collapsed = RATIOS[solve(*classes, energy, RATIOS).status != "ok"]
        first = collapsed[0] if collapsed.size else np.nan
        r1 = vanishing_threshold(*classes, energy)
        rows.append(setting | {"r0": r0, "r1": r1, "first_collapsed": first, "collapsed_over_r0": first / r0})
    return pd.DataFrame(rows)


def memorization_dilation_model(settings: Settings) -> pd.DataFrame:
    """Optimum of the memorization-dilation model for each setting of smoothing, weight_decay, slope and noise, the
    small-noise formula beside it, and where h_1, h_2, u_1 and u_2 are. Nguyen et al. 2023; derived.
    """
    rows = []
    for setting in settings:
        found = optimal_dilation(**setting)
        places = dict(zip(("h1", "h2", "u1", "u2"), found.positions, strict=True))
        rows.append(
            setting
            | {
                "dilation": found.dilation,
                "dilation_small_noise": small_noise_dilation(**setting),
                "memorization": found.memorization,
                "memorization_relative": found.relative_memorization,
                "class_distance": found.class_distance,
                "margin": model_at(setting["smoothing"], setting["weight_decay"]).margin,
            }
            | {f"{name}_{axis}": place[i] for name, place in places.items() for i, axis in enumerate("xy")}
        )
    return pd.DataFrame(rows)


def positive_layer_peeled(settings: Settings) -> pd.DataFrame:
    """Minimiser of the positive layer-peeled model for each setting of num_classes, samples, smoothing and
    weight_decay, that of W and H alike, and the margin for features of either sign. Nguyen et al. 2023; derived.
    """
    rows = []
    for setting in settings:
        given = setting | {"feature_decay": setting["weight_decay"]}
        free = minimiser(**given, nonnegative=False)
        rows.append(setting | vars(minimiser(**given)) | {"margin_unconstrained": free.margin})
    return pd.DataFrame(rows)
