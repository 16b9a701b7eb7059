"""What documents promise: links lead somewhere, and the glossary lists the graph's values."""

import re
from collections import Counter
from collections.abc import Iterator
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
CODE = re.compile(r"`(\w+)`")
README_LINES = 120
README_LINE_LENGTH = 130


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


def glossary_rows(table: str) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    """Yield the values and the makers of each row of the table "Values of the graph"."""
    for row in table.splitlines():
        if row.startswith("| `"):
            values, _, makers = (cell for cell in row.strip("|").split(" | "))
            yield (
                frozenset(re.findall(r"`(\w+)`", values)),
                frozenset(re.findall(r"`(\w+)`", makers)),
            )


def test_the_glossary_has_the_values_of_the_graph_and_no_other() -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    table = glossary.partition("## Values of the graph\n")[2].partition("\n## ")[0]
    rows = list(glossary_rows(table))
    makers: dict[str, set[str]] = {name: set() for name in TRY_ON_PIPELINE.inputs}
    for step in TRY_ON_PIPELINE.steps:
        for name in step.outputs.values():
            makers.setdefault(name, set()).add(step.name)
    listed = Counter(name for values, _ in rows for name in values)
    missing = sorted(makers.keys() - listed.keys())
    assert not missing, f"add {', '.join(missing)} to docs/glossary.md, 'Values of the graph'"
    stale = sorted(listed.keys() - makers.keys())
    assert not stale, (
        f"remove {', '.join(stale)} from docs/glossary.md: the graph has no such value"
    )
    twice = sorted(name for name, count in listed.items() if count > 1)
    assert not twice, f"name {', '.join(twice)} once in docs/glossary.md"
    for values, named in rows:
        made_by = {maker for name in values for maker in makers[name]}
        assert named == made_by, f"docs/glossary.md: {sorted(values)} are made by {sorted(made_by)}"


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_front_page_is_short(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= README_LINES
    assert max(map(len, lines)) <= README_LINE_LENGTH


def test_the_architecture_draws_the_graph() -> None:
    drawn = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert f"```mermaid\n{mermaid(TRY_ON_PIPELINE)}```" in drawn, (
        "run `.venv/bin/python -m deploy.render`: it draws the graph in docs/ARCHITECTURE.md"
    )
