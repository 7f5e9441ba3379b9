"""Datasets: what they are (specs), how they are prepared (prepare), stored (store) and drawn from (subsets)."""
