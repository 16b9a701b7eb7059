"""What every service has outside its core. Each test fails once and says what to add.

docs/adding-a-service.md goes through these places in order.
"""

import ast
import importlib
import tomllib
from pathlib import Path

import pytest

import services
from gateway.backends.contracts import CONTRACTS
from services.kit.deployment import read_deployment, service_names

pytestmark = pytest.mark.contract

ROOT = Path(services.__file__).resolve().parents[1]

FILES = ("__init__.py", "__main__.py", "contract.py", "service.py", "deployment.toml", "README.md")


def missing(what: dict[str, str]) -> str:
    """Join what each service lacks to one sentence a service."""
    return "; ".join(f"{name}: {sentence}" for name, sentence in what.items())


PACKAGES = {
    "ai_edge_litert": "ai-edge-litert",
    "cv2": "opencv-python-headless",
    "onnxruntime": "onnxruntime",
    "scipy": "scipy",
}
"""Packages of the modules that only some services import."""


def imported_packages(folder: Path) -> set[str]:
    """Return those of ``PACKAGES`` that the modules of a folder import."""
    names: set[str] = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.split(".")[0])
    return {PACKAGES[name] for name in names & PACKAGES.keys()}


def test_its_image_has_what_it_imports() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lacks = {}
    for name in service_names():
        extra = name.replace("_", "-")
        has = {requirement.split(">=")[0] for requirement in extras[extra]}
        if absent := imported_packages(ROOT / "services" / name) - has:
            lacks[name] = f"add {', '.join(sorted(absent))} to the extra {extra} of pyproject.toml"
    assert not lacks, missing(lacks)


def test_has_its_files() -> None:
    lacks = {
        name: f"add services/{name}/{', '.join(absent)}"
        for name in service_names()
        if (absent := [file for file in FILES if not (ROOT / "services" / name / file).is_file()])
    }
    assert not lacks, missing(lacks)


def test_has_a_proto() -> None:
    lacks = {
        name: f"add protos/tryon/v1/{name}.proto"
        for name in service_names()
        if not (ROOT / "protos" / "tryon" / "v1" / f"{name}.proto").is_file()
    }
    assert not lacks, missing(lacks)


def test_has_a_port_of_its_own() -> None:
    users: dict[int, list[str]] = {}
    for name in service_names():
        contract = importlib.import_module(f"services.{name}.contract").CONTRACT
        users.setdefault(contract.port, []).append(name)
    shared = {
        " and ".join(names): f"both have port {port}; take {max(users) + 1} in one contract.py"
        for port, names in users.items()
        if len(names) > 1
    }
    assert not shared, missing(shared)


def test_has_an_extra_that_installs_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    all_of_them = extras["all"][0].removeprefix("tryon[").removesuffix("]").split(",")
    lacks = {
        name: f"add '{extra}' to [project.optional-dependencies] of pyproject.toml and to its 'all'"
        for name in service_names()
        if (extra := name.replace("_", "-")) not in extras or extra not in all_of_them
    }
    assert not lacks, missing(lacks)


def test_is_called_by_the_pipeline() -> None:
    called = {contract.name for contract in CONTRACTS}
    lacks = {
        name: "add a Step that calls it to gateway/pipeline.py"
        for name in service_names()
        if name not in called
    }
    assert not lacks, missing(lacks)


def test_names_its_default_engine() -> None:
    wrong = {}
    for name in service_names():
        first = next(iter(importlib.import_module(f"services.{name}.service").ENGINES))
        if read_deployment(name).default_engine != first:
            wrong[name] = (
                f"set default_engine of services/{name}/deployment.toml to the first of the "
                f"table ENGINES, '{first}'"
            )
    assert not wrong, missing(wrong)


def test_is_in_the_table_of_services() -> None:
    table = (ROOT / "docs" / "ARCHITECTURE.md").read_text()
    lacks = {
        name: f"add a row that links ../services/{name}/README.md to docs/ARCHITECTURE.md"
        for name in service_names()
        if f"../services/{name}/README.md" not in table
    }
    assert not lacks, missing(lacks)
