"""What documents promise: links lead somewhere, and the glossary knows the graph."""

import re
from pathlib import Path

import pytest

from gateway.dag import mermaid
from gateway.pipeline import TRY_ON_PIPELINE

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = sorted(
    path
    for folder in (
        "",
        "bench",
        "deploy",
        "docs",
        "examples",
        "nginx",
        "services",
        "tests",
        "training",
    )
    for path in (ROOT / folder).glob("**/*.md" if folder else "*.md")
)
LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
README_LINES = 120


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = HEADING.findall(document.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for link in LINK.findall(FENCE.sub("", document.read_text(encoding="utf-8"))):
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken, f"{document.relative_to(ROOT)}: {', '.join(broken)} lead nowhere"


def test_every_document_is_on_the_map() -> None:
    mapped = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    missing = [path.name for path in ROOT.glob("docs/*.md") if f"({path.name})" not in mapped]
    assert set(missing) == {"README.md"}, f"add a row to docs/README.md for {missing}"


def test_the_glossary_has_every_value_of_the_graph() -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    steps = TRY_ON_PIPELINE.steps
    values = {*TRY_ON_PIPELINE.inputs, *(name for step in steps for name in step.outputs.values())}
    missing = sorted(name for name in values if f"`{name}`" not in glossary)
    assert not missing, f"add {', '.join(missing)} to docs/glossary.md, 'Values of the graph'"
    unknown = sorted(step.name for step in steps if f"`{step.name}`" not in glossary)
    assert not unknown, f"add what {', '.join(unknown)} makes to docs/glossary.md"


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_front_page_is_short(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= README_LINES
    assert max(map(len, lines)) <= 200


def test_the_architecture_draws_the_graph() -> None:
    drawn = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert f"```mermaid\n{mermaid(TRY_ON_PIPELINE)}```" in drawn, (
        "replace the graph in docs/ARCHITECTURE.md by what this prints: "
        "python -c 'from gateway import dag, pipeline as p; print(dag.mermaid(p.TRY_ON_PIPELINE))'"
    )
