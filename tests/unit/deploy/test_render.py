"""The files of compose, Swarm and Kubernetes are what the services' ``deployment.toml`` say."""

from pathlib import Path

import pytest

from deploy import limits, render
from services.kit import deployment
from services.kit.deployment import read_deployment, service_names

pytestmark = pytest.mark.unit


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


def test_the_machines_of_compose() -> None:
    assert limits.CORES == 16
    assert limits.MACHINES_MIB == {
        "docker-compose.yml": 31 * 1024,
        "docker-compose.small.yml": 16 * 1024,
    }


@pytest.mark.parametrize("file", limits.MACHINES_MIB)
def test_limits_are_within_the_machine(file: str) -> None:
    room = limits.measure_room(file)
    wrong = []
    if room.cores < 0:
        wrong.append(f"{-room.cores:g} cores: lower cpus of a service that computes little")
    if room.memory_mib < 0:
        wrong.append(
            f"{-room.memory_mib} MiB: lower memory_mib or small_memory_mib of a service that is "
            "far from its limit (docs/orchestrator.md has the peaks)"
        )
    assert not wrong, (
        f"{file} (services/*/deployment.toml) exceeds its machine by {'; '.join(wrong)}"
    )


def test_a_limit_takes_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for file in limits.MACHINES_MIB:
        text = (limits.ROOT / file).read_text()
        assert file != limits.BASE or "memory: 512M" in text
        (tmp_path / file).write_text(text.replace("memory: 512M", "memory: 1G", 1))
    before = limits.measure_room(limits.BASE)
    monkeypatch.setattr(limits, "ROOT", tmp_path)
    assert limits.measure_room(limits.BASE).memory_mib == before.memory_mib - 512
    assert limits.measure_room(limits.BASE).cores == before.cores


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
