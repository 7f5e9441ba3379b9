"""Metrics: pure functions of statistics, one formula each, named as in the papers."""
