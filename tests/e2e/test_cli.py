import io
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import PIL.Image
import psutil
import pytest

from gateway.backends.contracts import CONTRACTS
from gateway.quality_warnings import LOW_RESOLUTION_PERSON
from tests.e2e.conftest import ROOT, start_server, stop_server
from tests.ports import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

RUNTIMES = ("onnxruntime", "ai_edge_litert", "cv2", "scipy", "torch", "onnx", "h5py")


def tryon(
    *arguments: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "gateway.cli", *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_one_picture(examples: Path, tmp_path: Path, suffix: str) -> None:
    output = tmp_path / f"out put.{suffix}"
    done = tryon(
        "tryon",
        str(examples / "person.jpg"),
        str(examples / "garment.jpg"),
        "-o",
        output.name,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    with PIL.Image.open(output) as picture:
        assert picture.format == {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}[suffix]
        assert min(picture.size) > 200
    for stage in ("openpose", "try_on", "total"):
        assert stage in done.stdout
    assert "Worn as a top" in done.stdout
    assert "Confidence 1.00 of 1" in done.stdout
    assert "works better" not in done.stdout
    assert "Finding your pose" in done.stderr


def test_a_category_can_be_named(examples: Path, tmp_path: Path) -> None:
    photos = (str(examples / "person.jpg"), str(examples / "trousers.jpg"))
    done = tryon("tryon", *photos, "-o", "out.png", "--category", "lower", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Worn as trousers or a skirt" in done.stdout
    wrong = tryon(
        "tryon", *photos, "-o", "out.png", "--category", "hat", cwd=tmp_path, COLUMNS="200"
    )
    assert wrong.returncode == 2
    assert "'auto', 'upper', 'lower', 'dress'" in wrong.stderr


def test_what_may_look_wrong_is_told_in_sentences(examples: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.png"
    with PIL.Image.open(examples / "person.jpg") as photo:
        photo.resize((150, 200)).save(small)
    output = tmp_path / "out.png"
    done = tryon("tryon", str(small), str(examples / "garment.jpg"), "-o", str(output))
    assert done.returncode == 0, done.stderr
    assert "Confidence 0.80 of 1" in done.stdout
    assert LOW_RESOLUTION_PERSON.message in done.stdout
    assert "low_resolution_person: " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("{person}", "{garment}", "-o", "nowhere/out.png"), 2, "does not exist"),
        (("{person}", "{garment}", "-o", "out.gif"), 2, "must end in .png, .jpg or .webp"),
        (("missing.jpg", "{garment}", "-o", "out.png"), 2, "Cannot read missing.jpg"),
        (("{readme}", "{garment}", "-o", "out.png"), 3, "The person's photo:"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(
    examples: Path, tmp_path: Path, arguments: tuple[str, ...], status: int, sentence: str
) -> None:
    text = tmp_path / "readme.txt"
    text.write_text("not a picture " * 20)
    given = {
        "person": str(examples / "person.jpg"),
        "garment": str(examples / "garment.jpg"),
        "readme": str(text),
    }
    done = tryon("tryon", *(each.format(**given) for each in arguments), cwd=tmp_path)
    assert done.returncode == status, done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("out.*"))


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = tryon("serve", "--port", str(port), TRYON_RUN_DIR=str(tmp_path))
    assert done.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_is_one_sentence() -> None:
    done = tryon("serve", TRYON_MAX_CONCURRENT_TRY_ONS="many")
    assert done.returncode == 2
    assert done.stderr.startswith("TRYON_MAX_CONCURRENT_TRY_ONS: ")


def test_one_way_to_run_the_services_at_a_time() -> None:
    done = tryon("serve", "--embedded", "--orchestrate")
    assert done.returncode == 2
    assert "Choose one of" in done.stderr


def test_missing_weights_end_the_server_with_the_remedy(tmp_path: Path) -> None:
    done = tryon(
        "serve",
        "--port",
        "0",
        TRYON_MODELS_DIR=str(tmp_path / "none"),
        TRYON_RUN_DIR=str(tmp_path / "run"),
    )
    assert done.returncode == 1
    assert "bash run.sh models" in done.stderr
    assert "Traceback" not in done.stderr


def test_stop_and_logs(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    server = start_server(tmp_path, "--embedded")
    shown = tryon("logs", "--no-follow", TRYON_RUN_DIR=str(run_dir))
    assert "ready" in shown.stdout
    stopped = tryon("stop", TRYON_RUN_DIR=str(run_dir))
    assert stopped.returncode == 0
    port = server.url.rpartition(":")[2]
    assert f"Stopped the server on port {port}." in stopped.stdout
    assert server.process.wait(30) == 0
    again = tryon("stop", TRYON_RUN_DIR=str(run_dir))
    assert "No server is running." in again.stdout


def test_process_mode(tmp_path: Path, examples: Path) -> None:
    ports = {contract.name: free_port() for contract in CONTRACTS}
    addresses = ", ".join(f'"{name}": "127.0.0.1:{port}"' for name, port in ports.items())
    server = start_server(tmp_path, "--processes", TRYON_ADDRESSES="{" + addresses + "}")
    children = psutil.Process(server.process.pid).children(recursive=True)
    assert len(children) == len(CONTRACTS)
    with server.client() as client:
        response = client.post(
            "/vitons",
            files={
                "image": (examples / "person.jpg").read_bytes(),
                "cloth": (examples / "garment.jpg").read_bytes(),
            },
        )
        assert response.status_code == 200, response.text
        PIL.Image.open(io.BytesIO(response.content)).load()
        # A service that is gone is told, and the gateway lives on.
        [victim] = [child for child in children if "services.openpose" in child.cmdline()]
        victim.kill()
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["services"]["openpose"] is False
        assert ready.json()["services"]["viton"] is True
    assert stop_server(server) == 0
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive


def test_no_service_outlives_a_gateway_that_is_killed(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux tells children of their parent's death")
    ports = {contract.name: free_port() for contract in CONTRACTS}
    addresses = ", ".join(f'"{name}": "127.0.0.1:{port}"' for name, port in ports.items())
    port = free_port()
    gateway = subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, "-m", "gateway.cli", "serve", "--processes", "--port", str(port)],
        env={
            **os.environ,
            "TRYON_ADDRESSES": "{" + addresses + "}",
            "TRYON_RUN_DIR": str(tmp_path),
        },
        stderr=subprocess.DEVNULL,
    )
    children: list[psutil.Process] = []
    while len(children) < len(CONTRACTS):
        assert gateway.poll() is None
        children = psutil.Process(gateway.pid).children(recursive=True)
        time.sleep(0.1)
    with pytest.raises(httpx.HTTPStatusError, match="503"):
        httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=30).raise_for_status()
    gateway.kill()
    gateway.wait()
    _, alive = psutil.wait_procs(children, timeout=90)
    assert not alive


@pytest.mark.parametrize(
    "module", ["gateway.app", "gateway.commands.serve", "gateway.commands.try_on"]
)
def test_the_gateway_imports_no_model_runtime(module: str) -> None:
    code = f"import sys, {module}; print(sorted(set(sys.modules) & set({RUNTIMES})))"
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == "[]"
