"""Images and a network of one's own, by configuration alone."""

import csv
import hashlib
import json

import numpy as np
import pytest
import yaml
from PIL import Image
from tests.workflow.project import CONFIG, GRID, ONE_GRID, Project, read_configuration

from collapse.strict import ConfigError

BUILDER = """\
from torch import nn

from collapse.models.heads import with_head


def build(shape, options):
    layers = {"flatten": nn.Flatten()}
    layers["first"] = nn.Sequential(nn.Linear(shape.pixels, 16), nn.ReLU())
    layers["second"] = nn.Sequential(nn.Linear(16, 16), nn.ReLU())
    return with_head(layers, 16, shape, options, measured=["first", "second"])
"""
OWN = {"datasets": {"shapes": {"folder": "shapes"}}, "networks": {"net": {"builder": "my_networks:build"}}}
SHAPES = ONE_GRID.replace(
    "{dataset: digits, model: mlp, k_major: 7, n_major: 40, ratio: 20}",
    "{dataset: shapes, model: net, k_major: 1, n_major: 8, ratio: 4, batch_size: 6}",
)


def write_images(folder):
    """Squares in one of three corners, one a class: 8 train images of each class, 2 test images."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 8), ("test", 2)):
        for label, name in enumerate(("left", "middle", "right")):
            (folder / split / name).mkdir(parents=True, exist_ok=True)
            for i in range(count):
                image = rng.integers(0, 40, (9, 9), dtype=np.uint8)
                image[3:6, 3 * label : 3 * label + 3] = 200
                Image.fromarray(image).save(folder / split / name / f"{i}.png")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The one cell, on images and with a network that the library does not know."""
    project = Project.one_cell(tmp_path_factory.mktemp("own"))
    (project.folder / GRID).write_text(SHAPES)
    (project.folder / "config/config.yaml").write_text(CONFIG + yaml.safe_dump(OWN))
    (project.folder / "my_networks.py").write_text(BUILDER)
    write_images(project.folder / "shapes")
    return project


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"datasets": {"digits": {"folder": "shapes"}}}, "datasets.digits is a name of the library's own"),
        ({"datasets": {"shapes": {"folder": "gone"}}}, "datasets.shapes can not be used:\n  gone/train is no folder"),
        ({"datasets": {"shapes": {"npz": "gone.npz"}}}, "gone.npz can not be read as a NumPy archive"),
        ({"datasets": {"shapes": {"folder": "a", "npz": "b"}}}, "datasets.shapes: give either folder or npz"),
        ({"datasets": {"shapes": {"folder": "shapes", "mean": [1, 1]}}}, "mean has 2 values: images of shapes have 1"),
        ({"networks": {"mlp": {"builder": "my_networks:build"}}}, "networks.mlp is a name of the library's own"),
        ({"networks": {"net": {"builder": "my_networks.py"}}}, "networks.net.builder"),
        ({"datasets": {}}, "unknown dataset 'shapes'"),
        ({"networks": {}}, "unknown model 'net'"),
    ],
)
def test_what_can_not_be_used_is_said_while_planning(project, monkeypatch, changed, message):
    monkeypatch.chdir(project.folder)
    with pytest.raises(ConfigError) as error:
        read_configuration(project.folder, **changed)
    assert message in str(error.value)


def state_of(project):
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in project.folder.glob("results/**/run.json")}


def test_images_and_a_network_by_configuration_alone_to_a_figure(project):
    project.run("fig1")
    results = project.folder / "results"
    assert (results / "demo/figures/one_cell/fig1.png").exists()
    manifest = json.loads((results / "data/shapes/manifest.json").read_text())
    assert manifest["classes"] == ["left", "middle", "right"]
    runs = sorted((results / "runs/shapes/net").glob("*/*/run.json"))
    assert [json.loads(run.read_text())["status"] for run in runs] == ["ok", "ok"]
    with next((results / "runs").rglob("metrics.csv")).open() as file:
        layers = {row["layer"] for row in csv.DictReader(file)}
    assert {"first", "features", "logits", "classifier"} <= layers

    # Files that were touched, or lie elsewhere, are the same images.
    before = state_of(project)
    for path in (project.folder / "shapes").glob("*/*/*.png"):
        path.touch()
    assert project.planned("fig1")["prepare_data"] == 1
    project.run("fig1")
    assert state_of(project) == before

    # Others are not, whatever they are called.
    image, changed = project.folder / "shapes/train/left/0.png", project.folder / "shapes/train/right/0.png"
    kept = image.read_bytes()
    image.write_bytes(changed.read_bytes())
    failed = project.snakemake("fig1")
    assert failed.returncode != 0
    said = failed.stdout + failed.stderr
    assert "the images of shapes have changed, but 2 runs were trained on those of before" in said
    assert str(runs[0].parent.relative_to(project.folder)) in said
    assert state_of(project) == before
    image.write_bytes(kept)
    project.run("fig1")
    assert state_of(project) == before
