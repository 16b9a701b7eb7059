"""Which arithmetic the clothes network gets: by processor, setting, provider and file."""

from pathlib import Path

import pytest

from services.kit.runtimes import int8
from services.kit.settings import Settings

pytestmark = pytest.mark.unit

VNNI = "processor\t: 0\nflags\t\t: fpu sse2 avx2 avx512f avx512_vnni\n\nprocessor\t: 1\n"


def cpu(folder: Path, text: str) -> Path:
    file = folder / "cpuinfo"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("text", "fast"),
    [
        (VNNI, True),
        ("flags\t: avx2 avx_vnni\n", True),
        ("flags\t: avx2 avx512f\n", False),
        ("Features\t: asimddp\n", False),
        ("", False),
    ],
)
def test_processors_with_products_of_8_bits_are_fast(
    tmp_path: Path, text: str, *, fast: bool
) -> None:
    assert int8.is_fast(cpu(tmp_path, text)) is fast


def test_without_a_description_of_the_processor_it_counts_as_slow(tmp_path: Path) -> None:
    assert not int8.is_fast(tmp_path / "none")


@pytest.mark.parametrize(
    ("settings", "text", "there", "file"),
    [
        ({}, VNNI, True, "int8.onnx"),
        ({}, VNNI, False, "net.onnx"),
        ({}, "flags\t: avx2\n", True, "net.onnx"),
        ({"precision": "fp32"}, VNNI, True, "net.onnx"),
        ({"onnx_provider": "cuda"}, VNNI, True, "net.onnx"),
    ],
)
def test_the_clothes_network_runs_in_8_bits_where_that_is_faster(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    text: str,
    there: bool,
    file: str,
) -> None:
    chosen = Settings(models_dir=tmp_path).model_copy(update=settings)
    monkeypatch.setattr(int8, "get_settings", lambda: chosen)
    if there:
        (tmp_path / "int8.onnx").touch()
    assert int8.choose_file("net.onnx", "int8.onnx", cpu(tmp_path, text)) == file
