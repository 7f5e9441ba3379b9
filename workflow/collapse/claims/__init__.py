"""Claims: what a paper says, as a quantity computed from a table, a condition on it, and a verdict."""
