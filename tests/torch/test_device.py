"""What is remembered of where a result was made."""

import subprocess

import pytest
import torch

from collapse.cpu import Cpu, read_cpu
from collapse.training import device
from collapse.training.workers import say_if_slow


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


X86 = "processor\t: 0\nmodel name\t: Some CPU\nflags\t: fpu {}\n\nprocessor\t: 1\nmodel name\t: Other\nflags\t: no\n"


@pytest.mark.parametrize(
    ("text", "name", "vectors", "emulates"),
    [
        (X86.format("sse avx2"), "Some CPU", "avx2", True),
        (X86.format("avx2 avx512f avx512_bf16"), "Some CPU", "avx2 avx512f avx512_bf16", False),
        ("processor\t: 0\nFeatures\t: fp asimd bf16 sve\n", None, "bf16 asimd sve", False),
        ("processor\t: 0\nFeatures\t: fp asimd\n", None, "asimd", True),
        ("", None, "", False),  # nobody says
    ],
)
def test_a_processor_is_known_by_what_linux_says_of_it(text, name, vectors, emulates, tmp_path):
    (tmp_path / "cpuinfo").write_text(text)
    cpu = read_cpu(tmp_path / "cpuinfo")
    assert cpu.name == name or name is None
    assert (cpu.vectors, cpu.emulates_bfloat16) == (vectors, emulates)


@pytest.mark.parametrize(("flags", "dtype", "said"), [
    ("avx2", "bfloat16", True), ("avx2", "float32", False), ("avx2 avx512f", "bfloat16", False),
])  # fmt: skip
def test_bfloat16_without_instructions_for_it_is_said(flags, dtype, said, capsys):
    say_if_slow(dtype, torch.device("cpu"), Cpu("Some CPU", frozenset(flags.split())))
    assert ("bfloat16 is far slower than float32 on this processor (Some CPU)" in capsys.readouterr().err) is said
