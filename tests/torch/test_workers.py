"""Processes side by side: signals reach those that are left, and the first failure is the exit status."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

WORKFLOW = Path(__file__).parents[2] / "workflow"
PROGRAM = """
import functools, sys
from collapse.training.workers import side_by_side
sys.exit(side_by_side([functools.partial(exec, code) for code in sys.argv[1:]]))
"""
# By then the parent has seen another process end.
SIGNALS_ITS_PARENT = """
import multiprocessing, os, signal, time
time.sleep(2)
os.kill(multiprocessing.parent_process().pid, signal.SIGTERM)
time.sleep(30)
"""


@pytest.mark.parametrize(
    ("codes", "status"),
    [(["raise SystemExit(3)", "raise SystemExit(4)"], 3), (["pass", SIGNALS_ITS_PARENT], 128 + 15)],
    ids=["two fail", "stopped when one had ended"],
)
def test_the_exit_status_is_that_of_the_first_that_fails(codes, status):
    command = [sys.executable, "-c", PROGRAM, *codes]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(WORKFLOW)}, capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
