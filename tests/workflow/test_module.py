"""The workflow as a module of another one: from a folder, and from git."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from tests.workflow.project import Project

MODULE = """\
module atlas:
    snakefile: {snakefile}
    config: {{"paper": "one_cell", "seeds": [0]}}
    {prefix}

use rule * from atlas as atlas_*
"""


def workflow_with(folder, snakefile, prefix=""):
    """Another workflow, in a folder of its own, that uses this one."""
    (folder / "config").mkdir(parents=True)
    (folder / "Snakefile").write_text(MODULE.format(snakefile=snakefile, prefix=prefix))
    return Project(folder)


@pytest.mark.parametrize(
    ("snakefile", "prefix", "results"),
    [
        ("Snakefile", "", "results"),
        ("workflow/Snakefile", 'prefix: "atlas"', "atlas/results"),
    ],
)
def test_a_figure_is_made_in_the_folder_of_the_workflow_that_uses_it(one_cell, tmp_path, snakefile, prefix, results):
    one_cell.copy(tmp_path / "atlas of ours")
    other = workflow_with(tmp_path / "mine", f'"{tmp_path}/atlas of ours/{snakefile}"', prefix)
    said = other.run("atlas_one_cell_fig1")
    assert "not installed" not in said
    assert (other.folder / results / "demo/figures/one_cell/fig1.png").exists(), said
    assert {path.name for path in other.folder.iterdir()} - {".snakemake"} == {
        "Snakefile",
        "config",
        results.split("/")[0],
    }
    assert "Nothing to be done" in other.run("atlas_one_cell_fig1")


@pytest.fixture
def repository(one_cell, tmp_path, monkeypatch):
    """A git repository of the workflow, which git also takes for github.com's; Snakemake's cache is an empty one."""
    folder = one_cell.copy(tmp_path / "git" / "owner" / "atlas").folder
    settings = {
        "user.name": "A",
        "user.email": "a@localhost",
        f"url.{tmp_path}/git/.insteadOf": "https://github.com/",
    }
    monkeypatch.setenv("GIT_CONFIG_COUNT", str(len(settings)))
    for number, (key, value) in enumerate(settings.items()):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", key)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for command in (
        ["init", "--quiet", "--initial-branch", "main"],
        ["add", "Snakefile", "rules", "workflow", "config", "profiles", "envs"],
        ["commit", "--quiet", "--message", "all"],
        ["tag", "--annotate", "--message", "first", "v1.0"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize("of", ['gitfile("{0}", {1}, ref="main")', 'github("owner/atlas", {1}, tag="v1.0")'])
def test_a_figure_is_made_from_git(repository, tmp_path, of):
    other = workflow_with(tmp_path / "mine", of.format(repository, 'path="workflow/Snakefile"'))
    said = other.run("--dry-run", "atlas_one_cell_fig1")
    clone = Path(re.search(r"are not installed: make -C (\S+) setup", said)[1])
    assert clone.is_relative_to(tmp_path / "cache")
    (clone / ".venv").symlink_to(repository / ".venv")  # as if the user had done so
    said = other.run("atlas_one_cell_fig1")
    assert "not installed" not in said
    assert (other.folder / "results/demo/figures/one_cell/fig1.png").exists(), said
    (run,) = other.folder.glob("results/runs/**/run.json")
    assert json.loads(run.read_text())["git"] == clone.name  # the commit
    assert [path.name for path in clone.parent.iterdir()] == [clone.name]
    assert "Nothing to be done" in other.run("atlas_one_cell_fig1")


def test_the_other_snakefile_from_git_is_refused_with_the_one_to_name(repository, tmp_path):
    other = workflow_with(tmp_path / "mine", 'github("owner/atlas", path="Snakefile", tag="v1.0")')
    assert 'takes path="workflow/Snakefile"' in other.error("atlas_one_cell_fig1")
