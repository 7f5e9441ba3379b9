"""What is remembered of where a result was made."""

import subprocess

import torch

from collapse.training import device


def test_the_commit_of_a_repository_that_does_not_track_the_library_is_not_the_librarys(tmp_path, monkeypatch):
    def git(*command):
        author = ("-c", "user.name=a", "-c", "user.email=a@b.example")
        subprocess.run(["git", "-C", tmp_path, *author, *command], check=True)

    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "--message=other")
    library = tmp_path / "device.py"
    library.touch()
    monkeypatch.setattr(device, "__file__", str(library))
    assert device.provenance(torch.device("cpu"), "float32")["git"] == "unknown"
    git("add", "device.py")
    assert device.provenance(torch.device("cpu"), "float32")["git"] != "unknown"
