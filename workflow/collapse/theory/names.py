"""Names of the theory solvers and predictions, without the convex stack: a paper's file is checked with them."""

SOLVERS = ("layer_peeled_sweep", "layer_peeled_thresholds")

# By name, the columns that each is computed from, beside the axes.
PREDICTIONS = {"layer_peeled": ("e_h", "e_h_major", "e_w")}
