"""Theory arms: what the models predict, with no network trained."""
