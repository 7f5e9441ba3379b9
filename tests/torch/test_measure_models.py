"""collapse.measure takes the right layer of the networks that people have, or says what is wrong."""

import numpy as np
import pytest
import torch
from tests.torch.independent import expected, found
from torch import nn
from torch.nn import functional as F

import collapse
from collapse.models.network import Shape, build
from collapse.models.options import OPTIONS

D, K = 8, 3


def images(n=60):
    return torch.randn(n, 16, generator=torch.Generator().manual_seed(1))


def labels(n=60):
    return torch.arange(n) % K


def batches(n=60, size=16):
    return list(zip(images(n).split(size), labels(n).split(size), strict=True))


def body():
    return nn.Sequential(nn.Linear(16, 12), nn.ReLU(inplace=True), nn.Linear(12, D), nn.ReLU())


class Net(nn.Module):
    """A body and a head, with more modules registered before and after; `how` says what forward does."""

    def __init__(self, before=None, after=None, head=None, how=lambda self, h: self.fc(h)):
        super().__init__()
        torch.manual_seed(0)
        for name, module in (before or {}).items():
            setattr(self, name, module)
        if head is not None:
            self.fc = head
        self.body = body()
        if not hasattr(self, "fc"):
            self.fc = nn.Linear(D, K)
        for name, module in (after or {}).items():
            setattr(self, name, module)
        self.how = how

    def forward(self, x):
        return self.how(self, self.body(x))


def check(table, network, weight=None, bias=None, logits=None, **close):
    """The table's values are those of what goes into fc."""
    with torch.no_grad():
        h = network.eval().body(images()).double().numpy()
    weight = network.fc.weight if weight is None else weight
    bias = network.fc.bias if bias is None else bias
    wanted = expected(h, labels().numpy(), weight.detach().numpy(), bias.detach().numpy(), logits)
    ours = found(table, wanted)
    assert ours == pytest.approx(wanted, **({"rel": 1e-5, "abs": 1e-6} | close))


@pytest.mark.parametrize(
    "network",
    [
        lambda: Net(head=nn.Linear(D, K)),  # registered before the body
        lambda: Net(after={"unused": nn.Linear(D, K)}),
        lambda: Net(
            after={"projection": nn.Linear(D, 20)}, how=lambda self, h: self.fc(h) + 0 * self.projection(h).sum()
        ),
        lambda: Net(after={"auxiliary": nn.Linear(D, K)}, how=lambda self, h: (self.fc(h), self.auxiliary(h).mean())),
        lambda: Net(before={"same": nn.Identity()}, how=lambda self, h: self.same(self.fc(h))),
    ],
    ids=["first", "unused", "projection", "auxiliary", "identity"],
)
def test_the_classifier_is_found_by_what_it_does(network):
    network = network()
    check(collapse.measure(network, batches()), network)


def test_a_convolution_of_one_pixel_is_a_classifier_too():
    network = Net(head=nn.Conv2d(D, K, 1), how=lambda self, h: self.fc(h[:, :, None, None]).flatten(1))
    check(collapse.measure(network, batches()), network, weight=network.fc.weight.flatten(1))


def test_two_heads_whose_outputs_are_given_have_to_be_chosen_from():
    network = Net(after={"aux": nn.Linear(D, K)}, how=lambda self, h: (self.fc(h), self.aux(h)))
    with pytest.raises(
        ValueError, match=r"could be fc, which gives \(16, 3\) or aux, which gives \(16, 3\).*classifier="
    ):
        collapse.measure(network, batches())
    check(collapse.measure(network, batches(), classifier="fc"), network)
    table = collapse.measure(network, batches(), classifier="aux")
    check(table, network, network.aux.weight, network.aux.bias)


def test_logits_that_no_layer_gives_name_the_candidates():
    network = Net(how=lambda self, h: 3 * self.fc(h))
    message = r"no layer gives the model's output \(16, 3\).*body\.0, which gives \(16, 12\).*fc, which gives \(16, 3\)"
    with pytest.raises(ValueError, match=message):
        collapse.measure(network, batches())
    with pytest.raises(ValueError, match=r"'body\.2' gives.*no layer|'body\.2' gives the model's output \(16, 3\)"):
        collapse.measure(network, batches(), classifier="body.2")


class Cosine(nn.Module):
    """A head of cosines between features and weights, ten times."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(K, D))

    def forward(self, h):
        return 10 * F.linear(F.normalize(h), F.normalize(self.weight))


def test_a_head_that_is_no_linear_map_is_refused_and_needs_none():
    network = Net(head=Cosine())
    with pytest.raises(ValueError, match=r"'fc' \(Cosine\).*not linear.*classifier=None, features="):
        collapse.measure(network, batches())
    table = collapse.measure(network, batches(), classifier=None, features="body")
    with torch.no_grad():
        h, logits = network.eval().body(images()).numpy(), network(images()).numpy()
    wanted = expected(h, labels().numpy(), np.ones((K, D)), logits=logits)
    names = ["nc1", "within_trace", "cosine_mean", "equiangularity", "ncc_mismatch", "accuracy", "loss"]
    assert found(table, names) == pytest.approx({name: wanted[name] for name in names}, rel=1e-5)
    assert not {"classifier", "head"} & set(table.layer)
    assert not {"self_duality", "nc4"} & set(table.metric)


def test_an_encoder_has_features_and_no_answers():
    table = collapse.measure(body(), batches(), batches(30), classifier=None, features="3")
    assert {"train", "test"} == set(table.split)
    assert not {"accuracy", "loss", "ncc_mismatch"} & set(table.metric)
    assert {"nc1", "ncc_accuracy"} <= set(table.metric)


@pytest.mark.parametrize("how", [{"classifier": None}, {"features": "body"}])
def test_features_go_with_no_classifier(how):
    with pytest.raises(ValueError, match="features= names the layer to measure where classifier=None"):
        collapse.measure(Net(), batches(), **how)


@pytest.mark.parametrize("soften", [lambda z: z.softmax(1), lambda z: z.log_softmax(1)], ids=["softmax", "log"])
def test_a_model_that_ends_in_softmax_gives_the_logits_before_it_if_told(soften):
    network = Net(how=lambda self, h: soften(self.fc(h)))
    with pytest.raises(ValueError, match=r"softmax of what 'fc' gives.*classifier='fc'"):
        collapse.measure(network, batches())
    check(collapse.measure(network, batches(), classifier="fc"), network)


def test_probabilities_are_no_logits_without_a_classifier_either():
    network = Net(how=lambda self, h: self.fc(h).softmax(1))
    with pytest.raises(ValueError, match=r"output \(16, 3\) is a probability a class, and no logits"):
        collapse.measure(network, batches(), classifier=None, features="body")


def test_every_submodule_is_left_in_its_mode():
    network = nn.Sequential(nn.Linear(16, D), nn.BatchNorm1d(D), nn.Dropout(), nn.Linear(D, K)).train()
    network[1].eval()
    collapse.measure(network, batches(), train_mode=True)
    assert [module.training for module in network] == [True, False, True, True]
    assert network.training


def test_train_mode_is_that_of_batch_norms_alone():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(16, D), nn.BatchNorm1d(D), nn.Dropout(0.9), nn.Linear(D, K)).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    table = collapse.measure(network, batches(size=30), layers=["1"], train_mode=True)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    with torch.no_grad():
        norm = nn.BatchNorm1d(D)
        h = torch.cat([norm(network[0](part)) for part in images().split(30)]).numpy()
    wanted = expected(h, labels().numpy(), network[3].weight.detach().numpy())
    train = table[(table.bn_mode == "train") & (table.metric == "nc1")].set_index("layer").value
    # Dropout drops nothing: the features are what the batch norm gives.
    assert train["1"] == train["features"] == pytest.approx(wanted["nc1"], rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_statistics_are_not_computed_under_autocast(dtype):
    torch.manual_seed(0)
    network = Net()
    with torch.autocast("cpu", dtype=dtype):
        table = collapse.measure(network, batches())
        with torch.no_grad():
            h, logits = network.eval().body(images()), network(images())
        y = labels()
        alone = collapse.nc1(h.float(), y)
    assert h.dtype == dtype
    wanted = expected(
        h.double().numpy(),
        y.numpy(),
        network.fc.weight.detach().numpy(),
        network.fc.bias.detach().numpy(),
        logits.double().numpy(),
    )
    assert found(table, wanted) == pytest.approx(wanted, rel=1e-4, abs=1e-6)
    assert alone == pytest.approx(wanted["nc1"], rel=1e-5)


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


def test_a_classifier_that_is_called_twice_is_the_call_that_gives_the_logits():
    def how(self, h):
        self.fc(h.flip(1))
        logits = self.fc(h)
        self.fc(2 * h)
        return logits

    network = Net(how=how)
    check(collapse.measure(network, batches()), network)
    check(collapse.measure(network, batches(), classifier="fc#2"), network)
    with pytest.raises(ValueError, match="'fc#3' gives the model's output"):
        collapse.measure(network, batches(), classifier="fc#3")
    both = Net(how=lambda self, h: (self.fc(h), self.fc(-h)))
    with pytest.raises(ValueError, match=r"could be fc#1, .* or fc#2"):
        collapse.measure(both, batches())


class Caching(nn.Module):
    """Keeps the scale of its first batch, and uses it from then on."""

    def __init__(self):
        super().__init__()
        self.linear, self.kept = nn.Linear(16, K), None

    def forward(self, x):
        if self.kept is None:
            self.kept = x.abs().mean(0)
        return self.linear(x * self.kept)


def test_a_model_that_keeps_a_tensor_can_be_trained_afterwards():
    network = Caching()
    collapse.measure(network, batches())
    assert not network.kept.is_inference()
    x = images().requires_grad_()
    F.cross_entropy(network(x), labels()).backward()
    assert x.grad is not None


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


def test_a_head_on_tokens_says_what_is_wanted():
    network = Net(how=lambda self, h: self.fc(h[:, None].expand(-1, 4, -1)))
    with pytest.raises(ValueError, match=r"the model gives \(16, 4, 3\): logits \(n, K\) are wanted"):
        collapse.measure(network, batches())
    pooled = Net(how=lambda self, h: self.fc(h[:, None].expand(-1, 4, -1)).mean(1))
    with pytest.raises(ValueError, match=r"no layer gives the model's output \(16, 3\)"):
        collapse.measure(pooled, batches())


def test_a_layer_called_features_is_not_the_features():
    network = Net(after={"features": nn.Identity()}, how=lambda self, h: self.fc(self.features(h).relu() + 1))
    with pytest.raises(ValueError, match=r"layer 'features': the table calls something else so.*'features#1'"):
        collapse.measure(network, batches(), layers=["features"])
    table = collapse.measure(network, batches(), layers=["features#1"])
    assert {"features", "features#1"} <= set(table.layer)


def test_our_own_networks_are_seen_as_everybodys():
    """Every layer, inside and out, by PyTorch's own hooks."""
    network = build("mlp", Shape(1, 4, K), OPTIONS["mlp"](), seed=0)
    loader = [(x.reshape(-1, 1, 4, 4), y) for x, y in batches()]
    table = collapse.measure(network, loader, layers=["layers.fc1.0", "layers.fc1"])
    with torch.no_grad():
        h = network.eval().layers["fc1"][0](images())
    nc1 = table[(table.layer == "layers.fc1.0") & (table.metric == "nc1")].value.item()
    assert nc1 == pytest.approx(collapse.nc1(h, labels()), rel=1e-6)
