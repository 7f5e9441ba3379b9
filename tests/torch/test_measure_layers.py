"""collapse.measure sees the layers that it is asked for, once each and a row a sample, or says what is wrong."""

import pytest
import torch
from tests.torch.ordinary import D, K, Net, batches, images, labels
from torch import nn

import collapse
from collapse.models.entries import NETWORKS
from collapse.models.network import Shape, build


def test_a_layer_that_is_called_twice_is_asked_for_by_number():
    torch.manual_seed(0)
    relu = nn.ReLU()
    network = nn.Sequential(nn.Linear(16, 12), relu, nn.Linear(12, D), relu, nn.Linear(D, K))
    with pytest.raises(ValueError, match=r"layer '1' is called 2 times in one pass.*1#1 or 1#2"):
        collapse.measure(network, batches(), layers=["1"])
    table = collapse.measure(network, batches(), layers=["1#1", "1#2"])
    nc1 = table[table.metric == "nc1"].set_index("layer").value
    with torch.no_grad():
        first = network[:2](images())
    assert nc1["1#1"] == pytest.approx(collapse.nc1(first, labels()), rel=1e-6)
    assert nc1["1#2"] == nc1["features"] != nc1["1#1"]
    with pytest.raises(ValueError, match=r"layer '1#3' is called 2 times"):
        collapse.measure(network, batches(), layers=["1#3"])


class Tokens(nn.Module):
    """Tokens first, as nn.TransformerEncoder has them by default; the classifier sees the first of them."""

    def __init__(self, tokens):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.mix, self.fc = nn.Linear(1, D), nn.Linear(D, D), nn.Linear(D, K)
        self.tokens = tokens

    def forward(self, x):  # (n, 16)
        h = self.embed(x[:, : self.tokens].T[:, :, None])  # (t, n, d)
        return self.fc(self.mix(h).relu().mean(0))


@pytest.mark.parametrize("tokens", [5, 12])
def test_samples_along_another_axis_are_refused_or_said(tokens):
    """Batches of 12: with as many tokens, shapes do not tell which axis is which."""
    network, loader = Tokens(tokens), batches(size=12)
    with pytest.raises(ValueError, match=rf"layer 'mix' gives \({tokens}, 1[23], 8\) of 1[23] samples.*layers="):
        collapse.measure(network, loader, layers=["mix"])
    table = collapse.measure(network, loader, layers={"mix": 1})
    with torch.no_grad():
        h = network.mix(network.embed(images()[:, :tokens].T[:, :, None])).movedim(1, 0)
    nc1 = table[(table.metric == "nc1") & (table.layer == "mix")].value.item()
    assert nc1 == pytest.approx(collapse.nc1(h, labels()), rel=1e-5)


@pytest.mark.parametrize("tokens", [5, 12])
def test_features_along_another_axis_are_refused_or_said(tokens):
    network, loader = Tokens(tokens), batches(size=12)
    with pytest.raises(ValueError, match=r"layer 'features' gives .*say.*as features=\{name: "):
        collapse.measure(network, loader, classifier=None, features="mix")
    table = collapse.measure(network, loader, classifier=None, features={"mix": 1})
    other = collapse.measure(network, loader, layers={"mix": 1})
    nc1 = table[(table.metric == "nc1") & (table.layer == "features")].value.item()
    assert nc1 == other[(other.metric == "nc1") & (other.layer == "mix")].value.item()


def test_as_many_channels_as_samples_are_no_reason_to_refuse():
    network = Net()
    table = collapse.measure(network, batches(size=12), layers=["body.0"])  # (12, 12)
    assert (table.layer == "body.0").any()


class Pair(nn.Module):
    """Gives a tuple."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        h = self.module(x)
        return h, h.square()


def test_a_layer_that_returns_a_tuple():
    torch.manual_seed(0)
    network = Net(after={"pair": Pair(nn.Linear(D, D))}, how=lambda self, h: self.fc(self.pair(h)[0]))
    with pytest.raises(ValueError, match=r"'pair' \(Pair\) gives 2 tensors.*pair\[0\]: \(16, 8\) or pair\[1\]"):
        collapse.measure(network, batches(), layers=["pair"])
    table = collapse.measure(network, batches(), layers=["pair[0]", "pair[1]"])
    nc1 = table[table.metric == "nc1"].set_index("layer").value
    assert nc1["pair[0]"] == nc1["features"] != nc1["pair[1]"]
    alone = Net(
        after={"lstm": nn.LSTM(D, D, batch_first=True)}, how=lambda self, h: self.fc(self.lstm(h[:, None])[0][:, 0])
    )
    assert (collapse.measure(alone, batches(), layers=["lstm"]).layer == "lstm").any()


def test_a_layer_that_is_never_called_is_an_error():
    network = Net(after={"unused": nn.Linear(D, K)})
    with pytest.raises(ValueError, match="layer 'unused' is called 0 times"):
        collapse.measure(network, batches(), layers=["unused"])
    with pytest.raises(ValueError, match="unused"):
        collapse.measure(network, batches(), classifier="unused")


def test_a_layer_called_features_is_not_the_features():
    network = Net(after={"features": nn.Identity()}, how=lambda self, h: self.fc(self.features(h).relu() + 1))
    with pytest.raises(ValueError, match=r"layer 'features': the table calls something else so.*'features#1'"):
        collapse.measure(network, batches(), layers=["features"])
    table = collapse.measure(network, batches(), layers=["features#1"])
    assert {"features", "features#1"} <= set(table.layer)


class FixedBatch(nn.Module):
    """Runs on twelve samples and no other number."""

    def __init__(self):
        super().__init__()
        self.inner, self.fc = nn.Linear(16, 12), nn.Linear(12, K)

    def forward(self, x):
        return self.fc(self.inner(x.reshape(12, 16)))


def test_a_model_of_a_fixed_batch_needs_the_axis_said_where_it_is_unclear():
    torch.manual_seed(0)
    network, loader = FixedBatch(), batches(size=12)
    with pytest.raises(ValueError, match=r"'inner' gives \(12, 12\) of 12 samples: say which axis is theirs"):
        collapse.measure(network, loader, layers=["inner"])
    table = collapse.measure(network, loader, layers={"inner": 0})
    nc1 = table[table.metric == "nc1"].set_index("layer").value
    assert nc1["inner"] == nc1["features"]


def test_our_own_networks_are_seen_as_everybodys():
    """Every layer, inside and out, by PyTorch's own hooks."""
    network = build("mlp", Shape(1, 4, K), NETWORKS["mlp"].options(), seed=0)
    loader = [(x.reshape(-1, 1, 4, 4), y) for x, y in batches()]
    table = collapse.measure(network, loader, layers=["layers.fc1.0", "layers.fc1"])
    with torch.no_grad():
        h = network.eval().layers["fc1"][0](images())
    nc1 = table[(table.layer == "layers.fc1.0") & (table.metric == "nc1")].value.item()
    assert nc1 == pytest.approx(collapse.nc1(h, labels()), rel=1e-6)
