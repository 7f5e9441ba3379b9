"""What comes from a configuration, a download or a colleague is data: it is never run, and it stays in its place."""

import hashlib
import os
import pickle
import re
import shutil

import pytest
import yaml
from tests.workflow.project import CELL, GRID, PAPER, ROOT, Project, read_configuration

from collapse.config import load_config
from collapse.strict import ConfigError

PWNED = "pwned"
HOSTILE = (
    "../..",
    "a b",
    "a'b",
    'a"b',
    "a;touch pwned",
    "$(touch pwned)",
    "`touch pwned`",
    "a&b",
    "a|b",
    "a\nb",
    "-rf",
)


class Evil:
    """A pickle that runs a command when it is loaded."""

    def __reduce__(self):
        return os.system, (f"touch {PWNED}",)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project that makes nothing; what hostile configurations are tried on."""
    return Project.one_cell(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def mine(one_cell, tmp_path):
    """A project in which the figure was made, to tamper with."""
    return one_cell.copy(tmp_path)


def touched(project):
    return list(project.folder.rglob(PWNED))


@pytest.mark.parametrize("key", ["results", "data_root", "device", "paper", "scale", "protocol"])
def test_no_hostile_value_of_a_key_is_accepted(key):
    """Without Snakemake, as one can not ask it a hundred times; two of them through it are below."""
    values = [value for value in HOSTILE if (key, value) not in {("results", "../.."), ("data_root", "../..")}]
    values.remove("a b") if key in ("results", "data_root") else None  # a folder may have a space in its name
    for value in values:
        with pytest.raises(ConfigError):
            load_config({"paper": "layer_peeled"} | {key: value}, ROOT / "config/papers")


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("results=a;touch pwned", "results: String should match pattern"),
        ("protocol={epochs: $(touch pwned)}", "protocol.epochs: Input should be a valid integer"),
    ],
)
def test_a_hostile_value_on_the_command_line_is_one_clear_error(project, argument, message):
    assert message in project.error("fig1", "--config", argument)
    assert not touched(project)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"data_root": "$(touch pwned)"}, "data_root: String should match pattern"),
        ({"device": "cpu;touch pwned"}, "device: Input should be 'auto', 'cpu', 'cuda' or 'mps'"),
        (
            {"protocol": {"optimizer": "sgd;touch pwned"}},
            "protocol.optimizer: Input should be 'sgd', 'adam', 'adamw' or 'lbfgs'",
        ),
    ],
)
def test_a_hostile_value_is_named(project, changed, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        read_configuration(project.folder, **changed)


HOSTILE_PAPERS = [
    (GRID, "  fig1: [{", "  ../fig1: [{", "unknown table '../fig1'"),
    (PAPER, "  fig1:\n", "  ../../fig1:\n", "figures.../../fig1: a name has lower-case letters, digits and _"),
    (GRID, "dataset: digits", "dataset: ../digits", "unknown dataset '../digits'"),
    (GRID, "model: mlp", "model: mlp;touch pwned", "unknown model 'mlp;touch pwned'"),
    (PAPER, 'title: "One cell"', 'title: !!python/object/apply:os.system ["touch pwned"]', "is not valid YAML"),
]


@pytest.fixture
def hostile(project, tmp_path, request):
    """A project whose paper says something hostile in one of its files, and what is said of it."""
    file, good, bad, message = request.param
    copy = project.copy(tmp_path)
    path = copy.folder / file
    assert good in path.read_text()
    text = path.read_text().replace(good, bad)
    path.write_text(text)
    return copy, message


@pytest.mark.parametrize("hostile", HOSTILE_PAPERS, indirect=True)
def test_a_hostile_paper_is_one_clear_error(hostile, monkeypatch):
    copy, message = hostile
    monkeypatch.chdir(copy.folder)
    with pytest.raises(ConfigError, match=re.escape(message)) as error:
        read_configuration(copy.folder)
    assert "config/papers/one_cell" in str(error.value)
    assert not touched(copy)


@pytest.mark.parametrize("hostile", HOSTILE_PAPERS[2:3], indirect=True)
def test_snakemake_says_no_more_of_a_hostile_paper(hostile):
    copy, message = hostile
    output = copy.error("fig1")
    assert message in output
    assert GRID in output
    assert not touched(copy)


def test_a_yaml_tag_in_the_configuration_runs_nothing(project, tmp_path):
    copy = project.copy(tmp_path)
    path = tmp_path / "config/config.yaml"
    path.write_text('device: !!python/object/apply:os.system ["touch pwned"]\n' + path.read_text())
    copy.error("fig1")
    assert not touched(copy)


def test_titles_and_notes_with_quotes_and_commands_are_only_shown(mine):
    path = mine.folder / PAPER
    paper = yaml.safe_load(path.read_text())
    hostile = 'it\'s $(touch pwned) `touch pwned`; "touch pwned" <script>alert(1)</script> {0} {input}'
    figure = paper["figures"]["fig1"]
    paper["title"] = figure["title"] = figure["tables"]["fig1"]["title"] = hostile
    path.write_text(yaml.safe_dump(paper))
    mine.run("fig1", "atlas")
    assert not touched(mine)
    page = (mine.folder / "results/demo/atlas.html").read_text()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page


def test_a_data_folder_with_a_space_in_its_name_is_one_folder(mine):
    path = mine.folder / GRID
    path.write_text(path.read_text().replace("dataset: digits", "dataset: mnist"))
    (mine.folder / "my data").mkdir()
    done = mine.snakemake("fig1", "--config", "data_root=my data", "download=false")
    assert "my data/MNIST/raw/train-images-idx3-ubyte.gz is absent. Remedy:" in done.stdout + done.stderr


def test_results_can_be_in_a_folder_of_any_language(mine):
    said = mine.run("fig1", "--config", "results=Ergebnisse für mich")
    assert "one_cell fig1: Ergebnisse für mich/demo/figures/one_cell/fig1.png" in said
    assert (mine.folder / "Ergebnisse für mich/demo/figures/one_cell/fig1.png").exists()


def test_a_tilde_is_the_home(project, monkeypatch):
    monkeypatch.setenv("HOME", "/home/jürgen")
    config, _ = read_configuration(project.folder, data_root="~/my data")
    assert config.data_root == "/home/jürgen/my data"


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def vouch(manifest, old, path):
    """Whoever puts a file in place of another can change the checksum beside it too."""
    text = manifest.read_text()
    assert old in text
    manifest.write_text(text.replace(old, sha256(path)))


@pytest.mark.parametrize(
    ("replaced", "vouched_in", "removed"),
    [
        ("data/digits/train.safetensors", "data/digits/manifest.json", f"runs/{CELL}/seed-0/run.json"),
        (
            f"runs/{CELL}/seed-0/checkpoints/epoch-0002.safetensors",
            f"runs/{CELL}/seed-0/run.json",
            f"runs/{CELL}/seed-0/all/statistics.safetensors",
        ),
        (f"runs/{CELL}/seed-0/all/statistics.safetensors", None, f"runs/{CELL}/seed-0/all/metrics.csv"),
        (f"runs/{CELL}/seed-0/run.json", None, "demo/atlas.html"),
    ],
    ids=["dataset", "checkpoint", "statistics", "run.json"],
)
def test_a_pickle_in_place_of_a_result_is_refused_and_not_loaded(mine, replaced, vouched_in, removed):
    results = mine.folder / "results"
    old = sha256(results / replaced)
    (results / replaced).write_bytes(pickle.dumps(Evil()))
    if vouched_in:
        vouch(results / vouched_in, old, results / replaced)
    (results / removed).unlink(missing_ok=True)
    done = mine.snakemake("atlas" if removed.endswith("atlas.html") else "fig1")
    assert done.returncode != 0
    assert not touched(mine)


def test_a_pickle_in_place_of_a_saved_state_is_not_used(mine):
    results = mine.folder / "results"
    shutil.rmtree(results / f"runs/{CELL}")
    state = results / "runs" / CELL / "seed-0/state/state.safetensors"
    state.parent.mkdir(parents=True)
    state.write_bytes(pickle.dumps(Evil()))
    assert "is damaged" in mine.run(f"results/runs/{CELL}/seed-0/run.json")
    assert not touched(mine)


def test_a_dataset_of_pickles_is_checked_before_it_is_loaded(mine):
    """CIFAR-10 is published as pickles: their md5 comes first."""
    folder = mine.folder / "data/cifar-10-batches-py"
    folder.mkdir(parents=True)
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"):
        (folder / name).write_bytes(pickle.dumps(Evil()))
    path = mine.folder / GRID
    path.write_text(path.read_text().replace("dataset: digits", "dataset: cifar10"))
    done = mine.snakemake("fig1", "--config", "download=false")
    assert "cifar-10-batches-py/data_batch_1 has the wrong md5" in done.stdout + done.stderr
    assert not touched(mine)


def test_nothing_of_ours_loads_a_pickle_or_yaml_that_runs_code():
    """collapse.checkpoints alone calls torch.load, on people's own files, for tensors alone; no result is a pickle."""
    forbidden = re.compile(
        r"pickle\.loads?\(|torch\.load\((?!.*weights_only=True)|allow_pickle|yaml\.load\((?!.*Loader=loader)|(?<![.\w])(eval|exec)\(|shell=True"
    )
    for path in [*(ROOT / "workflow").rglob("*.py"), *(ROOT / "rules").glob("*.smk"), ROOT / "Snakefile"]:
        assert not forbidden.search(path.read_text()), path
        assert "torch.load" not in path.read_text() or path.name == "checkpoints.py", path


def test_every_value_in_a_shell_command_is_quoted_or_can_hold_nothing_but_a_name_or_a_number():
    """The names that stand unquoted are those that a wildcard's constraint, a list of names or a number limit."""
    plain = {f"wildcards.{name}" for name in ("dataset", "paper", "figure")}
    plain |= {"params.solver", "params.digest", "threads"}
    for path in (ROOT / "rules").glob("*.smk"):
        for block in path.read_text().split("shell:")[1:]:
            command = "".join(re.findall(r"""^ +["'](.*)["']$""", block, flags=re.MULTILINE))
            for field in re.findall(r"\{([^}]*)\}", command):
                assert field.endswith(":q") or field in plain, f"{path.name}: {{{field}}}"
