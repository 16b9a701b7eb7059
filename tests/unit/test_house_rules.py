"""Rules of the house that no linter knows: constants and data classes say what they hold."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("bench", "deploy", "examples", "gateway", "networks", "services", "training")
MANY_FIELDS = 5
"""Data classes with so many fields are made by keyword."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Yield the path and the syntax tree of every module."""
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            yield str(file.relative_to(ROOT)), ast.parse(file.read_text(encoding="utf-8"))


def is_text(node: ast.stmt | None) -> bool:
    """Return whether a statement is a string on its own: a docstring."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def constant(node: ast.stmt) -> str | None:
    """Return the name that a statement binds, if it is in capitals."""
    targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return next((name for name in names if name.strip("_").isupper()), None)


def test_every_constant_has_a_line_of_its_own() -> None:
    lacking = [
        f"{path}:{node.lineno} {constant(node)}"
        for path, module in modules()
        for node, after in zip(module.body, [*module.body[1:], None], strict=True)
        if constant(node) and not is_text(after)
    ]
    assert not lacking, "write a docstring below each: meaning and unit\n" + "\n".join(lacking)


def test_data_classes_with_many_fields_are_made_by_keyword() -> None:
    positional = []
    for path, module in modules():
        for node in ast.walk(module):
            if not isinstance(node, ast.ClassDef):
                continue
            decorators = [ast.unparse(each) for each in node.decorator_list]
            made = [each for each in decorators if each.startswith("dataclass")]
            fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
            if made and len(fields) >= MANY_FIELDS and "kw_only=True" not in made[0]:
                positional.append(f"{path}:{node.lineno} {node.name}")
    assert not positional, "add kw_only=True to\n" + "\n".join(positional)
