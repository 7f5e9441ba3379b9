"""--software-deployment-method conda, on a stand-in for conda: the wiring, not that a channel can solve the files."""

import shutil

import pytest
from tests.workflow.project import ROOT, Project

CONDA = ("--software-deployment-method", "conda")


@pytest.fixture(autouse=True)
def _stand_in(tmp_path, tmp_path_factory, monkeypatch):
    # A copy: Snakemake, as conda itself, can not use one whose path has a space, as that of the checkout may.
    conda = shutil.copytree(ROOT / "tests/workflow/conda", tmp_path_factory.mktemp("conda") / "conda")
    monkeypatch.setenv("PATH", f"{conda}/bin", prepend=":")
    monkeypatch.setenv("ATLAS_TEST_VENVS", str(ROOT / ".venv"))
    monkeypatch.setenv("ATLAS_TEST_CONDA_LOG", str(tmp_path / "created"))


def test_a_figure_is_made_in_the_environments_that_conda_creates(tmp_path):
    project = Project.one_cell(tmp_path)
    shutil.rmtree(tmp_path / ".venv")
    project.run("fig1", *CONDA)
    assert sorted((tmp_path / "created").read_text().split()) == ["figures", "torch"]
    assert (tmp_path / "results/demo/figures/one_cell/fig1.png").exists()
    assert project.planned("fig1", *CONDA) == {}


def test_a_change_from_virtual_environments_to_conda_redoes_nothing(finished):
    assert finished.planned("fig6", *CONDA) == {}


def test_every_conda_file_can_be_created_by_its_rule(tmp_path):
    project = Project.fresh(tmp_path)
    shutil.rmtree(tmp_path / ".venv")
    project.run("all", "--conda-create-envs-only", *CONDA)
    assert sorted((tmp_path / "created").read_text().split()) == ["atlas", "convex", "figures", "torch"]
