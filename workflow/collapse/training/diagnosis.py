"""Detect networks that learned nothing: they show no collapse, only noise that looks like collapse."""

import torch
from torch import Tensor

from collapse.models.network import Network

BATCH = 512


@torch.inference_mode()
def untrained(network: Network, images: Tensor, labels: Tensor, k_major: int, num_classes: int) -> str:
    """Why a network learned nothing, after training to the end; empty if it learned something.

    Dead features: H is the same for every sample, to float32's rounding. Chance: majority accuracy is no better than
    always answering the largest class; the latent half of a class counts as the class, k + num_classes as k.
    images (n, channels, side, side), labels (n,), on the network's device.
    """
    network.eval()
    features = torch.cat([network.features(batch) for batch in images.split(BATCH)])
    spread = features.std(0).max() if len(features) > 1 else features.new_ones(())
    if not spread > 1e-6 * features.abs().max():
        return "dead features: the backbone gives every sample the same"
    labels = labels % num_classes
    majority = labels < k_major
    decisions = torch.cat([network.head(batch).argmax(1) for batch in features.split(BATCH)]) % num_classes
    accuracy = (decisions == labels)[majority].double().mean().item()
    chance = torch.bincount(labels[majority]).max().item() / majority.sum().item()
    if k_major > 1 and accuracy <= chance:
        return f"majority accuracy stays at chance: {accuracy:.3f} on the train set"
    return ""
