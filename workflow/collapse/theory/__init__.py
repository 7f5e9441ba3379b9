"""Predictions of the theoretical models, without training a network."""
