"""The solvers and predictions of theory by name: an entry for each, against which papers' files are checked.

To add one, write its function in a file of this folder, and an entry here.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class SolverEntry:
    """A solver: computes a table from settings alone.

    `function`, a "module:function": list of settings -> data frame, with one or more rows for each setting.
    `environment` is the one that has what it imports.
    """

    meaning: str
    function: str
    environment: Literal["convex", "torch"] = "convex"


@dataclass(frozen=True)
class PredictionEntry:
    """A prediction: computes a column of a table from the measured columns, in the environment figures.

    `function`, a "module:function": (row, num_classes) -> float. `columns`: the measured columns that it reads, beside
    the `axes`, which have to be key columns of the table. `missing` says why a row has no value.
    """

    meaning: str
    function: str
    columns: tuple[str, ...]
    missing: str
    axes: tuple[str, ...] = ()


SOLVERS = {
    "deep_linear_threshold": SolverEntry(
        "smallest eigenvalue of P P^T of a deep linear head, at the global and at the local optimum, by the level of "
        "the decays (Dang et al. 2023; derived)",
        "collapse.theory.solvers:deep_linear_threshold",
    ),
    "layer_peeled_sweep": SolverEntry(
        "minority cosine of the layer-peeled model at R from 1 to 10,000 (Fang et al. 2021, Fig 3)",
        "collapse.theory.solvers:layer_peeled_sweep",
    ),
    "layer_peeled_thresholds": SolverEntry(
        "R0 and R1, beyond which minority classifiers collapse and vanish, and where the sweep first collapses",
        "collapse.theory.solvers:layer_peeled_thresholds",
    ),
    "memorization_dilation_model": SolverEntry(
        "dilation and memorization of the memorization-dilation model, by label smoothing and noise (Nguyen et al. "
        "2023; derived)",
        "collapse.theory.solvers:memorization_dilation_model",
    ),
    "parameters": SolverEntry(
        "parameters of networks, those that train, and what share fewer they are than with a learned classifier on all "
        "dimensions",
        "collapse.models.parameters:parameters",
        environment="torch",
    ),
    "positive_layer_peeled": SolverEntry(
        "margin and norms of the positive layer-peeled model's minimiser, by decay and label smoothing (Nguyen et al. "
        "2023; derived)",
        "collapse.theory.solvers:positive_layer_peeled",
    ),
}

PREDICTIONS = {
    "layer_peeled": PredictionEntry(
        "minority cosine at the energies e_h, e_h_major, e_w",
        "collapse.theory.predictions:layer_peeled",
        ("e_h", "e_h_major", "e_w"),
        missing="an energy is missing, or the model's minority classifiers are zero",
        axes=("k_major", "ratio"),
    ),
    **{
        f"unconstrained_{value}": PredictionEntry(
            f"{value} of the unconstrained-feature model's minimiser, at weight_decay, feature_decay and batch_size "
            "/ K samples a class; of features of either sign where features is linear (Zhu et al. 2021; derived)",
            f"collapse.theory.predictions:unconstrained_{value}",
            (),
            missing="a decay is zero",
            axes=("weight_decay", "feature_decay", "batch_size", "features"),
        )
        for value in ("margin", "weight_energy", "feature_energy", "cross_entropy")
    },
}
