"""Statistics: what every metric needs of a layer's activations, and no more."""
