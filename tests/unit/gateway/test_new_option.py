"""A new option is one row and one pipeline input: a copy of the gateway gets a throw-away one."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.settings import PROJECT_ROOT

pytestmark = pytest.mark.unit

ROW = """
    Option(
        name="fit_width",
        parser=option_parsers.NumberParser(int, 64, 2048),
        default=768,
        meaning="Width of the canvas.",
        for_pipeline=True,
    ),
"""

CHECK = """
import asyncio

from typer.testing import CliRunner

import gateway
from gateway import cli
from gateway.pipeline import TRY_ON_PIPELINE
from tests.unit.gateway.app_client import FakeBackend, assert_problem, running

assert gateway.__file__.startswith({folder!r}), gateway.__file__
assert TRY_ON_PIPELINE.inputs["fit_width"].default == 768


class Recorder(FakeBackend):
    def __init__(self):
        super().__init__()
        self.widths = set()

    async def call(self, method, request, seconds, request_id):
        if method.rpc == "Fit":
            self.widths.add(request.width)
        return await super().call(method, request, seconds, request_id)


async def check():
    async with running(Recorder()) as each:
        for sent, width in (({{}}, 768), ({{"fit_width": "512"}}, 512)):
            each.backend.widths.clear()
            assert (await each.post(data=sent)).status_code == 200
            assert width in each.backend.widths, each.backend.widths
        assert (await each.post(path="/vitons?fit_width=640")).status_code == 200
        assert 640 in each.backend.widths
        wrong = assert_problem(await each.post(data={{"fit_width": "1"}}), 422, "invalid_option")
        remedy = "send a whole number from 64 to 2048."
        assert wrong["detail"] == "fit_width=1 is not valid; " + remedy
        long = assert_problem(
            await each.post(data={{"fit_width": "5" * 33}}), 422, "invalid_option"
        )
        assert long["detail"] == "The option 'fit_width' is longer than 32 bytes; " + remedy
        near = assert_problem(await each.post(data={{"fitwidth": "1"}}), 422, "unexpected_field")
        assert "did you mean 'fit_width'?" in near["detail"]
        post = (await each.client.get("/openapi.json")).json()["paths"]["/vitons"]["post"]
        schema = {{"type": "integer", "minimum": 64, "maximum": 2048, "default": 768}}
        query = {{each["name"]: each for each in post["parameters"]}}["fit_width"]
        assert (query["schema"], query["description"]) == (schema, "Width of the canvas.")
        form = post["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
        assert schema.items() <= form["fit_width"].items()


asyncio.run(check())
runner = CliRunner(env={{"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}})
shown = runner.invoke(cli.cli, ["tryon", "--help"])
assert "--fit-width" in shown.output and "Width of the canvas." in shown.output, shown.output
refused = runner.invoke(cli.cli, ["tryon", "a", "b", "-o", "c.png", "--fit-width", "9999"])
assert refused.exit_code == 2, refused.output
"""


END_OF_OPTIONS = ')\n"""Every option, in the order of the documentation."""'
PERSON_STEP = """\
            inputs={"image": "person_photo"},
            outputs={"image": "person", "placement": "person_placement"},
"""


def replace(path: Path, old: str, new: str) -> None:
    source = path.read_text()
    assert source.count(old) == 1, f"{path.name}: {old!r}"
    path.write_text(source.replace(old, new))


def run(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    path = f"{folder}:{PROJECT_ROOT}:{PROJECT_ROOT / 'generated'}"
    return subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code],
        cwd=folder,
        env={"PYTHONPATH": path, "PATH": "", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_new_option_is_one_row_and_one_pipeline_input(tmp_path: Path) -> None:
    package = tmp_path / "gateway"
    shutil.copytree(PROJECT_ROOT / "gateway", package, ignore=shutil.ignore_patterns("__pycache__"))
    replace(package / "options.py", END_OF_OPTIONS, ROW + END_OF_OPTIONS)
    # The row alone: the graph says what is missing.
    forgotten = run(tmp_path, "import gateway.pipeline")
    assert "nothing takes the value fit_width" in forgotten.stderr
    fitted = PERSON_STEP.replace("}", ', "width": "fit_width"}', 1)
    replace(package / "pipeline.py", PERSON_STEP, fitted)
    done = run(tmp_path, CHECK.format(folder=str(tmp_path)))
    assert done.returncode == 0, done.stderr
