"""collapse.measure takes the loaders, labels and outputs that people have, or says what is wrong."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.torch.independent import expected, found
from torch import nn
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

import collapse
from collapse.metrics.undefined import Undefined

K = 3


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, K))


def data(n=60):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, 16, generator=generator), torch.arange(n) % K


X, Y = data()
DATASET = TensorDataset(X, Y)
PLAIN = [(X, Y)]


def values(table):
    return table.set_index(["split", "layer", "bn_mode", "classes", "metric"]).value


def same(table, other):
    """Whether two tables hold the same."""
    np.testing.assert_allclose(values(table), values(other).reindex(values(table).index), rtol=1e-5, atol=1e-6)
    assert len(table) == len(other)
    return True


class Wrapped(nn.Module):
    """A model that gives its logits in some other way."""

    def __init__(self, how):
        super().__init__()
        self.inner, self.how = model(), how

    def forward(self, x):
        return self.how(self.inner(x), self.inner[:-1](x))


@pytest.mark.parametrize(
    "how",
    [
        lambda logits, h: {"logits": logits},
        lambda logits, h: {"answers": logits, "features": h},
        lambda logits, h: (logits, h),
        lambda logits, h: (h, logits),
        lambda logits, h: [logits],
        lambda logits, h: SimpleNamespace(logits=logits, loss=None, hidden_states=(h,)),
    ],
    ids=["dict", "dict-other-names", "tuple", "tuple-features-first", "list", "object"],
)
def test_logits_may_be_in_a_dict_a_tuple_or_an_object(how):
    class Once(Wrapped):
        def forward(self, x):
            h = self.inner[:-1](x)
            return self.how(self.inner[-1](h), h)

    assert same(collapse.measure(Once(how), PLAIN), collapse.measure(model(), PLAIN))


def test_an_output_without_a_tensor_is_refused():
    with pytest.raises(ValueError, match="the model gives a dict: a tensor of logits"):
        collapse.measure(Wrapped(lambda logits, h: {"loss": 0.1}), PLAIN)


class Keywords(nn.Module):
    """Called by keywords, as Hugging Face's models are."""

    def __init__(self):
        super().__init__()
        self.inner = model()

    def forward(self, left=None, right=None):
        return SimpleNamespace(logits=self.inner(torch.cat([left, right], 1)))


def test_batches_may_be_dicts_tuples_of_more_and_numpy():
    plain = collapse.measure(model(), PLAIN)
    assert same(collapse.measure(model(), [(X, Y, torch.arange(60), "more")]), plain)
    assert same(collapse.measure(model(), [{"image": X, "label": Y}]), plain)
    assert same(collapse.measure(model(), [(X.numpy(), Y.numpy())]), plain)
    assert same(collapse.measure(model(), [[X, Y.tolist()]]), plain)
    halves = {"left": X[:, :9], "right": X[:, 9:]}
    assert same(collapse.measure(Keywords(), [halves | {"labels": Y}]), plain)
    assert same(collapse.measure(Keywords(), [(halves, Y)]), plain)
    assert same(collapse.measure(Keywords(), [((X[:, :9], X[:, 9:]), Y)]), plain)


@pytest.mark.parametrize(
    "labels",
    [Y[:, None], nn.functional.one_hot(Y, K), nn.functional.one_hot(Y, K).float(), Y.tolist(), Y.to(torch.uint8)],
    ids=["column", "one-hot", "one-hot-float", "list", "uint8"],
)
def test_labels_may_be_a_column_one_hot_or_a_list(labels):
    assert same(collapse.measure(model(), [(X, labels)]), collapse.measure(model(), PLAIN))
    assert collapse.nc1(X, labels) == collapse.nc1(X, Y)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (0.9 * Y, r"labels of loader \(60,\) are torch.float32: integers"),
        (Y.double(), r"labels of loader \(60,\) are torch.float64"),
        (nn.functional.one_hot(Y, K) * 0.9 + 0.03, r"labels of loader \(60, 3\) are not one-hot"),
        (Y.reshape(30, 2), r"labels of loader have shape \(30, 2\): integers \(n,\), or one-hot \(n, 3\)"),
        (Y[:59], r"loader: features \(60, 8\) and 59 labels do not pair"),
        (Y - 1, "labels of loader run from -1: .* has 3 classes"),
        (Y + 1, "labels of loader run to 3: .* has 3 classes"),
        (["a"] * 60, "labels of loader are no numbers"),
        (None, "labels of loader are no numbers"),
    ],
    ids=["scaled", "double", "soft", "two", "fewer", "negative", "large", "words", "none"],
)
def test_labels_that_are_no_classes_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        collapse.measure(model(), [(X, labels)])


def test_labels_of_nc1_are_whole_numbers_and_may_be_any():
    with pytest.raises(ValueError, match=r"are torch\.float32: integers"):
        collapse.nc1(X, 0.9 * Y)
    far = torch.tensor([5, 1_440_764, 70])[Y]
    assert collapse.nc1(X, far) == pytest.approx(collapse.nc1(X, Y), rel=1e-12)
    assert collapse.nc1(X.numpy(), Y.numpy()) == collapse.nc1(X, Y)
    with pytest.raises(ValueError, match=r"features have shape \(60,\)"):
        collapse.nc1(X[:, 0], Y)


def test_samples_without_a_label_are_left_out():
    kept = torch.arange(60) % 7 != 0
    ignored = torch.where(kept, Y, -100)
    wanted = collapse.measure(model(), [(X[kept], Y[kept])])
    batches = [*zip(X.split(16), ignored.split(16), strict=True), (X[:4], torch.full((4,), -100))]
    assert same(collapse.measure(model(), batches), wanted)
    assert same(collapse.measure(model(), [(X, torch.where(kept, Y, -1))], ignore_index=-1), wanted)
    with pytest.raises(ValueError, match="loader holds no sample whose label counts: all are -100"):
        collapse.measure(model(), [(X, torch.full((60,), -100))])


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_values_that_are_not_finite_are_refused(bad):
    x = X.clone()
    x[17, 3] = bad
    with pytest.raises(ValueError, match="test: layer 'features' gives values that are not finite"):
        collapse.measure(model(), PLAIN, [(X[:9], Y[:9]), (x, Y)])
    with pytest.raises(ValueError, match="not finite"):
        collapse.measure(model(), [(x, Y)])
    with pytest.raises(ValueError, match="other: features"):
        collapse.measure(model(), PLAIN, other=[x])
    network = model()
    with torch.no_grad():
        network[-1].bias[0] = bad
    with pytest.raises(ValueError, match=r"the model's output \(60, 3\) on the first batch has values that are not"):
        collapse.measure(network, PLAIN)
    with pytest.raises(ValueError, match="not finite"):
        collapse.nc1(x, Y)


@pytest.mark.parametrize(
    ("loader", "message"),
    [
        (DATASET, r"loader is a Dataset \(TensorDataset\): give DataLoader\(loader, batch_size=...\)"),
        (X, "loader is a Tensor: batches"),
        (7, "loader is a int: batches"),
        ([X], r"a batch of loader is a Tensor of shape \(60, 16\): batches \(inputs, labels\) are wanted"),
        ([(X,)], r"a batch of loader is a tuple of 1: batches"),
        ([{"image": X}], r"a batch of loader has the keys \['image'\]: one of labels,"),
        (DataLoader([]), "loader holds no batch"),
    ],
    ids=["dataset", "tensor", "number", "no-labels", "one-tuple", "dict", "empty"],
)
def test_what_is_no_loader_says_what_is_wanted(loader, message):
    with pytest.raises(ValueError, match=message):
        collapse.measure(model(), loader)


def test_other_data_may_have_labels_or_none():
    tables = [collapse.measure(model(), PLAIN, other=other) for other in ([X], [(X, Y)], [[X]], [{"image": X}])]
    assert all(same(table, tables[0]) for table in tables)
    assert "ood_orthogonality" in set(tables[0].metric)
    for empty in ([], DataLoader([])):
        with pytest.raises(ValueError, match="other holds no batch"):
            collapse.measure(model(), PLAIN, other=empty)
    with pytest.raises(ValueError, match="other is a Dataset"):
        collapse.measure(model(), PLAIN, other=DATASET)


def test_the_device_is_where_the_model_is():
    assert same(collapse.measure(model(), PLAIN, device="cpu"), collapse.measure(model(), PLAIN))
    with pytest.raises(ValueError, match="device 'meta': the model's parameters are on cpu"):
        collapse.measure(model(), PLAIN, device="meta")
    with pytest.raises(ValueError, match="device 'gpu'"):
        collapse.measure(model(), PLAIN, device="gpu")


def test_a_model_that_is_none_is_refused():
    with pytest.raises(ValueError, match="model is a function"):
        collapse.measure(lambda x: x, PLAIN)


def test_a_model_of_another_precision_than_its_inputs():
    for dtype in (torch.float64, torch.bfloat16):
        network = model().to(dtype)
        with torch.no_grad():
            h, logits = network[:-1](X.to(dtype)), network(X.to(dtype))
        wanted = expected(
            h.double().numpy(),
            Y.numpy(),
            network[-1].weight.detach().double().numpy(),
            network[-1].bias.detach().double().numpy(),
            logits.double().numpy(),
        )
        assert found(collapse.measure(network, PLAIN), wanted) == pytest.approx(wanted, rel=1e-4, abs=1e-6)


class Noisy(TensorDataset):
    """Augments its images."""

    def __getitem__(self, index):
        image, label = super().__getitem__(index)
        return image + 0.1 * torch.randn(16), label


@pytest.mark.parametrize(
    "loader",
    [
        lambda: DataLoader(DATASET, batch_size=16, shuffle=True, drop_last=True),
        lambda: DataLoader(DATASET, batch_size=16, sampler=RandomSampler(DATASET, replacement=True)),
        lambda: DataLoader(Noisy(X, Y), batch_size=16),
    ],
    ids=["drop_last", "random-sampler", "augmentation"],
)
def test_a_loader_that_gives_other_samples_each_time_is_noticed(loader):
    with pytest.raises(ValueError, match=r"loader gives other samples each time.*without random sampler"):
        collapse.measure(model(), loader(), memory=0)
    with pytest.raises(ValueError, match="test gives other samples each time"):
        collapse.measure(model(), PLAIN, loader(), memory=0)
    collapse.measure(model(), loader())  # swept once, and kept


def test_the_same_samples_in_another_order_are_the_same():
    shuffled = DataLoader(DATASET, batch_size=16, shuffle=True)
    table = collapse.measure(model(), shuffled, memory=0)
    np.testing.assert_allclose(values(table), values(collapse.measure(model(), PLAIN)), rtol=1e-4, atol=1e-5)


def test_measuring_draws_no_random_numbers_of_the_training():
    torch.manual_seed(3)
    first = torch.rand(4)
    torch.manual_seed(3)
    collapse.measure(model := Wrapped(lambda logits, h: logits).inner, DataLoader(DATASET, batch_size=16, shuffle=True))
    assert model.training
    torch.manual_seed(3)
    collapse.measure(model, DataLoader(DATASET, batch_size=16, shuffle=True))
    assert torch.equal(torch.rand(4), first)


def test_a_long_sweep_says_how_far_it_is(capsys, monkeypatch):
    monkeypatch.setattr("collapse.statistics.batches.EVERY", 0.0)
    collapse.measure(model(), DataLoader(DATASET, batch_size=16))
    assert "loader: batch 3 of 4, 0 s" in capsys.readouterr().err
    collapse.measure(model(), DataLoader(DATASET, batch_size=16), progress=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("scale", [1e-22, 1e20, 1e-30, 1e30])
def test_features_of_any_size_are_measured_as_well(scale):
    torch.manual_seed(0)
    h = torch.randn(K, 12)[Y] + 0.05 * torch.randn(60, 12)
    scaled, head = h * scale, nn.Sequential(nn.Flatten(), nn.Linear(12, K))
    exact = expected(scaled.double().numpy(), Y.numpy(), head[1].weight.detach().numpy())
    assert collapse.nc1(scaled, Y) == pytest.approx(exact["nc1"], rel=1e-5)
    table = collapse.measure(head, [(scaled, Y)])
    names = ["nc1", "within_trace", "cosine_mean", "equiangularity", "self_duality"]
    assert found(table, names) == pytest.approx({name: exact[name] for name in names}, rel=1e-5)
    assert found(table, ["ncc_accuracy"])["ncc_accuracy"] == 1
    assert not np.isinf(table.value).any()


def test_one_sample_a_class_says_nothing_about_their_variability():
    table = collapse.measure(model(), [(X[:K], Y[:K])])
    table = table[(table.layer == "features") & (table.classes == "all")].set_index("metric")
    undefined = ["nc1", "nc1_sum", "nc1_sample_mean", "separation_fuzziness", "nc1_trace_ratio", "cdnv", "within_trace"]
    assert table.value[undefined].isna().all()
    assert table.reason[undefined].str.contains("one sample a class").all()
    assert not np.isnan(table.value["cosine_mean"])
    with pytest.raises(Undefined, match="one sample a class"):
        collapse.nc1(X[:K], Y[:K])
