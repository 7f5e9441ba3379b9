"""--software-deployment-method conda, on a stand-in for conda: the wiring, not that a channel can solve the files."""

import pytest
from tests.workflow.project import ROOT, TINY, Project

CONDA = ("--software-deployment-method", "conda")


@pytest.fixture(autouse=True)
def _stand_in(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{ROOT}/tests/workflow/conda/bin", prepend=":")
    monkeypatch.setenv("ATLAS_TEST_VENVS", str(ROOT / ".venv"))
    monkeypatch.setenv("ATLAS_TEST_CONDA_LOG", str(tmp_path / "created"))


@pytest.fixture
def project(tmp_path):
    """A project without virtual environments."""
    made = Project.fresh(tmp_path)
    (tmp_path / ".venv").unlink()
    return made


def test_a_figure_is_made_in_the_environments_that_conda_creates(project):
    project.run("fig6", *CONDA, *TINY)
    assert sorted((project.folder / "created").read_text().split()) == ["figures", "torch"]
    assert (project.folder / "results/demo/figures/layer_peeled/fig6.png").exists()
    assert project.planned("fig6", *CONDA, *TINY) == {}


def test_a_change_from_virtual_environments_to_conda_redoes_nothing(finished):
    assert finished.planned("fig6", *CONDA, *TINY) == {}


def test_every_conda_file_can_be_created_by_its_rule(project):
    project.run("all", "--conda-create-envs-only", *CONDA)
    assert sorted((project.folder / "created").read_text().split()) == ["convex", "figures", "torch"]
