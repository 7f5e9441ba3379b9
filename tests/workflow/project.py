"""A project to run: what the workflow tests share."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
# fig6 in seconds: the real grid and the real images, two epochs, two seeds.
TINY = ("--config", "protocol={epochs: 2}", "seeds=[0, 1]")


class Project:
    """A copy of the project in a folder of its own, with the environments of the original."""

    def __init__(self, folder: Path):
        self.folder = folder

    @classmethod
    def fresh(cls, folder: Path) -> "Project":
        for name in ("Snakefile", "rules", "workflow", "config", "profiles", "envs"):
            source = ROOT / name
            copy = shutil.copytree if source.is_dir() else shutil.copy2
            copy(source, folder / name)
        (folder / ".venv").symlink_to(ROOT / ".venv")
        return cls(folder)

    def copy(self, folder: Path) -> "Project":
        """The project with everything it has made, times of the files included."""
        shutil.copytree(self.folder, folder, symlinks=True, dirs_exist_ok=True)
        return Project(folder)

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess:
        command = [str(BIN / "snakemake"), "--cores", "2", *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)

    def run(self, *arguments: str) -> str:
        """What a run that must succeed prints."""
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def error(self, *arguments: str) -> str:
        """What a call that must fail before any job starts prints."""
        done = self.snakemake(*arguments)
        assert done.returncode != 0
        assert "Execute" not in done.stderr
        return done.stdout + done.stderr

    def planned(self, *arguments: str) -> dict[str, int]:
        """Jobs by rule that a dry run plans, targets left out."""
        output = self.run("--dry-run", *arguments)
        _, _, stats = output.partition("Job stats:")
        jobs = re.findall(r"^(\w+) +(\d+)$", stats, flags=re.MULTILINE)
        return {rule: int(count) for rule, count in jobs if not rule.startswith(("fig", "total", "layer_peeled"))}
