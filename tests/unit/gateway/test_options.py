"""The options: parsing, errors, schemas, and what one further row takes."""

import re
from typing import Any

import pytest

from gateway.option_parsers import ChoiceParser, FlagParser, NumberParser
from gateway.options import (
    DEFAULT_OPTIONS,
    FORMAT,
    OPTIONS,
    PIPELINE_INPUTS,
    SIZE,
    Format,
    Option,
    Size,
    parse_options,
)
from gateway.routes.vitons import PROBLEMS
from gateway.settings import PROJECT_ROOT
from services.kit.errors import InvalidOption

pytestmark = pytest.mark.unit

STEPS = Option(name="steps", parser=NumberParser(int, 1, 50), default=20, meaning="Steps.")
SCALE = Option(name="scale", parser=NumberParser(float, 0.5, 2.0), default=1.0, meaning="Scale.")
TUCKED = Option(name="tucked", parser=FlagParser(), default=False, meaning="Tucked in.")


def test_the_format() -> None:
    assert parse_options({"format": "jpg"})[FORMAT] is Format.JPEG
    assert parse_options({"format": "WebP"})[FORMAT] is Format.WEBP
    assert parse_options({})[FORMAT] is None


def test_the_size() -> None:
    assert parse_options({"size": "upload"})[SIZE] is Size.UPLOAD
    assert parse_options({"size": ""})[SIZE] is Size.AUTO


def test_every_option_has_a_default() -> None:
    assert DEFAULT_OPTIONS[SIZE] is Size.AUTO
    assert DEFAULT_OPTIONS[FORMAT] is None
    assert parse_options({"other": "1"})[SIZE] is Size.AUTO


def test_options_of_the_pipeline_are_its_optional_inputs() -> None:
    defaults = DEFAULT_OPTIONS.pipeline_inputs()
    assert defaults["category"] == "auto"
    assert parse_options({"category": "dress"}).pipeline_inputs() == {
        **defaults,
        "category": "dress",
    }
    assert {name: each.default for name, each in PIPELINE_INPUTS.items()} == defaults
    assert all(type(each.default) is each.type for each in PIPELINE_INPUTS.values())


@pytest.mark.parametrize(
    ("options", "known"),
    [
        ({"format": "gif"}, "format=gif is not known; choose png, jpeg or webp."),
        ({"size": "huge"}, "size=huge is not known; choose auto or upload."),
        (
            {"category": "hat"},
            "category=hat is not known; choose auto, upper, lower or dress.",
        ),
    ],
)
def test_unknown_options_name_the_known_ones(options: dict[str, str], known: str) -> None:
    with pytest.raises(InvalidOption) as refusal:
        parse_options(options)
    assert refusal.value.message == known


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        (STEPS, "1", 1),
        (STEPS, " 50 ", 50),
        (STEPS, "", 20),
        (SCALE, "0.5", 0.5),
        (SCALE, "2", 2.0),
        (TUCKED, "true", True),
        (TUCKED, "On", True),
        (TUCKED, "0", False),
        (TUCKED, "", False),
    ],
)
def test_numbers_and_flags(option: Option[Any], text: str, value: object) -> None:
    parsed = option.parse(text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        (STEPS, "0", "steps=0 is not valid; send a whole number from 1 to 50."),
        (STEPS, "1.5", "steps=1.5 is not valid; send a whole number from 1 to 50."),
        (SCALE, "nan", "scale=nan is not valid; send a number from 0.5 to 2."),
        (SCALE, "inf", "scale=inf is not valid; send a number from 0.5 to 2."),
        (TUCKED, "maybe", "tucked=maybe is not valid; send true or false."),
        (SIZE, "x" * 33, "The option 'size' is longer than 32 bytes; choose auto or upload."),
        (SIZE, "é" * 17, "The option 'size' is longer than 32 bytes; choose auto or upload."),
    ],
)
def test_wrong_values_name_the_right_ones(option: Option[Any], text: str, message: str) -> None:
    with pytest.raises(InvalidOption) as refusal:
        option.parse(text)
    assert refusal.value.message == message


def test_schemas() -> None:
    assert STEPS.schema == {"type": "integer", "minimum": 1, "maximum": 50, "default": 20}
    assert SCALE.schema == {"type": "number", "minimum": 0.5, "maximum": 2.0, "default": 1.0}
    assert TUCKED.schema == {"type": "boolean", "default": False}
    assert SIZE.schema == {"type": "string", "enum": ["auto", "upload"], "default": "auto"}
    assert FORMAT.schema == {"type": "string", "enum": ["png", "jpeg", "webp"]}


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: str(option.name))
def test_every_option_is_described_and_fits_its_limit(option: Option[Any]) -> None:
    assert option.name.isidentifier()
    assert option.meaning.endswith(".")
    if isinstance(option.parser, ChoiceParser):
        texts = [*option.schema["enum"], *option.parser.aliases]
        assert all(len(text) <= option.max_bytes for text in texts)
        assert all(option.parse(text) in option.parser.value_type for text in texts)
    if option.for_pipeline:
        assert option.default is not None


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: str(option.name))
def test_the_documentation_lists_every_option_and_value(option: Option[Any]) -> None:
    lines = (PROJECT_ROOT / "docs" / "api.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith(f"| `{option.name}` |")]
    assert len(rows) == 1, f"add a row for `{option.name}` to the table of options in docs/api.md"
    [row] = rows
    assert all(f"`{value}`" in row for value in option.schema.get("enum", ()))


def test_the_page_sends_options_that_exist() -> None:
    page = (PROJECT_ROOT / "gateway" / "web" / "index.html").read_text()
    options = {option.name: option for option in OPTIONS}
    menus = dict(re.findall(r'<select[^>]* name="([^"]+)"(.*?)</select>', page, re.DOTALL))
    assert len(menus) == page.count("<select")
    assert "category" in menus
    assert menus.keys() <= options.keys(), "add a row to OPTIONS of gateway/options.py"
    for name, menu in menus.items():
        assert re.findall(r'value="([^"]*)"', menu) == options[name].schema["enum"]


def test_the_documentation_lists_every_error_status() -> None:
    document = (PROJECT_ROOT / "docs" / "api.md").read_text()
    rows = dict(re.findall(r"^\| (\d{3}) \| (.*) \|$", document, re.MULTILINE))
    reasons = {f"{status}": reason.removesuffix(".") for status, reason in PROBLEMS.items()}
    assert {status: reason.replace("`", "") for status, reason in rows.items()} == reasons, (
        "make the table of docs/api.md, 'Errors', equal to PROBLEMS of gateway/routes/vitons.py"
    )
