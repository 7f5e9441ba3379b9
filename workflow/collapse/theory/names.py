"""Names of the theory solvers; cheap to import, so that a paper's file is checked without the convex stack."""

SOLVERS = ("layer_peeled_sweep", "layer_peeled_thresholds")
