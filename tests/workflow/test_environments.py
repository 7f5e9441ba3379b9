"""The conda files and the pins say the same, and the two stacks never meet."""

import subprocess
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from tests.workflow.project import ROOT

ENVS = ("workflow", "slurm", "torch", "convex", "figures", "atlas")
TEST_TOOLS = {"pytest", "pytest-xdist", "hypothesis", "playwright", "axe-playwright-python"}


def declared(env):
    """Requirements of a conda file, under their PyPI names, by the script that makes the pins."""
    command = [ROOT / ".venv/workflow/bin/python", ROOT / "envs/pip_requirements.py", ROOT / f"envs/{env}.yaml"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [Requirement(line) for line in output.splitlines()]


def pinned(env):
    """Versions of each package that the pins allow, by name: one, or one for each Python version."""
    pins = {}
    for line in (ROOT / f"envs/{env}.txt").read_text().splitlines():
        if "==" in line:
            requirement = Requirement(line.rstrip(" \\"))
            pins.setdefault(requirement.name, []).extend(spec.version for spec in requirement.specifier)
    return pins


@pytest.mark.parametrize("env", ENVS)
def test_every_declaration_is_pinned_to_a_version_it_allows(env):
    pins = pinned(env)
    for requirement in declared(env):
        assert requirement.name in pins, f"{requirement.name} is not pinned: run make lock"
        assert all(version in requirement.specifier for version in pins[requirement.name])


@pytest.mark.parametrize("env", ENVS)
def test_pins_carry_hashes_and_no_address(env):
    text = (ROOT / f"envs/{env}.txt").read_text()
    assert text.count("--hash=sha256:") >= sum(map(len, pinned(env).values()))
    assert "://" not in text
    assert "index-url" not in text


@pytest.mark.parametrize("env", ENVS)
def test_every_conda_file_allows_the_python_that_runs_here(env):
    dependencies = yaml.safe_load((ROOT / f"envs/{env}.yaml").read_text())["dependencies"]
    assert "python >=3.11,<3.15" in dependencies


@pytest.mark.parametrize("env", ["torch", "convex", "figures", "atlas"])
def test_the_package_asks_for_what_its_environment_has_but_the_tools_of_the_tests(env):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = map(Requirement, project["dependencies"] + project["optional-dependencies"][env])
    assert set(asked) == {requirement for requirement in declared(env) if requirement.name not in TEST_TOOLS}


@pytest.mark.parametrize(
    ("env", "has", "lacks"),
    [
        ("torch", ["torch", "torchvision"], ["cvxpy", "clarabel"]),
        ("convex", ["cvxpy", "clarabel"], ["torch", "torchvision"]),
        ("figures", ["seaborn"], ["torch", "cvxpy"]),
        ("atlas", ["vl_convert", "itables"], ["torch", "cvxpy"]),
        ("workflow", ["snakemake"], ["torch", "cvxpy"]),
    ],
)
def test_an_environment_has_its_stack_and_lacks_the_other(env, has, lacks):
    code = "import importlib.util, sys; print([name for name in sys.argv[1:] if importlib.util.find_spec(name)])"
    python = ROOT / ".venv" / env / "bin" / "python"
    output = subprocess.run([python, "-c", code, *has, *lacks], capture_output=True, text=True, check=True).stdout
    assert output.strip() == str(has)


@pytest.mark.parametrize("module", ["collapse.config", "collapse.paper", "collapse.grid"])
def test_parsing_the_snakefile_imports_neither_torch_nor_pandas(module):
    code = f"import sys, {module}; print([name for name in ('torch', 'pandas', 'numpy') if name in sys.modules])"
    command = [ROOT / ".venv/torch/bin/python", "-c", code]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT / "workflow")}
    )
    assert done.stdout.strip() == "[]"
