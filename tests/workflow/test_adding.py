"""What README.md says under "Adding to it", done row by row in a copy of the project: it is enough, and it works."""

import csv
import json
import re
import subprocess

import pytest
from tests.workflow.project import BIN, ROOT, Project

LIBRARY = "workflow/collapse"

PAPER = """\
title: "A paper"
reference: "none"
protocol: {learning_rate: 0.1, weight_decay: 0.01, batch_size: 8, epochs: 1, loss: margin, optimizer: plain}
figures:
  fig1:
    title: "Accuracy"
    tables:
      fig1:
        title: "Accuracy"
        key_columns: [dataset, model]
        columns:
          accuracy: {metric: accuracy, layer: network}
"""

GRID = """\
deviations: "nothing"
common: {dataset: stripes, model: linear, counts: all}
tables:
  fig1: [{initialisation: zero}]
"""

FIGURE = '''\
"""A figure."""

from collapse import plotting


def draw(*tables):
    """All its tables have rows."""
    assert all(len(table) for table in tables)
    figure, ((axes, group),) = plotting.panels(tables[0], ["dataset", "model"])
    axes.set(title=plotting.network_and_dataset(group))
    return figure
'''

DATASET = '''\
"""Stripes: images of as many lines as their class says."""

import numpy as np


def load(data_root, download):
    """The splits, the same."""
    labels = np.arange(24) % 3
    images = np.zeros((24, 1, 4, 4), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:, : label + 1] = 1
    return {"train": (images, labels), "test": (images, labels)}
'''

NETWORK = '''\
"""The classifier alone."""

from torch import nn

from collapse.models.heads import with_head


def build(shape, options):
    """Layer: flatten."""
    return with_head({"flatten": nn.Flatten()}, shape.pixels, shape, options)
'''

INITIALISER = '''\
"""Zeros."""


def zero(network):
    """The classifier's weight."""
    network.classifier.weight.data.zero_()
'''

TRAINING = '''\
"""A loss and an optimizer."""

import torch


def margin(logits, labels):
    """Of several classes."""
    return torch.nn.functional.multi_margin_loss(logits, labels)


def plain(flat, protocol):
    """No decay, no momentum."""
    return torch.optim.SGD([flat], lr=protocol.learning_rate)
'''

METRIC = '''\
"""Classes."""


def present(count):
    """Those that have samples."""
    return float((count > 0).sum())
'''

THEORY = '''\
"""A solver and a prediction."""

import pandas as pd


def squares(settings):
    """A row a setting."""
    return pd.DataFrame([{**setting, "square": setting["x"] ** 2} for setting in settings])


def twice(row, num_classes):
    """Of a measured column."""
    return 2 * row["present"]
'''

# By row of the README's table: what is written. An entry is (dictionary, entry), in YAML (key, lines below it).
ADDED = {
    "a paper": {
        "config/papers/mine/paper.yaml": PAPER,
        "config/papers/mine/scales/demo.yaml": GRID,
        "workflow/figures/mine/fig1.py": FIGURE,
    },
    "a figure": {
        "config/papers/mine/paper.yaml": [
            (
                "figures",
                "  fig2:\n    title: 'Metric'\n    tables:\n      fig2:\n        title: 'Metric'\n"
                "        key_columns: [dataset, model]\n        columns: {present: {metric: classes_present}}\n"
                "        predictions: {twice: {theory: twice}}\n"
                "      fig2_theory: {title: 'Theory', solver: squares, key_columns: [x]}\n    claims:",
            ),
        ],
        "config/papers/mine/scales/demo.yaml": [
            ("tables", "  fig2: [{initialisation: zero}]\n  fig2_theory: [{x: [2, 3]}]")
        ],
        "workflow/figures/mine/fig2.py": FIGURE,
    },
    "a claim": {
        "config/papers/mine/paper.yaml": [
            (
                "    claims",
                "      doubles: {statement: 'Twice 3 is 6', table: fig2, column: twice, "
                "condition: {near: 6, tolerance: 0.1}, published: {value: '6', source: none}}",
            )
        ]
    },
    "a dataset": {
        f"{LIBRARY}/data/stripes.py": DATASET,
        f"{LIBRARY}/data/entries.py": [
            (
                "DATASETS",
                "'stripes': DatasetEntry('Stripes', 'collapse.data.stripes:load', channels=1, image_size=4, "
                "train_counts=(8,) * 3, max_pixel=1, mean=(0.5,), std=(0.5,)),",
            )
        ],
    },
    "a network": {
        f"{LIBRARY}/models/linear.py": NETWORK,
        f"{LIBRARY}/models/entries.py": [
            (
                "NETWORKS",
                "'linear': NetworkEntry('linear classifier', NetworkOptions, 'collapse.models.linear:build', "
                "lambda shape, options: flops.with_head([], shape.pixels, shape, options)),",
            )
        ],
    },
    "an initialiser": {
        f"{LIBRARY}/models/zero.py": INITIALISER,
        f"{LIBRARY}/models/initialisers.py": [
            ("INITIALISERS", "'zero': Initialiser('zeros', 'all zero', 'collapse.models.zero:zero'),")
        ],
    },
    "a loss, an optimizer": {
        f"{LIBRARY}/training/margin.py": TRAINING,
        f"{LIBRARY}/training/entries.py": [
            ("LOSSES", "'margin': LossEntry('hinge', 'hinge', 'collapse.training.margin:margin'),"),
            ("OPTIMIZERS", "'plain': OptimizerEntry('plain', 'no decay', 'collapse.training.margin:plain'),"),
        ],
    },
    "a metric": {
        f"{LIBRARY}/metrics/present.py": METRIC,
        f"{LIBRARY}/metrics/entries.py": [
            ("VARIABILITY", "'classes_present': Metric('present:present', ('count',), 'number of classes'),")
        ],
    },
    "a solver, a prediction": {
        f"{LIBRARY}/theory/numbers.py": THEORY,
        f"{LIBRARY}/theory/entries.py": [
            ("SOLVERS", "'squares': SolverEntry('squares', 'collapse.theory.numbers:squares'),"),
            (
                "PREDICTIONS",
                "'twice': PredictionEntry('twice', 'collapse.theory.numbers:twice', ('present',), 'nothing there'),",
            ),
        ],
    },
}


def table_of_the_readme():
    """What to write, by what to add."""
    text = (ROOT / "README.md").read_text().partition("## Adding to it\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| (.+?) \| (.+) \|$", text, flags=re.MULTILINE))
    return {name: row for name, row in rows.items() if name.startswith(("a ", "an ")) and "grid point" not in name}


def insert(path, name, entry):
    """Put an entry first below the dictionary, or the YAML key, of that name."""
    text = path.read_text()
    opening = re.compile(rf"^{name}:$\n" if path.suffix == ".yaml" else rf"^{name}\b[^\n]*{{\n", flags=re.MULTILINE)
    assert len(opening.findall(text)) == 1, f"{path.name}: {name}"
    path.write_text(opening.sub(lambda found: f"{found[0]}{entry}\n", text))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project to which each row's thing was added, and in which the new paper was made."""
    project = Project.fresh(tmp_path_factory.mktemp("adding"))
    for files in ADDED.values():
        for name, content in files.items():
            path = project.folder / name
            if isinstance(content, str):
                assert not path.exists()
                path.parent.mkdir(exist_ok=True)
                path.write_text(content)
            else:
                for place, entry in content:
                    insert(path, place, entry)
    project.run("mine", "--config", "seeds=[0]")
    return project


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", table_of_the_readme())
def test_what_is_written_is_what_the_readme_says(name):
    """Each file that it names, one in each folder that it names, and no other."""
    row = table_of_the_readme()[name].replace("<paper>", "mine").replace("<scale>", "demo")
    places = set(re.findall(r"`([^`]*/[^`]*)`", row))
    found = set()
    for file in ADDED[name]:
        folder, _, script = file.rpartition("/")
        named = {file, f"{folder}/", f"{folder}/{re.sub(r'^fig.*', '<figure>.py', script)}"} & places
        assert named, file
        found |= named
    assert found == places


def test_every_row_is_tried():
    assert set(table_of_the_readme()) == set(ADDED)


def test_the_paper_and_its_figures_are_made(made):
    results = made.folder / "results/demo"
    assert {path.name for path in (results / "figures/mine").iterdir()} >= {"fig1.png", "fig1.pdf", "fig2.png"}
    assert {row["x"]: row["square"] for row in rows(results / "tables/mine/fig2_theory.csv")} == {"2": "4", "3": "9"}


def test_the_claim_has_its_verdict(made):
    (claim,) = rows(made.folder / "results/demo/claims/mine.csv")
    assert claim["claim"] == "doubles"
    assert float(claim["ours"]) == 6


def test_the_network_was_trained_on_the_dataset_by_the_loss_and_the_optimizer(made):
    manifest = json.loads((made.folder / "results/data/stripes/manifest.json").read_text())
    assert manifest["splits"]["train"]["class_counts"] == [8, 8, 8]
    (run,) = (made.folder / "results").rglob("run.json")
    recipe = json.loads((run.parent / "recipe.json").read_text())
    assert (recipe["dataset"], recipe["model"]) == ("stripes", "linear")
    assert (recipe["protocol"]["loss"], recipe["protocol"]["optimizer"]) == ("margin", "plain")
    first = rows(run.parent / "history.csv")[0]
    assert recipe["architecture"]["initialisation"] == "zero"
    assert float(first["loss"]) > 0


def test_the_metric_is_among_the_others(made):
    (path,) = (made.folder / "results").rglob("metrics.csv")
    found = [row for row in rows(path) if row["metric"] == "classes_present"]
    assert found
    assert all(float(row["value"]) == 3 for row in found)


@pytest.mark.parametrize(
    ("document", "names"), [("config/README.md", ["linear", "margin"]), ("docs/metrics.md", ["classes_present"])]
)
def test_the_documentation_has_them(made, document, names, tmp_path):
    copy = tmp_path / "copy.md"
    copy.write_text((ROOT / document).read_text())
    command = [BIN / "python", made.folder / "workflow/scripts/generate_docs.py", copy]
    subprocess.run(command, check=True, env={"PYTHONPATH": str(made.folder / "workflow")})
    assert all(name in copy.read_text() for name in names)
