"""What the images install."""

import sys

import pytest

from services import requirements


def test_a_services_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["requirements.py", "--extra", "cloth_mask"])
    requirements.main()
    assert "onnxruntime" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "table"),
    [
        (["--extra", "big_shadow"], r"\[project\.optional-dependencies\]"),
        (["--group", "big-shadow"], r"\[dependency-groups\]"),
    ],
)
def test_a_name_that_is_not_there_is_told_where_to_add_it(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], table: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["requirements.py", *arguments])
    with pytest.raises(SystemExit, match=rf"{table} of pyproject\.toml has no big-shadow; it has"):
        requirements.main()
