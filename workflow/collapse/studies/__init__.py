"""Studies: hyperparameters chosen on held-out samples, by Optuna; every trial is an ordinary run."""
