"""What finished studies chose, without Optuna: planning reads it."""

from pathlib import Path
from typing import Any

from collapse.atomic_io import read_json


def chosen_values(folder: Path) -> dict[str, dict[str, Any]]:
    """The values that finished studies chose, by the study's hash: from the files of tables, <folder>/<paper>/*.json.

    Raises DamagedFile.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*/*.json")):
        found |= read_json(path)
    return found
