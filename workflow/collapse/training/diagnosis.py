"""Whether a fit went anywhere: a network that learned nothing shows no collapse, only noise that looks like one."""

import torch
from torch import Tensor

from collapse.models.network import Network

BATCH = 512


@torch.inference_mode()
def untrained(network: Network, images: Tensor, labels: Tensor, k_major: int) -> str:
    """Why a network that was trained to the end learned nothing; empty where it did learn.

    Dead features: H is the same for every sample, to float32's rounding. Chance: no better than always naming the
    largest of the majority classes. images (n, channels, side, side), labels (n,), on the network's device.
    """
    network.eval()
    features = torch.cat([network.features(batch) for batch in images.split(BATCH)])
    spread = features.std(0).max() if len(features) > 1 else features.new_ones(())
    if not spread > 1e-6 * features.abs().max():
        return "dead features: the backbone gives every sample the same"
    majority = labels < k_major
    decisions = torch.cat([network.head(batch).argmax(1) for batch in features.split(BATCH)])
    accuracy = (decisions == labels)[majority].double().mean().item()
    chance = torch.bincount(labels[majority]).max().item() / majority.sum().item()
    if k_major > 1 and accuracy <= chance:
        return f"majority accuracy stays at chance: {accuracy:.3f} on the train set"
    return ""
