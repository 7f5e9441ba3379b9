"""Statistics of one checkpoint: of the features alone against those of all layers, and kept against computed again.

Environment: torch

A ResNet18 of base width 16 on 3x32x32 images in ten classes, 6,000 to train on and 6,000 to test on, on one CPU
thread: the train split with batch norms in eval and in train mode, the test split. Activations of all layers exceed
what a split may keep (KEPT_BYTES), so that every sweep runs the network again, as with all of CIFAR-10; features and
logits are kept from one pass. CPU seconds, the least of some turns, and passes of a sample through the network: their
mean over the samples of each split and mode. The statistics of the features are the same in all cases: it is checked.
"""

import time

import torch
from table import Row, write
from torch import Tensor

from collapse.measuring import Measuring
from collapse.models.entries import NETWORKS
from collapse.models.network import Network, Shape, build
from collapse.statistics.extract import Samples, checkpoint_statistics
from collapse.statistics.sweep import KEPT_BYTES

SAMPLES, CLASSES, TURNS = 6_000, 10, 2
SPLITS_AND_MODES = 3  # train in eval mode, train in train mode, test
CASES = {  # measured layers, and bytes that may be kept
    "features": ("features", KEPT_BYTES),
    "features, computed again": ("features", 0),
    "all layers": ("all", KEPT_BYTES),
}


def samples(seed: int) -> Samples:
    """Random images, and labels."""
    images = torch.randn(SAMPLES, 3, 32, 32, generator=torch.Generator().manual_seed(seed))
    return images, torch.arange(SAMPLES) % CLASSES


def measured(network: Network, layers: str, memory: int) -> tuple[float, float, dict[str, Tensor]]:
    """CPU seconds, passes a sample, and the statistics."""
    passes: list[int] = []
    counting = network.register_forward_pre_hook(lambda module, arguments: passes.append(len(arguments[0])))
    measuring, splits = Measuring.model_validate({"measured_layers": layers}), (samples(0), samples(1))
    started = time.process_time()
    found = checkpoint_statistics(network, *splits, CLASSES, measuring, memory=memory)
    seconds = time.process_time() - started
    counting.remove()
    return seconds, sum(passes) / (SPLITS_AND_MODES * SAMPLES), found


def check_same(some: dict[str, Tensor], others: dict[str, Tensor]) -> None:
    """Raise AssertionError unless the statistics that both have are equal, to the last bit."""
    for name in some.keys() & others.keys():
        assert torch.equal(some[name].nan_to_num(), others[name].nan_to_num()), name


if __name__ == "__main__":
    torch.set_num_threads(1)
    resnet = build("resnet18", Shape(3, 32, CLASSES), NETWORKS["resnet18"].options(base_width=16), seed=0).eval()
    turns = [{case: measured(resnet, *how) for case, how in CASES.items()} for _ in range(TURNS)]
    rows = []
    for case in list(CASES)[1:]:
        check_same(turns[0]["features"][2], turns[0][case][2])
        for i, unit in enumerate(("CPU s", "passes a sample")):
            ours, reference = (min(turn[name][i] for turn in turns) for name in ("features", case))
            rows.append(Row(f"features against {case}", ours, reference, unit, reference / ours))
    write("measure_checkpoint", rows)
