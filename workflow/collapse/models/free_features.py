"""Unconstrained features: the features of each sample are parameters, and only the linear head is a network."""

from torch import nn

from collapse.models.heads import with_head
from collapse.models.network import Network
from collapse.models.options import FreeFeaturesOptions
from collapse.models.shape import Shape


def free_features(shape: Shape, options: FreeFeaturesOptions) -> Network:
    """Unconstrained features H (d, N) under a linear head. Dang et al. 2023, and Zhu et al. 2021.

    The image of sample i is the i-th unit vector of N pixels, so the weight of the one layer below the head is H.
    """
    samples = nn.Sequential(nn.Flatten(), nn.Linear(shape.pixels, options.width, bias=False))
    return with_head({"samples": samples}, options.width, shape, options)
