"""The keys in which two runs differ. Each is a run's folder, or the folder of a cell, whose first run is taken."""

import argparse
import sys
from pathlib import Path
from typing import Any

from collapse.atomic_io import read_json
from collapse.runs import read_recipe
from collapse.strict import UserError

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("runs", type=Path, nargs=2)

HOW = ("status", "dataset_sha256", "device", "dtype", "versions.torch", "versions.numpy", "git")


def run_in(folder: Path) -> Path:
    """The run in a folder: the folder itself, or the first run of the cell."""
    runs = [folder, *sorted(folder.glob("seed-*"))]
    found = next((run for run in runs if (run / "recipe.json").exists()), None)
    return found or sys.exit(f"error: {folder} holds no run: it has no recipe.json, nor has a folder seed-<s> in it")


def flat(data: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Values of nested dicts, by their keys joined with dots."""
    found = {}
    for key, value in data.items():
        found |= flat(value, f"{above}{key}.") if isinstance(value, dict) else {f"{above}{key}": value}
    return found


def differing(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    """A line for each key at which the two differ."""
    keys = [key for key in dict.fromkeys([*a, *b]) if a.get(key) != b.get(key)]
    return [f"    {key}: {a.get(key)} | {b.get(key)}" for key in keys]


if __name__ == "__main__":
    folders = [run_in(folder) for folder in parser.parse_args().runs]
    try:
        recipes = [flat(read_recipe(folder).model_dump(mode="json")) for folder in folders]
    except UserError as error:
        sys.exit(f"error: {error}")
    print(f"{folders[0]} | {folders[1]}")
    print("\n".join(differing(*recipes) or ["    the same recipe"]))
    if all((folder / "run.json").exists() for folder in folders):
        went = [flat(read_json(folder / "run.json")) for folder in folders]
        lines = differing(*({key: run.get(key) for key in HOW} for run in went))
        print("\n".join(["made with:", *lines] if lines else ["made with the same data, device, versions and code"]))
