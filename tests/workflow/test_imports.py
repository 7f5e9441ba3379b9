"""Who imports whom in the library."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter

from tests.workflow.project import ROOT

LIBRARY = ROOT / "workflow"
FILES = {
    ".".join(path.relative_to(LIBRARY).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((LIBRARY / "collapse").rglob("*.py"))
}
NEVER_PLANNING = {"torch", "numpy", "scipy", "pandas"}


def imports(node):
    """Modules of the library that a file imports, within functions too; not those that only its types need."""
    if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        inner = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name if name in FILES else node.module for name in inner)
    for child in ast.iter_child_nodes(node):
        yield from imports(child)


def test_no_module_is_imported_by_what_it_imports():
    graph = {name: {*imports(ast.parse(path.read_text()))} & FILES.keys() for name, path in FILES.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_planning_imports_neither_torch_nor_numpy():
    code = f"import sys, collapse.plan, collapse.resources; print({NEVER_PLANNING} & sys.modules.keys())"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=LIBRARY, capture_output=True, text=True, check=True, env={}
    )
    assert found.stdout == "set()\n"
