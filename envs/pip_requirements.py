"""Print the PyPI requirements of one conda environment file: the declaration that both backends are made from.

Usage: python envs/pip_requirements.py envs/torch.yaml
"""

import sys

import yaml

# Packages that conda and PyPI name differently; every other name is the same in both.
PYPI_NAMES = {
    "pytorch": "torch",
    "snakemake-minimal": "snakemake",
    "matplotlib-base": "matplotlib",
    "playwright-python": "playwright",
}


def pip_requirements(path: str) -> list[str]:
    """PyPI requirement strings of a conda environment file, the interpreter left out."""
    with open(path) as file:
        dependencies = yaml.safe_load(file)["dependencies"]
    named = (dependency.partition(" ") for dependency in dependencies)
    return [PYPI_NAMES.get(name, name) + spec for name, _, spec in named if name != "python"]


if __name__ == "__main__":
    print("\n".join(pip_requirements(sys.argv[1])))
