"""How often a sample passes through the network while a checkpoint is measured."""

from collections import Counter

import pytest
import torch

import collapse
from collapse.measuring import Measuring
from collapse.models.entries import NETWORKS
from collapse.models.network import Shape, build
from collapse.statistics.extract import checkpoint_statistics
from collapse.statistics.sweep import KEPT_BYTES

FEATURES = Measuring(measured_layers="features")
# Samples of the train split, the test split, and of those held out; not multiples of the sizes of batches.
TRAIN, TEST, HELD_OUT = 530, 270, 40


@pytest.fixture
def network():
    return build("mlp", Shape(1, 8, 10), NETWORKS["mlp"].options(), seed=0).eval()


def samples(count, first):
    """Random images, whose first pixels number them from `first` on, and labels."""
    images = torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(first))
    images[:, 0, 0, 0] = torch.arange(first, first + count)
    return images, torch.arange(count) % 10


def splits():
    """Train samples, every third label changed; test samples; held-out samples."""
    images, true = samples(TRAIN, 0)
    labels = torch.where(torch.arange(TRAIN) % 3 == 0, (true + 1) % 10, true)
    return (images, labels, true), samples(TEST, TRAIN), samples(HELD_OUT, TRAIN + TEST)


def counted(network):
    """Counts that grow with every sample passing through the network, by its number and the batch norms' mode."""
    passes = Counter()
    norm = next(module for module in network.modules() if isinstance(module, torch.nn.BatchNorm1d))

    def count(module, arguments):
        passes.update((int(number), norm.training) for number in arguments[0][:, 0, 0, 0])

    network.register_forward_pre_hook(count)
    return passes


def measured(network, measuring, memory=KEPT_BYTES):
    train, test, held_out = splits()
    return checkpoint_statistics(network, train, test, 10, measuring, held_out, memory=memory)


@pytest.mark.parametrize("modes", [("eval",), ("eval", "train")])
def test_the_features_alone_take_one_pass_a_sample_in_each_mode(network, modes):
    passes = counted(network)
    measured(network, FEATURES.model_copy(update={"bn_modes": modes, "principal_components": 3}))
    in_train_mode = range(TRAIN) if "train" in modes else ()
    every = {(number, False) for number in range(TRAIN + TEST + HELD_OUT)} | {(i, True) for i in in_train_mode}
    assert passes == Counter(every)


def test_activations_too_large_to_keep_take_more_passes(network):
    passes = counted(network)
    measured(network, FEATURES, memory=0)
    assert min(passes.values()) == 1  # answers of held-out samples take one sweep, whatever is kept
    assert all(passes[number, False] > 1 for number in range(TRAIN + TEST))
    assert all(passes[number, True] > 1 for number in range(TRAIN))


@pytest.mark.parametrize("layers", ["features", "all"])
def test_what_is_kept_and_what_is_computed_again_give_the_same_statistics_to_the_last_bit(network, layers):
    measuring = Measuring(measured_layers=layers, principal_components=3)
    kept, again = measured(network, measuring), measured(network, measuring, memory=0)
    assert {"train/corruption/pull", "held_out/answers/loss", "train/train/features/principal/within"} <= kept.keys()
    assert kept.keys() == again.keys()
    for name, tensor in kept.items():
        assert torch.equal(tensor.nan_to_num(-1), again[name].nan_to_num(-1)), name


def test_a_users_network_too_is_measured_the_same_whatever_is_kept(network):
    (images, labels, _), test, _ = splits()
    loaders = ([(images[:300], labels[:300]), (images[300:], labels[300:])], [test])
    kept, again = (
        collapse.measure(network, *loaders, layers=["layers.fc1"], train_mode=True, memory=memory)
        for memory in (KEPT_BYTES, 0)
    )
    assert kept.equals(again)
