"""Programs that tests hold as text, to run them in containers, use names that exist.

Renaming by tools passes them over, and few machines run all of these tests.
"""

import ast
import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Final

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.unit

PACKAGES: Final = ("bench", "gateway", "services")
"""Where names are looked up; to import networks PyTorch would be needed."""


def programs() -> Iterator[tuple[str, ast.Module]]:
    """Find every text in a test that is Python and imports from this project."""
    for file in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                continue
            if "import " not in node.value:
                continue
            try:
                program = ast.parse(node.value)
            except SyntaxError:
                continue
            if any(imports(program)):
                yield f"{file.relative_to(ROOT)}:{node.lineno}", program


def imports(program: ast.Module) -> Iterator[tuple[str, ast.alias]]:
    """Give what a program imports from this project: the module's name, and a name of it."""
    for node in ast.walk(program):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGES):
            yield from ((str(node.module), alias) for alias in node.names)


def find(module: str, name: str) -> object:
    """Import a name as ``from module import name`` does; fails if it is not there."""
    found = importlib.import_module(module)
    return getattr(found, name, None) or importlib.import_module(f"{module}.{name}")


FOUND: Final = list(programs())


def test_there_are_some() -> None:
    assert len(FOUND) > 4


@pytest.mark.parametrize("program", [each for _, each in FOUND], ids=[name for name, _ in FOUND])
def test_what_a_program_imports_is_there(program: ast.Module) -> None:
    names = {
        alias.asname or alias.name: find(module, alias.name) for module, alias in imports(program)
    }
    for node in ast.walk(program):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = names.get(node.value.id)
            if isinstance(module, ModuleType):
                assert hasattr(module, node.attr), f"{node.value.id}.{node.attr}"
