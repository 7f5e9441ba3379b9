"""The projects that tests/workflow works on."""

from tests.workflow.conftest import finished, one_cell  # noqa: F401
