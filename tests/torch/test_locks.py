"""The lock of a run is an flock: it waits for other programmes' locks of the same file, and has no substitute."""

import errno
import fcntl
import os

import pytest

from collapse.atomic_io import NotWritten
from collapse.training.state import locked


def test_a_lock_and_an_flock_from_outside_exclude_each_other(tmp_path):
    with locked(tmp_path), (tmp_path / ".lock").open("w") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    said = []
    with (tmp_path / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)

        def let_go(line):
            said.append(line)
            fcntl.flock(file, fcntl.LOCK_UN)

        with locked(tmp_path, log=let_go):
            pass
    assert "another process works on this run; waiting until it has ended" in said[0]
    with locked(tmp_path, log=said.append):
        assert len(said) == 1


def test_a_folder_that_can_not_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotWritten, match="file/state can not be written"), locked(tmp_path / "file" / "state"):
        pass


def test_a_file_system_without_flock_is_refused(tmp_path, monkeypatch):
    def no_flock(file, operation):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", no_flock)
    with pytest.raises(NotWritten, match="Function not implemented"), locked(tmp_path):
        pass
