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


def constants(node: ast.stmt) -> list[str]:
    """Return the names in capitals that a statement binds, those inside tuples too."""
    targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
    nodes = [each for target in targets for each in ast.walk(target)]
    names = [
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    return [name for name in names if name.strip("_").isupper()]


def bodies(module: ast.Module) -> Iterator[list[ast.stmt]]:
    """Yield the statements of a module and of its classes, but for enumerations' members."""
    yield module.body
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef):
            bases = [ast.unparse(base) for base in node.bases]
            if not any(base.endswith("Enum") for base in bases):
                yield node.body


def with_next(body: list[ast.stmt]) -> Iterator[tuple[ast.stmt, ast.stmt | None]]:
    """Yield every statement with the one below it, None below the last."""
    return zip(body, [*body[1:], None], strict=True)


def decorated_as_dataclass(node: ast.ClassDef) -> str | None:
    """Return the decorator that makes a class a data class, None if there is none."""
    decorators = [ast.unparse(each) for each in node.decorator_list]
    return next((each for each in decorators if each.startswith("dataclass")), None)


def is_default_instance(node: ast.stmt, module: ast.Module) -> bool:
    """Return whether a statement binds a data class of the module with its fields' own values.

    The class and its fields say what it holds.
    """
    value = getattr(node, "value", None)
    return (
        isinstance(node, ast.AnnAssign)
        and isinstance(value, ast.Call)
        and not value.args
        and not value.keywords
        and any(
            isinstance(each, ast.ClassDef)
            and decorated_as_dataclass(each) is not None
            and each.name == ast.unparse(value.func)
            for each in module.body
        )
    )


def without_line_of_their_own(module: ast.Module) -> list[tuple[int, str]]:
    """Return the line number and the name of the constants that share a docstring or have none.

    Default instances of data classes need none.
    """
    return [
        (node.lineno, name)
        for body in bodies(module)
        for node, after in with_next(body)
        if not is_default_instance(node, module)
        for name in constants(node)
        if not is_text(after) or len(constants(node)) > 1
    ]


def fields_without_a_line(module: ast.Module) -> list[tuple[int, str]]:
    """Return the line number and the name of the fields of data classes without a docstring."""
    return [
        (field.lineno, f"{node.name}.{ast.unparse(field.target)}")
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef)
        if decorated_as_dataclass(node) or "NamedTuple" in map(ast.unparse, node.bases)
        for field, after in with_next(node.body)
        if isinstance(field, ast.AnnAssign) and not is_text(after)
    ]


def test_every_constant_has_a_line_of_its_own() -> None:
    lacking = [
        f"{path}:{line} {name}"
        for path, module in modules()
        for line, name in without_line_of_their_own(module)
    ]
    assert not lacking, "write a docstring below each: meaning and unit\n" + "\n".join(lacking)


@pytest.mark.parametrize(
    ("code", "lacking"),
    [
        ("WIDTH = 3", ["WIDTH"]),
        ("WIDTH: Final = 3\n'Pixels.'", []),
        ("WIDTH, HEIGHT = 3, 4\n'Pixels.'", ["WIDTH", "HEIGHT"]),
        ("(WIDTH, (_HEIGHT, *REST)) = values\n'Pixels.'", ["WIDTH", "_HEIGHT", "REST"]),
        ("WIDTH = HEIGHT = 3\n'Pixels.'", ["WIDTH", "HEIGHT"]),
        ("class Box:\n    SIDE: ClassVar[int] = 3", ["SIDE"]),
        ("class Box:\n    SIDE = 3\n    'Pixels.'", []),
        ("class Side(IntEnum):\n    LEFT = 0", []),
        ("width, height = 3, 4", []),
        ("TABLE[KEY] = 3", []),
        ("@dataclass\nclass Box:\n    side: int = 3\n    'Pixels.'\nBOX: Final = Box()", []),
        ("@dataclass\nclass Box:\n    side: int\n    'Pixels.'\nBOX: Final = Box(side=3)", ["BOX"]),
        ("class Box:\n    pass\nBOX: Final = Box()", ["BOX"]),
        ("BOX: Final = Box()", ["BOX"]),
    ],
)
def test_a_constant_is_found_in_tuples_and_classes(code: str, lacking: list[str]) -> None:
    assert [name for _, name in without_line_of_their_own(ast.parse(code))] == lacking


def test_every_field_of_a_data_class_has_a_line_of_its_own() -> None:
    lacking = [
        f"{path}:{line} {name}"
        for path, module in modules()
        for line, name in fields_without_a_line(module)
    ]
    assert not lacking, "write a docstring below each: shape, frame, unit\n" + "\n".join(lacking)


@pytest.mark.parametrize(
    ("code", "lacking"),
    [
        ("@dataclass\nclass Box:\n    side: int", ["Box.side"]),
        ("@dataclass(frozen=True)\nclass Box:\n    'Pixels.'\n    side: int = 3", ["Box.side"]),
        ("@dataclass\nclass Box:\n    side: int\n    'Pixels.'\n    area: int", ["Box.area"]),
        ("@dataclass\nclass Box:\n    side: int\n    'Pixels.'", []),
        ("class Box(NamedTuple):\n    side: int", ["Box.side"]),
        ("class Box:\n    side: int", []),
    ],
)
def test_a_field_without_a_line_is_found(code: str, lacking: list[str]) -> None:
    assert [name for _, name in fields_without_a_line(ast.parse(code))] == lacking


def test_data_classes_with_many_fields_are_made_by_keyword() -> None:
    positional = []
    for path, module in modules():
        for node in ast.walk(module):
            if not isinstance(node, ast.ClassDef):
                continue
            made = decorated_as_dataclass(node)
            fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
            if made and len(fields) >= MANY_FIELDS and "kw_only=True" not in made:
                positional.append(f"{path}:{node.lineno} {node.name}")
    assert not positional, "add kw_only=True to\n" + "\n".join(positional)
