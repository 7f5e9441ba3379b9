import pytest
from tests.workflow.project import TINY, Project


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A fresh project in which nothing was made yet; only for calls that make nothing."""
    return Project.fresh(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A project in which fig6 was made, on tiny settings."""
    made = Project.fresh(tmp_path_factory.mktemp("finished"))
    made.log = made.run("fig6", *TINY)
    return made


@pytest.fixture(scope="session")
def one_cell(tmp_path_factory):
    """A project in which the cheapest figure was made."""
    made = Project.one_cell(tmp_path_factory.mktemp("one_cell"))
    made.run("fig1")
    return made
