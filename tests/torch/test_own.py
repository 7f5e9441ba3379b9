"""Images and networks of one's own, and the keys of recipes that choose among a dataset's classes and pixels."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image

from collapse.config import Config
from collapse.data.entries import DATASETS
from collapse.data.images import pad
from collapse.data.own import BadDataset, OwnDataset
from collapse.data.prepare import load_own
from collapse.data.store import read_split, write_dataset
from collapse.data.subsets import draw, read_rows
from collapse.identity import cell_name, identity
from collapse.measuring import Measuring
from collapse.models.entries import NETWORKS
from collapse.models.network import BadBuilder
from collapse.own import register
from collapse.recipe import Recipe, Seeds
from collapse.runs import WrongRun, check_images
from collapse.statistics.extract import load_held_out
from collapse.training.inputs import load_images
from collapse.training.making import RunContext, publish
from collapse.training.run import train_run
from collapse.training.weights import network_of

CPU = torch.device("cpu")
COUNTS = {"train": (6, 4, 5), "test": (2, 3, 2)}
BUILDER = """\
from torch import nn

from collapse.models.heads import with_head


def build(shape, options):
    width = options.settings.get("width", 8)
    layers = {"flatten": nn.Flatten(), "wide": nn.Sequential(nn.Linear(shape.pixels, width), nn.ReLU())}
    return with_head(layers, width, shape, options, measured=["wide"])


def unready(shape, options):
    return nn.Linear(shape.pixels, shape.num_classes)
"""


@pytest.fixture(params=[1, 3], ids=["grey", "colour"])
def pixels(request):
    """Images (n, side, side[, 3]) and labels of two splits, in order of their labels."""
    rng, side = np.random.default_rng(0), (6, 6) if request.param == 1 else (6, 6, 3)
    labels = {split: np.repeat(np.arange(3), counts) for split, counts in COUNTS.items()}
    return {split: (rng.integers(0, 256, (len(y), *side), dtype=np.uint8), y) for split, y in labels.items()}


@pytest.fixture
def folder(pixels, tmp_path):
    """The images as an image folder, {train,test}/<class>/*.png; a class is called after an animal."""
    names, root = ("ant", "bee", "cat"), tmp_path / "folder"
    for split, (images, labels) in pixels.items():
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            path = root / split / names[label] / f"{i:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    (root / "train" / "ant" / "notes.txt").write_text("no image")
    return root


def archive(path, pixels, **changed):
    arrays = {f"{name}_{split}": pair[i] for split, pair in pixels.items() for i, name in enumerate("xy")} | changed
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


@pytest.fixture(autouse=True)
def _library_alone():
    yield
    register(Config())


def recipe(dataset="mine", model="mlp", **changed):
    protocol = {"learning_rate": 0.1, "weight_decay": 0, "batch_size": 4, "epochs": 2}
    given = {"imbalance": {"counts": "all"}, "protocol": protocol, "seeds": Seeds.all(0)}
    return Recipe.model_validate({"dataset": dataset, "model": model, **given, **changed})


def test_planning_sees_what_the_files_hold_and_preparing_reads_it(folder, pixels, tmp_path):
    path = archive(tmp_path / "images.npz", pixels)
    channels = 3 if pixels["train"][0].ndim == 4 else 1
    for own in (OwnDataset(folder=str(folder)), OwnDataset(npz=str(path))):
        entry = own.entry("mine")
        assert (entry.channels, entry.image_size, entry.train_counts) == (channels, 6, COUNTS["train"])
        for split, (images, labels) in load_own(own).items():
            assert np.array_equal(labels, pixels[split][1])
            expected = pixels[split][0].reshape(-1, 6, 6, channels).transpose(0, 3, 1, 2)
            assert np.array_equal(images, expected)
            assert images.dtype == np.uint8


def replace(folder, place, image):
    Image.fromarray(image).save(folder / place)


FAULTS = {
    "test is no folder": lambda folder: (folder / "test").rename(folder / "tests"),
    "only one of train and test has the class dog": lambda folder: (folder / "test/dog").mkdir(),
    "bee holds no image": lambda folder: [path.unlink() for path in (folder / "test/bee").iterdir()],
    "000.png can not be read as an image": lambda folder: (folder / "train/ant/000.png").write_text("text"),
    "000.png has 6 x 5 pixels: images have to be square": lambda folder: replace(
        folder, "train/ant/000.png", np.zeros((5, 6), np.uint8)
    ),
    "000.png has more than 8 bits a channel": lambda folder: replace(
        folder, "train/ant/000.png", np.zeros((6, 6), np.uint16)
    ),
}


@pytest.mark.parametrize("pixels", [1], indirect=True)
@pytest.mark.parametrize("message", FAULTS)
def test_a_folder_that_can_not_be_used_is_refused_while_planning(folder, message):
    FAULTS[message](folder)
    with pytest.raises(BadDataset, match=message):
        OwnDataset(folder=str(folder)).entry("mine")


@pytest.mark.parametrize("pixels", [1], indirect=True)
@pytest.mark.parametrize(
    ("shape", "message"),
    [((7, 7), "has 7 x 7 pixels: the first image of the dataset has 6 x 6"), ((6, 6, 3), "colour")],
)
def test_an_image_unlike_the_first_is_named_when_the_images_are_read(folder, shape, message):
    replace(folder, "test/cat/005.png", np.zeros(shape, np.uint8))
    with pytest.raises(BadDataset, match=rf"cat/005\.png.*{message}"):
        load_own(OwnDataset(folder=str(folder)))


@pytest.mark.parametrize("pixels", [1], indirect=True)
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x_test": None}, "lacks an array"),
        ({"x_train": np.zeros((15, 6, 6))}, "x_train is float64, not uint8"),
        ({"x_train": np.zeros((15, 6, 5), np.uint8)}, r"x_train is \(15, 6, 5\), not \(n, side, side\)"),
        ({"x_test": np.zeros((7, 5, 5), np.uint8)}, "x_train is .*, but x_test"),
        ({"y_train": np.zeros(14, int)}, "y_train is not a whole number for each image"),
        ({"y_test": np.full(7, 0.5)}, "y_test is not a whole number for each image"),
        ({"y_train": np.repeat([0, 2], [7, 8])}, "labels have to be 0 to K - 1"),
        ({"y_test": np.full(7, 3)}, "labels have to be 0 to K - 1"),
        ({"y_test": np.full(7, -1)}, "labels have to be 0 to K - 1"),
    ],
)
def test_an_archive_that_can_not_be_used_is_refused_while_planning(pixels, changed, message, tmp_path):
    path = archive(tmp_path / "images.npz", pixels, **changed)
    with pytest.raises(BadDataset, match=message) as error:
        OwnDataset(npz=str(path)).entry("mine")
    assert "images.npz" in str(error.value)


@pytest.mark.parametrize("pixels", [1], indirect=True)
def test_a_recipe_is_complete_without_the_configuration(folder):
    register(Config.model_validate({"datasets": {"mine": {"folder": str(folder)}}}))
    made = recipe()
    register(Config())
    assert "mine" not in DATASETS
    read = Recipe.model_validate_json(made.model_dump_json())
    assert (read.class_counts(), read.shape, cell_name(read)) == (COUNTS["train"], made.shape, cell_name(made))


@pytest.mark.parametrize("pixels", [1], indirect=True)
def test_images_that_change_under_their_name_are_refused_with_the_runs_of_the_old_ones(folder, tmp_path):
    own = OwnDataset(folder=str(folder))
    register(Config(datasets={"mine": own}))
    run = tmp_path / "runs" / cell_name(recipe()) / "seed-0"
    write_dataset(tmp_path / "mine", "mine", load_own(own))
    train_run(recipe(), RunContext(tmp_path / "mine", run, CPU, log=lambda text: None))
    publish(run)
    before, first = (tmp_path / "mine/train.safetensors").read_bytes(), own.fingerprint()
    replace(folder, "train/ant/000.png", np.zeros((6, 6), np.uint8))
    assert own.fingerprint() != first

    def check(checksum):
        check_images(tmp_path / "runs", "mine", checksum)

    with pytest.raises(WrongRun, match="1 runs were trained on those of before") as error:
        write_dataset(tmp_path / "mine", "mine", load_own(own), check=check)
    assert str(run) in str(error.value)
    assert (tmp_path / "mine/train.safetensors").read_bytes() == before
    write_dataset(tmp_path / "new", "new", load_own(own), check=lambda sha: check_images(tmp_path / "runs", "new", sha))


def test_chosen_classes_are_renumbered_and_the_others_left_out(digits):
    images, labels = read_split(digits, "train")
    made = recipe("digits", classes=[7, 3], imbalance={"counts": [40, 20]})
    rows = draw(np.where(labels == 7, 0, np.where(labels == 3, 1, -1)), (40, 20), seed=0)
    chosen, renumbered = load_images(made, digits, "train", rows, CPU)
    assert renumbered.tolist() == [0 if label == 7 else 1 for label in labels[rows]]
    assert sorted(renumbered.tolist()) == [0] * 40 + [1] * 20
    assert torch.equal(chosen, load_images(recipe("digits"), digits, "train", rows, CPU)[0])
    test, of_test = load_images(made, digits, "test", None, CPU)
    assert len(test) == np.isin(read_split(digits, "test")[1], (7, 3)).sum()
    assert set(of_test.tolist()) == {0, 1}
    assert made.shape.num_classes == 2
    assert len(images) == 1400


def test_groups_of_classes_are_classes(digits):
    """Odd against even: every image, and a count that is the sum of the members'."""
    made = recipe("digits", classes=[[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]])
    assert made.class_counts() == (700, 700)
    labels = read_split(digits, "train")[1]
    _, merged = load_images(made, digits, "train", np.arange(1400), CPU)
    assert np.array_equal(merged.numpy(), labels % 2)


def test_held_out_samples_are_of_the_chosen_classes_and_not_in_the_train_set(digits):
    made = recipe("digits", classes=[7, 3], imbalance={"counts": [40, 40]})
    true = read_split(digits, "train")[1]
    rows = draw(np.where(true == 7, 0, np.where(true == 3, 1, -1)), made.class_counts(), seed=0)
    images, labels = load_held_out(made, digits, rows, 15, CPU)
    assert labels.bincount().tolist() == [15, 15]
    train = load_images(made, digits, "train", rows, CPU)[0]
    assert torch.cdist(images.flatten(1), train.flatten(1)).min() > 0
    Measuring(held_out=100).check(made)
    with pytest.raises(ValueError, match="held_out 101: digits has 100 train samples of class 0 beside the 40"):
        Measuring(held_out=101).check(made)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"classes": 3}, "classes is a list of"),
        ({"classes": ["three", 4]}, "names class three"),
        ({"classes": [3]}, "at least two classes"),
        ({"classes": [3, 10]}, "classes names class 10: digits has 10 classes"),
        ({"classes": [[0, 1], [1, 2]]}, "classes names a class twice"),
        ({"classes": [[0, 1], []]}, "none empty"),
        ({"classes": [0, 1], "imbalance": {"counts": [141, 1]}}, "digits holds 140 train samples of class 0: 141"),
        ({"dataset": "cifar10", "channels": 3}, "channels 3 is for grey images: cifar10 has 3 channels"),
        ({"fit_by": "pad", "image_size": 6}, "fit_by pad makes no smaller images: digits has a side of 8"),
        (
            {"protocol": {"learning_rate": 1, "weight_decay": 0, "batch_size": 2000, "epochs": 1, "drop_last": True}},
            "drop_last leaves no batch: an epoch has 1400 samples",
        ),
    ],
)
def test_impossible_choices_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        recipe(**({"dataset": "digits"} | changed))


def test_keys_at_their_defaults_are_no_part_of_a_runs_identity():
    keys = ("classes", "channels", "fit_by", "own_dataset", "own_network", "drop_last")
    text = identity(recipe("digits"))
    assert not any(key in text for key in keys)
    assert '"fit_by": "pad"' in identity(recipe("digits", fit_by="pad", image_size=12))


def test_grey_images_are_given_as_three_equal_channels(digits):
    grey, coloured = recipe("digits"), recipe("digits", channels=3)
    one, three = (load_images(made, digits, "test", None, CPU)[0] for made in (grey, coloured))
    assert three.shape == (len(one), 3, 8, 8)
    assert torch.equal(three, one.expand_as(three))
    assert network_of(coloured)(three[:2]).shape == (2, 10)


def test_padding_puts_the_images_in_the_middle_of_zeros(digits):
    images, _ = read_split(digits, "test")
    assert np.array_equal(pad(images, 11)[:, :, 1:9, 1:9], images)
    assert pad(images, 11).sum() == images.sum()
    padded, _ = load_images(recipe("digits", fit_by="pad", image_size=12), digits, "test", None, CPU)
    plain, _ = load_images(recipe("digits"), digits, "test", None, CPU)
    assert torch.equal(padded[:, :, 2:10, 2:10], plain)
    entry = DATASETS["digits"]
    assert padded[0, 0, 0, 0].item() == pytest.approx(-entry.mean[0] / entry.std[0])


def trained(folder, digits, drop_last):
    """History and loss of an epoch of 10 samples, 4 to a batch, of which a network that does not learn takes all."""
    protocol = {"learning_rate": 1e-12, "weight_decay": 0, "batch_size": 4, "epochs": 1, "drop_last": drop_last}
    counts = {"counts": [1] * 10}
    made = recipe("digits", architecture={"batch_norm": False}, imbalance=counts, protocol=protocol)
    train_run(made, RunContext(digits, folder, CPU, log=lambda text: None))
    rows = read_rows(folder / "rows.csv")
    images, labels = load_images(made, digits, "train", rows, CPU)
    with torch.no_grad():
        losses = torch.nn.functional.cross_entropy(network_of(made)(images), labels, reduction="none")
    order = torch.randperm(10, generator=torch.Generator().manual_seed(made.seeds.stream("order")))
    return float((folder / "history.csv").read_text().splitlines()[1].split(",")[2]), losses[order]


def test_drop_last_leaves_out_the_short_batch_alone(digits, tmp_path):
    loss, losses = trained(tmp_path / "seed-0", digits, drop_last=True)
    assert loss == pytest.approx(losses[:8].mean().item(), rel=1e-5)
    loss, losses = trained(tmp_path / "all" / "seed-0", digits, drop_last=False)
    assert loss == pytest.approx(losses.mean().item(), rel=1e-5)


@pytest.fixture
def builder(tmp_path, monkeypatch):
    """A file with builders in the folder in which the workflow was started."""
    (tmp_path / "my_networks.py").write_text(BUILDER)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(sys.path))
    return lambda name, **more: register(Config(networks={"net": {"builder": f"my_networks:{name}", **more}}))


def test_a_network_of_ones_own_is_built_from_a_file_outside_the_library(builder):
    builder("build", version=2)
    made = recipe("digits", "net", architecture={"settings": {"width": 5}, "linear_layers": 2})
    register(Config())
    assert "net" not in NETWORKS
    network = network_of(made)
    assert [weight.shape for weight in network.head_weights()] == [(5, 5), (10, 5)]
    assert network(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


def test_a_new_version_of_a_builder_makes_new_runs(builder):
    names = []
    for version in (1, 2):
        builder("build", version=version)
        names.append(cell_name(recipe("digits", "net")))
    assert names[0] != names[1]


@pytest.mark.parametrize(
    ("name", "message"),
    [("missing", "builder my_networks:missing is not found from"), ("unready", "returned a Linear, not a Network")],
)
def test_a_builder_that_can_not_be_used_is_named(builder, name, message):
    builder(name)
    with pytest.raises(BadBuilder, match=message):
        network_of(recipe("digits", "net"))
