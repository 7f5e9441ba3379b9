"""Steps recorded as CUDA graphs are the steps; where there is no GPU, nothing is recorded."""

import copy

import pytest
import torch

from collapse.models.entries import NETWORKS
from collapse.models.network import Network, build
from collapse.models.shape import Shape
from collapse.training.entries import LOSSES, OPTIMIZERS
from collapse.training.loop import Training
from collapse.training.protocol import Protocol

gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
SMALL = {"base_width": 8}


@pytest.fixture(autouse=True)
def _reproducible():
    """TF32 convolutions are not, by default: two trainings differ without any recording."""
    before = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    yield
    torch.backends.cudnn.deterministic = before


def train(network: Network, device: str, **protocol) -> Training:
    """Three epochs of three batches and a short one, at two step sizes."""
    generator = torch.Generator().manual_seed(1)
    images, labels = torch.randn(110, 1, 32, 32, generator=generator).to(device), torch.arange(110) % 10
    settings = {"learning_rate": 0.01, "batch_size": 32, "epochs": 3, "milestones": ["2/3"], "weight_decay": 1e-3}
    chosen = Protocol.model_validate(settings | {"momentum": 0.9} | protocol)
    training = Training(network.to(device), images, labels.to(device), torch.arange(110), chosen, order_seed=0)
    for _ in range(3):
        training.run_epoch()
    return training


def weights(training: Training) -> torch.Tensor:
    """Every parameter and running statistic, in one vector."""
    return torch.cat([tensor.flatten().double() for tensor in training.network.state_dict().values()]).cpu()


def assert_recorded_is_plain(model: str, options: dict, **protocol) -> None:
    recorded, plain = (build(model, Shape(1, 32, 10), NETWORKS[model].options(**options), seed=0) for _ in range(2))
    plain.recordable = False
    ours, wanted = train(recorded, "cuda", **protocol), train(plain, "cuda", **protocol)
    assert {len(shape) for shape in ours.stepper.evaluate.recordings} == {4}  # recorded: both sizes of a batch
    assert all(ours.stepper.evaluate.recordings.values())
    assert not wanted.stepper.evaluate.recordings
    torch.testing.assert_close(weights(ours), weights(wanted), rtol=1e-4, atol=1e-5)
    assert [epoch.loss for epoch in ours.history] == pytest.approx([epoch.loss for epoch in wanted.history], rel=1e-4)


@gpu
@pytest.mark.parametrize(("model", "options"), [
    ("mlp", {}), ("convnet", {}), ("vgg11", {}), ("resnet18", SMALL), ("resnet50", SMALL), ("gresnet", {}),
    ("densenet40", {}), ("alexnet_tiled", {}),
])  # fmt: skip
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_recorded_network_is_trained_to_the_same_weights(model, options, dtype):
    assert_recorded_is_plain(model, options, dtype=dtype)


@gpu
@pytest.mark.parametrize("loss", LOSSES)
def test_so_it_is_with_every_loss(loss):
    assert_recorded_is_plain("mlp", {}, loss=loss, **({"smoothing": 0.1} if LOSSES[loss].smoothed else {}))


@gpu
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_so_it_is_with_every_optimizer(optimizer):
    assert_recorded_is_plain("mlp", {}, optimizer=optimizer, momentum=0.9 if optimizer == "sgd" else 0)


@gpu
def test_so_it_is_with_penalties():
    assert_recorded_is_plain("mlp", {}, separate_decay=True, feature_decay=1e-5)


@gpu
def test_a_resumed_training_records_anew():
    through, resumed = (
        train(build("mlp", Shape(1, 32, 10), NETWORKS["mlp"].options(), seed=seed), "cuda") for seed in (0, 1)
    )
    resumed.restore(copy.deepcopy(through.state()))
    for training in (through, resumed):
        training.run_epoch()
    assert torch.equal(weights(through), weights(resumed))


def test_without_a_gpu_nothing_is_recorded():
    training = train(build("mlp", Shape(1, 32, 10), NETWORKS["mlp"].options(), seed=0), "cpu")
    assert training.network.recordable
    assert not training.stepper.evaluate.recordings
