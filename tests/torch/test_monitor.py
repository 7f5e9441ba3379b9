"""Measuring along a training: collapse.Monitor in anybody's loop, and the command that measures checkpoints."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from torchvision.models import VisionTransformer, resnet18

import collapse
from collapse.checkpoints import find_checkpoints, load_weights, main, measure_checkpoints
from collapse.metrics.measure import COLUMNS
from collapse.monitoring import log_spaced
from collapse.training.schedule import measured_epochs

ROOT = Path(__file__).parents[2]
K = 3
Y = torch.arange(24) % K
X = torch.randn(24, 3, 16, 16, generator=torch.Generator().manual_seed(0)) + Y[:, None, None, None]
LOADER = DataLoader(TensorDataset(X, Y), batch_size=8)


def plain():
    return nn.Sequential(nn.Flatten(), nn.Linear(768, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, K))


def resnet():
    network = resnet18(weights=None, num_classes=K)
    network.layer3 = network.layer4 = nn.Identity()  # a small one
    network.fc = nn.Linear(128, K)
    return network


def vit():
    return VisionTransformer(16, 8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=K)


def train(network, epochs, each_epoch=lambda: None):
    """A plain loop."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    for _ in range(epochs):
        for x, y in DataLoader(TensorDataset(X, Y), batch_size=8, shuffle=True):
            optimizer.zero_grad()
            F.cross_entropy(network(x), y).backward()
            optimizer.step()
        each_epoch()
    return network


@pytest.mark.parametrize("network", [plain, resnet, vit])
def test_a_monitor_measures_log_spaced_epochs_of_any_loop_and_changes_nothing(network, tmp_path):
    torch.manual_seed(0)
    alone = train(network(), 6).state_dict()
    torch.manual_seed(0)
    model = network()
    monitor = collapse.Monitor(model, LOADER, LOADER, path=tmp_path / "collapse.csv", epochs=6, count=4)
    train(model, 6, monitor)
    assert all(torch.equal(value, alone[name]) for name, value in model.state_dict().items())
    assert model.training
    assert tuple(monitor.table.epoch.unique()) == measured_epochs(6, 4)
    written = pd.read_csv(tmp_path / "collapse.csv", keep_default_na=False, na_values={"value": ["nan"]})
    assert tuple(written.columns) == COLUMNS  # as a run's metrics.csv
    pd.testing.assert_frame_equal(written, monitor.table, check_exact=True)
    last = monitor.table[monitor.table.epoch == 6].drop(columns="epoch").reset_index(drop=True)
    pd.testing.assert_frame_equal(last, collapse.measure(model, LOADER, LOADER), check_exact=True)


def test_without_an_end_epochs_are_measured_twice_as_they_double(tmp_path):
    monitor = collapse.Monitor(plain(), LOADER, path=tmp_path / "collapse.csv")
    measured = [epoch for epoch in range(1, 18) if monitor() is not None]
    assert measured == [1, 2, 3, 4, 6, 8, 11, 16]
    assert monitor(now=True) is not None
    assert monitor(epoch=0) is not None  # before training
    assert set(monitor.table.epoch) == {0, *measured, 18}
    assert log_spaced(100) >= {0, 1, 64, 91}


def test_a_monitor_goes_on_where_a_training_does(tmp_path):
    path = tmp_path / "collapse.csv"
    torch.manual_seed(0)
    model = plain()
    first = collapse.Monitor(model, LOADER, path=path)
    first()
    with pytest.raises(ValueError, match=r"collapse\.csv exists: .* resume=True"):
        collapse.Monitor(model, LOADER, path=path)
    second = collapse.Monitor(model, LOADER, path=path, resume=True)
    with pytest.raises(ValueError, match="epoch= is wanted"):
        second()
    assert second(epoch=5) is None
    assert second() is not None
    assert set(second.table.epoch) == {1, 6}
    one = second.table[second.table.epoch == 1]
    pd.testing.assert_frame_equal(one, first.table, check_exact=True)
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"has the columns \['a', 'b'\]"):
        collapse.Monitor(model, LOADER, path=path, resume=True)


def test_an_unknown_option_is_an_error_before_the_training(tmp_path):
    with pytest.raises(ValueError, match=r"unknown option layer of measure.*valid options: classifier"):
        collapse.Monitor(plain(), LOADER, path=tmp_path / "collapse.csv", layer=["1"])


NETWORK = """
import torch
from torch import nn

def model():
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))

def loader():
    generator = torch.Generator().manual_seed(0)
    return [(torch.randn(30, 4, generator=generator), torch.arange(30) % 3)]

OPTIONS = {"layers": ["1"]}
"""


@pytest.fixture
def network(tmp_path):
    path = tmp_path / "network_to_measure.py"
    path.write_text(NETWORK)
    return path


def weights(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)).state_dict()


def prefixed(state, prefix):
    return {prefix + name: tensor for name, tensor in state.items()}


def test_checkpoints_of_every_kind_are_measured_in_order(network, tmp_path):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    torch.save(weights(0), folder / "epoch-1.pt")
    torch.save({"epoch": 2, "state_dict": prefixed(weights(1), "module.")}, folder / "epoch-2.pth")
    torch.save({"model": prefixed(weights(2), "_orig_mod.module.")}, folder / "run3-epoch=10.ckpt")
    save_file(weights(3), folder / "step_30.safetensors")
    (folder / "notes.txt").write_text("")
    assert list(find_checkpoints(folder)) == [1, 2, 10, 30]
    said = []
    measure_checkpoints(network, folder, tmp_path / "out.csv", log=said.append)
    table = pd.read_csv(tmp_path / "out.csv")
    assert list(table.epoch.unique()) == [1, 2, 10, 30]
    assert said[2].startswith("epoch 10: nc1 ")
    assert said[2].endswith("(run3-epoch=10.ckpt)")
    generator = torch.Generator().manual_seed(0)
    loader = [(torch.randn(30, 4, generator=generator), torch.arange(30) % 3)]
    for epoch, seed in ((1, 0), (2, 1), (10, 2), (30, 3)):
        model = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        model.load_state_dict(weights(seed))
        expected = collapse.measure(model, loader, layers=["1"])
        found = table[table.epoch == epoch].value.to_numpy()
        assert found == pytest.approx(expected.value.to_numpy(), rel=1e-12, nan_ok=True)


def test_checkpoints_that_are_none_say_so(network, tmp_path):
    folder = tmp_path / "checkpoints"
    with pytest.raises(ValueError, match="is no folder"):
        find_checkpoints(folder)
    folder.mkdir()
    with pytest.raises(ValueError, match="holds no checkpoint"):
        find_checkpoints(folder)
    torch.save(weights(0), folder / "last.pt")
    with pytest.raises(ValueError, match=r"last\.pt has no number"):
        find_checkpoints(folder)
    (folder / "last.pt").rename(folder / "epoch-1.pt")
    torch.save(weights(0), folder / "epoch-01.pth")
    with pytest.raises(ValueError, match="are both of epoch 1"):
        find_checkpoints(folder)
    model = nn.Linear(4, 3)
    with pytest.raises(ValueError, match=r"epoch-1\.pt does not fit the model"):
        load_weights(model, folder / "epoch-1.pt")
    for content, message in (({"losses": [1.0]}, r"holds the keys \['losses'\]"), ([1], "holds a list")):
        torch.save(content, folder / "epoch-2.pt")
        with pytest.raises(ValueError, match=message):
            load_weights(model, folder / "epoch-2.pt")
    torch.save(model, folder / "epoch-3.pt")  # a pickle, which could execute anything
    with pytest.raises(ValueError, match=r"epoch-3\.pt is no file of tensors"):
        load_weights(model, folder / "epoch-3.pt")
    network.write_text("def model(): pass")
    (folder / "epoch-01.pth").unlink()
    with pytest.raises(ValueError, match="defines no function loader"):
        measure_checkpoints(network, folder, tmp_path / "out.csv")


def run(*command):
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, env=environment)


def test_the_example_monitors_and_its_checkpoints_give_the_same_table(tmp_path):
    example, folder = ROOT / "examples" / "monitor_your_training.py", tmp_path / "monitored"
    said = run(example, folder)
    assert said.returncode == 0, said.stderr
    assert "cosine_mean" in said.stdout
    command = ("-m", "collapse.checkpoints", example, folder / "checkpoints", "--out", folder / "afterwards.csv")
    said = run(*command)
    assert said.returncode == 0, said.stderr
    during, afterwards = ((folder / name).read_text() for name in ("collapse.csv", "afterwards.csv"))
    assert during == afterwards
    table = pd.read_csv(folder / "collapse.csv")
    nc1 = table[(table.split == "train") & (table.layer == "features") & (table.metric == "nc1")]
    assert nc1.value.iloc[-1] < 0.2 * nc1.value.iloc[0]
    with pytest.raises(SystemExit, match=f"^error: path {folder / 'afterwards.csv'} exists"):
        main([str(part) for part in command[2:]])
