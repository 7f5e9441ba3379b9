"""Datasets: their names and constants (entries), their preparation (prepare), files (store) and subsets (subsets)."""
