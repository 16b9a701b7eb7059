"""Tables of measurements, and where they go in documents."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench import performance, reliability
from bench.performance import SECTIONS, describe_command, format_section
from bench.reports.document import MarkMissing, replace_table
from bench.reports.tables import Row, TableData, comparison_table, to_markdown
from bench.runs.servers import Checkout
from bench.sections.plan import Plan, make_row

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = """# Title

<!-- table: first -->
old
<!-- end of table -->

Words between.

<!-- table: second -->
old
<!-- end of table -->
"""


def test_one_checkout_has_medians_and_quartiles() -> None:
    rows = [
        Row(label="picture", after=[4.0, 1.0, 2.0, 3.0, 5.0]),
        Row(label="peak, MiB", after=[1600.4], decimals=0),
    ]
    table = comparison_table("Title", rows, ["abc1234"])
    assert table.columns == ("", "abc1234", "quartiles")
    assert table.rows == (("picture", "3.00", "2.00 to 4.00"), ("peak, MiB", "1600", ""))


def test_two_checkouts_have_ratios_of_pairs() -> None:
    rows = [
        Row(label="picture", before=[4.0, 8.0, 4.0], after=[1.0, 4.0, 2.0]),
        Row(label="peak, MiB", before=[2000.0], after=[1000.0], decimals=0),
        Row(label="new stage", before=[], after=[1.0, 1.0, 1.0]),
        Row(label="gone stage", before=[1.0, 1.0, 1.0], after=[]),
        Row(label="refusals", before=[0.0], after=[2.0], decimals=0),
    ]
    table = comparison_table("Title", rows, ["old", "new"])
    assert table.columns == ("", "old", "new", "ratio", "quartiles of the ratio")
    assert table.rows == (
        ("picture", "4.00", "2.00", "0.50", "0.38 to 0.50"),
        ("peak, MiB", "2000", "1000", "0.50", ""),
        ("new stage", "", "1.00", "", ""),
        ("gone stage", "1.00", "", "", ""),
        ("refusals", "0", "2", "", ""),
    )


def test_the_last_checkout_is_this_one() -> None:
    assert make_row("picture", [[4.0], [1.0]]) == Row(label="picture", before=[4.0], after=[1.0])
    assert make_row("picture", [[1.0]]) == Row(label="picture", before=None, after=[1.0])


def test_markdown_aligns_numbers_to_the_right() -> None:
    table = TableData(title="Title", columns=("", "s"), rows=(("picture", "4.00"),))
    assert to_markdown(table) == "|  | s |\n| --- | --: |\n| picture | 4.00 |\n"


def test_a_section_has_its_tables_and_the_run() -> None:
    tables = [
        TableData(title=title, columns=("", "s"), rows=((title, "1"),)) for title in ("one", "two")
    ]
    assert format_section(tables, "`command`, today.") == (
        "one:\n\n|  | s |\n| --- | --: |\n| one | 1 |\n\n"
        "two:\n\n|  | s |\n| --- | --: |\n| two | 1 |\n\n"
        "`command`, today.\n"
    )


def test_a_table_takes_the_place_of_its_predecessor_alone() -> None:
    replaced = replace_table(DOCUMENT, "second", "new\n")
    head, tail = DOCUMENT.rsplit("old", 1)
    assert replaced == f"{head}new{tail}"
    assert replace_table(replaced, "second", "new\n") == replaced


@pytest.mark.parametrize("document", ["", "<!-- table: third -->\nold\n"])
def test_a_table_without_a_place_is_an_error(document: str) -> None:
    with pytest.raises(MarkMissing, match="third"):
        replace_table(document, "third", "new\n")


@pytest.mark.parametrize(
    ("document", "names"),
    [("performance.md", list(SECTIONS)), ("reliability.md", [reliability.TABLE])],
)
def test_the_document_has_a_place_for_every_table(document: str, names: list[str]) -> None:
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    for name in names:
        assert replace_table(text, name, "new\n") != text
    places = [line for line in text.splitlines() if line.startswith("<!-- table:")]
    assert places == [f"<!-- table: {name} -->" for name in names]


@pytest.mark.parametrize("text", ["192", "192x", "0x256", "ax256"])
def test_a_size_that_is_none_is_refused(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["performance.py", "--sizes", text])
    with pytest.raises(SystemExit) as exit_:
        performance.main()
    assert exit_.value.code == 2
    assert "--sizes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--against", "."], "is not a checkout of this program"),
        (["--write", "missing.md"], "missing.md"),
        (["--write", "empty.md"], "no place for the table summary"),
    ],
)
def test_what_cannot_be_measured_or_written_is_told_first(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.md").touch()
    monkeypatch.setattr("sys.argv", ["performance.py", *arguments])
    with pytest.raises(SystemExit) as exit_:
        performance.main()
    assert exit_.value.code == performance.EXIT_FAILED
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("section", "own"),
    [
        ("summary", ""),
        ("sizes", " --sizes 192x256 30x40"),
        ("clients", " --clients 1 4"),
        ("catalogue", " --catalogue 7"),
        ("memory", " --memory-pictures 9"),
    ],
)
def test_a_table_names_the_command_that_makes_it_again(section: str, own: str) -> None:
    checkout = Checkout(folder=ROOT, name="abc1234")
    plan = Plan(
        this=checkout,
        rounds=2,
        sizes=((192, 256), (30, 40)),
        clients=(1, 4),
        catalogue=7,
        memory_pictures=9,
    )
    command = f"bench/performance.py --only {section} -n 2{own}"
    assert describe_command(section, plan) == command
    compared = replace(plan, other=checkout)
    assert describe_command(section, compared) == f"{command} --against CHECKOUT"
