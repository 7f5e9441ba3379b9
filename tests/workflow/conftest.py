import fcntl
import os

import pytest
from tests.workflow.project import Project


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A fresh project in which nothing was made yet; only for calls that make nothing."""
    return Project.fresh(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """A project in which a target was made by the first of pytest's workers to ask for it; only to read, or to copy.

    What Snakemake printed is in its made.log.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # of the workers' own

    def make(fresh, target):
        project = Project(folder / f"a b ü {target}")  # in a folder that people have, too
        with (folder / f"{target}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (project.folder / "made.log").exists():
                (project.folder / "made.log").write_text(fresh(project.folder).run(target))
        return project

    return make


@pytest.fixture(scope="session")
def finished(made_once):
    """A project in which the README's fig6 was made, at demo scale, from nothing."""
    return made_once(Project.fresh, "fig6")


@pytest.fixture(scope="session")
def one_cell(made_once):
    """A project in which the cheapest figure was made."""
    return made_once(Project.one_cell, "fig1")
