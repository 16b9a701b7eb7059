"""The files of compose, Swarm and Kubernetes are what the services' ``deployment.toml`` say."""

from pathlib import Path

import pytest
import yaml

from deploy import render
from services.kit import deployment
from services.kit.deployment import read_deployment, service_names

pytestmark = pytest.mark.unit

CORES = 16.0
LIMITS_MIB = {"docker-compose.yml": 31 * 1024, "docker-compose.small.yml": 16 * 1024}
"""What all containers together may have, on the machines that the files are for."""


def test_files_are_up_to_date() -> None:
    stale = [str(path) for path in render.stale()]
    assert not stale, f"run `.venv/bin/python -m deploy.render`: it writes {', '.join(stale)}"


def test_a_changed_value_is_found_in_every_file(monkeypatch: pytest.MonkeyPatch) -> None:
    before = render.render()
    changed = read_deployment("human_parse").model_dump()
    changed["compose"] |= {"memory_mib": 5000, "small_memory_mib": 3000}
    changed["kubernetes"]["limits"] = {"cpu": "3", "memory": "3Gi"}
    changed["kubernetes"]["pods"] = {"least": 3, "most": 9}
    model = deployment.Deployment.model_validate(changed)
    monkeypatch.setattr(
        render,
        "read_deployment",
        lambda name: model if name == "human_parse" else read_deployment(name),
    )
    different = {path.name for path, text in render.render().items() if before[path] != text}
    assert different == {
        "docker-compose.yml",
        "docker-compose.small.yml",
        "stack.yml",
        "human-parse.yaml",
        "autoscalers.yaml",
    }


@pytest.mark.parametrize("file", LIMITS_MIB)
def test_limits_are_within_the_machine(file: str) -> None:
    services = yaml.safe_load((render.ROOT / "docker-compose.yml").read_text())["services"]
    over = yaml.safe_load((render.ROOT / file).read_text())["services"]
    cores = memory = 0.0
    for name, service in services.items():
        bounds = service["deploy"]["resources"]["limits"]
        other = over.get(name, {}).get("deploy", {}).get("resources", {}).get("limits", {})
        # The service that has ended before the others start takes nothing from them.
        replicas = service["deploy"].get("replicas", 1) if name != "weights" else 0
        cores += replicas * float(bounds["cpus"].removeprefix("${TRYON_CPUS:-").removesuffix("}"))
        memory += replicas * _mib((bounds | other)["memory"])
    wrong = []
    if cores > CORES:
        wrong.append(f"{cores:g} cores of {CORES:g}: lower cpus of a service that computes little")
    if memory > LIMITS_MIB[file]:
        wrong.append(
            f"{memory:g} MiB of {LIMITS_MIB[file]}: lower memory_mib or small_memory_mib of a "
            "service that is far from its limit (docs/orchestrator.md has the peaks)"
        )
    assert not wrong, f"{file} (services/*/deployment.toml) sums to {'; '.join(wrong)}"


def _mib(memory: str) -> int:
    return int(memory[:-1]) * {"M": 1, "G": 1024}[memory[-1]]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("cpus = 1", "cpus = 30", "compose.cpus"),
        ("[swarm]", "[swarms]", "swarms"),
        ("memory_mib = 1024\nresident", "memory_mib = 1\nresident", "orchestrator.memory_mib"),
        ('memory = "512Mi"', 'memory = "512 MB"', "kubernetes.requests.memory"),
    ],
)
def test_a_wrong_value_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = (deployment.SERVICES / "resize" / deployment.FILE).read_text()
    assert old in text
    (tmp_path / "resize").mkdir()
    (tmp_path / "resize" / deployment.FILE).write_text(text.replace(old, new))
    monkeypatch.setattr(deployment, "SERVICES", tmp_path)
    read_deployment.cache_clear()
    with pytest.raises(ValueError, match=r"services/resize/deployment\.toml") as caught:
        read_deployment("resize")
    assert message in str(caught.value)
    read_deployment.cache_clear()


def test_a_missing_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(deployment, "SERVICES", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"docs/adding-a-service\.md"):
        read_deployment("shadow")


def test_the_kit_is_no_service() -> None:
    assert "kit" not in service_names()
    assert "viton" in service_names()
