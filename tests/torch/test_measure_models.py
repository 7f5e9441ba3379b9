"""collapse.measure takes the right layer of the networks that people have, or says what is wrong."""

import numpy as np
import pytest
import torch
from tests.torch.independent import expected, found
from tests.torch.ordinary import D, K, Net, batches, body, images, labels
from torch import nn
from torch.nn import functional as F

import collapse


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
    with pytest.raises(ValueError, match="features= names the one layer to measure where classifier=None"):
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


def test_a_head_on_tokens_says_what_is_wanted():
    network = Net(how=lambda self, h: self.fc(h[:, None].expand(-1, 4, -1)))
    with pytest.raises(ValueError, match=r"the model gives \(16, 4, 3\): logits \(n, K\) are wanted"):
        collapse.measure(network, batches())
    pooled = Net(how=lambda self, h: self.fc(h[:, None].expand(-1, 4, -1)).mean(1))
    with pytest.raises(ValueError, match=r"no layer gives the model's output \(16, 3\)"):
        collapse.measure(pooled, batches())
