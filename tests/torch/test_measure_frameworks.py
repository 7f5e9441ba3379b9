"""collapse.measure on networks as other libraries make them, against an independent computation in float64."""

import warnings
from collections import OrderedDict

import pytest
import torch
from tests.torch.independent import expected, found
from torch import nn
from torch.nn import functional as F
from torchvision.models import VisionTransformer, resnet18

import collapse

K = 3
Y = torch.arange(30) % K
IMAGES = torch.randn(30, 3, 32, 32, generator=torch.Generator().manual_seed(1)) + 0.3 * Y[:, None, None, None]
LOADER = list(zip(IMAGES.split(8), Y.split(8), strict=True))


def check(table, features, fc, logits=None, rel=1e-5):
    """Against the features and the classifier, as they are in float64."""
    weight, bias = (part.detach().double().numpy() for part in (fc.weight, fc.bias))
    with torch.no_grad():
        h = torch.cat([features(part) for part in IMAGES.split(8)]).double().numpy()
        logits = None if logits is None else torch.cat([logits(part) for part in IMAGES.split(8)]).double().numpy()
    wanted = expected(h, Y.numpy(), weight, bias, logits)
    assert found(table, wanted) == pytest.approx(wanted, rel=rel, abs=1e-6)


def resnet():
    torch.manual_seed(0)
    return resnet18(weights=None, num_classes=K).eval()


def pooled(network, x):
    """What goes into a ResNet's classifier, written out."""
    x = network.maxpool(F.relu(network.bn1(network.conv1(x))))
    for stage in (network.layer1, network.layer2, network.layer3, network.layer4):
        x = stage(x)
    return x.mean((2, 3))


def test_a_resnet_of_torchvision():
    network = resnet()
    table = collapse.measure(network, LOADER, layers=["layer1", "layer2", "layer3", "layer4"])
    check(table, lambda x: pooled(network, x), network.fc)
    with pytest.raises(ValueError, match=r"'layer1\.0\.relu' is called 2 times.*layer1\.0\.relu#1"):
        collapse.measure(network, LOADER, layers=["layer1.0.relu"])
    second = collapse.measure(network, LOADER, layers=["layer4.1.relu#2"])
    nc1 = second[second.metric == "nc1"].set_index("layer").value
    assert nc1["layer4.1.relu#2"] == pytest.approx(nc1["features"], rel=1e-5)  # 1 x 1 pixels


def vit():
    torch.manual_seed(0)
    network = VisionTransformer(32, 8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=K).eval()
    nn.init.normal_(network.heads.head.weight)  # torchvision's is zero
    return network


def test_a_vision_transformer_is_measured_at_its_class_token():
    network = vit()

    def token(x):
        x = network.conv_proj(x).flatten(2).transpose(1, 2)
        x = torch.cat([network.class_token.expand(len(x), -1, -1), x], 1)
        return network.encoder(x)[:, 0]

    table = collapse.measure(network, LOADER, layers=["encoder.layers.encoder_layer_0", "encoder.ln"])
    check(table, token, network.heads.head)
    assert (table.layer == "encoder.ln").any()


class Output(OrderedDict):
    """What Hugging Face's models return: a dict whose entries are attributes too."""

    __getattr__ = OrderedDict.__getitem__


class ForImageClassification(nn.Module):
    """A model as Hugging Face's: keywords in, an object with a loss and logits out."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.classifier = nn.Linear(16, K)
        self.vit = nn.Sequential(nn.Flatten(), nn.Linear(3072, 16), nn.GELU())

    def forward(self, pixel_values, labels=None, return_dict=True):
        h = self.vit(pixel_values)
        logits = self.classifier(h)
        loss = None if labels is None else F.cross_entropy(logits, labels)
        return Output(loss=loss, logits=logits, hidden_states=(h,)) if return_dict else (logits, h)


@pytest.mark.parametrize("return_dict", [True, False])
def test_a_model_that_returns_an_object(return_dict):
    network = ForImageClassification().eval()
    loader = [{"pixel_values": x, "labels": y, "return_dict": return_dict} for x, y in LOADER]
    check(collapse.measure(network, loader), network.vit, network.classifier)


def test_a_bfloat16_model():
    """Its features are rounded as they are; what is computed of them is not."""
    network = resnet().bfloat16()
    body = nn.Sequential(*list(network.children())[:-1], nn.Flatten())
    table = collapse.measure(network, LOADER)
    check(table, lambda x: body(x.bfloat16()), network.fc, lambda x: network(x.bfloat16()))


def test_data_parallel():
    network = resnet()
    wanted = collapse.measure(network, LOADER, layers=["layer2"])
    table = collapse.measure(nn.DataParallel(network), LOADER, layers=["layer2"])
    assert table.equals(wanted)
    check(table, lambda x: pooled(network, x), network.fc)


@pytest.mark.parametrize("how", ["outside", "in place", "inside"])
def test_compiled_models_are_measured_as_they_are(how):
    network = ForImageClassification().eval()
    compiled = network
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, of its imports
        if how == "outside":
            compiled = torch.compile(network, backend="eager")
        elif how == "in place":
            network.compile(backend="eager")
        else:
            network.vit = torch.compile(network.vit, backend="eager")
        with torch.no_grad():
            compiled(LOADER[0][0])  # compiled before there are hooks
        table = collapse.measure(compiled, LOADER, layers=["vit.1" if how != "inside" else "vit._orig_mod.1"])
        plain = ForImageClassification().eval()
        check(table, plain.vit, plain.classifier)
        assert table.layer.str.endswith(".1").any()
