"""What the orchestrator decides and reads, without an engine."""

import json
from pathlib import Path
from typing import Any

import docker.errors
import pydantic
import pytest
import requests

from gateway.orchestrator import budget
from gateway.orchestrator.backoff import MAX_DELAY_SECONDS, STABLE_SECONDS, Backoff
from gateway.orchestrator.budget import MemoryReservation
from gateway.orchestrator.container_exit import ContainerExit, error_from_exit
from gateway.orchestrator.container_spec import (
    ContainerOptions,
    ContainerSpec,
    Machine,
    Owner,
    container_spec,
)
from gateway.orchestrator.engine import address_of, error_from_docker
from gateway.orchestrator.instance import Instance
from gateway.orchestrator.replica_handle import ReplicaHandle, least_busy
from gateway.orchestrator.settings import MEMORY_MIB, NAMES, OrchestratorSettings
from services.kit.contract import Contract
from services.kit.errors import (
    ContainersUnavailable,
    ServiceUnavailable,
    UnknownEngine,
    WeightsMissing,
)
from services.kit.settings import Settings

ROOT = Path(__file__).resolve().parents[4]
"""The checkout."""

pytestmark = pytest.mark.unit

HUMAN_PARSE = Contract("human_parse", "tryon.v1.HumanParse", 50053, ())


def reservation(name: str, mib: int = 100, **different: Any) -> MemoryReservation:
    usual = {"resident": False, "busy": False, "stopping": False, "last_used": 0.0}
    return MemoryReservation(name=name, mib=mib, **{**usual, **different})


class TestBudget:
    def test_services_that_never_fit_are_named(self) -> None:
        assert budget.exceeding({"small": 100, "exact": 200, "large": 201}, 200) == ("large",)

    @pytest.mark.parametrize(
        ("limit", "kept"),
        [
            (1000, ("a", "b", "c")),
            (599, ("a", "b")),
            (600, ("a", "b", "c")),
            # "b" does not fit, the smaller "c" after it does.
            (450, ("a", "c")),
            (300, ("c",)),
            (299, ()),
        ],
    )
    def test_residents_leave_room_for_every_other_service(
        self, limit: int, kept: tuple[str, ...]
    ) -> None:
        needs = {"a": 100, "b": 200, "c": 50, "other": 250}
        assert budget.choose_residents(["a", "b", "c"], needs, limit) == kept

    def test_one_that_is_the_largest_itself_may_stay(self) -> None:
        assert budget.choose_residents(["a"], {"a": 300, "b": 100}, 400) == ("a",)

    def test_nothing_is_stopped_where_there_is_room(self) -> None:
        assert budget.services_to_stop(100, 300, [reservation("a"), reservation("b")]) == ()

    def test_the_longest_unused_go_first_and_no_more_than_needed(self) -> None:
        held = [
            reservation("new", last_used=9),
            reservation("old", last_used=1),
            reservation("mid", last_used=5),
        ]
        assert budget.services_to_stop(100, 300, held) == ("old",)
        assert budget.services_to_stop(150, 300, held) == ("old", "mid")

    @pytest.mark.parametrize("kind", ["resident", "busy"])
    def test_residents_and_services_at_work_stay(self, kind: str) -> None:
        assert budget.services_to_stop(100, 100, [reservation("a", **{kind: True})]) is None

    def test_idle_ones_are_not_stopped_in_vain(self) -> None:
        assert (
            budget.services_to_stop(200, 200, [reservation("idle"), reservation("busy", busy=True)])
            is None
        )

    def test_what_is_stopping_is_waited_for(self) -> None:
        held = [reservation("going", stopping=True), reservation("idle")]
        assert budget.services_to_stop(100, 200, held) is None
        assert budget.services_to_stop(200, 200, held) == ("idle",)

    def test_only_idle_on_demand_services_are_unused(self) -> None:
        held = [
            reservation("unused", last_used=10),
            reservation("used", last_used=11),
            reservation("busy", busy=True),
            reservation("kept", resident=True),
            reservation("going", stopping=True),
        ]
        assert budget.idle_services(held, now=40, idle_seconds=30) == ("unused",)


class TestBackoff:
    def test_first_restart_is_at_once_then_delays_double_to_the_cap(self) -> None:
        delays, backoff = [], Backoff()
        for _ in range(12):
            backoff = backoff.ended(served=1.0)
            delays.append(backoff.delay)
        assert delays[:5] == [0.0, 0.5, 1.0, 2.0, 4.0]
        assert delays == sorted(delays)
        assert delays[-1] == MAX_DELAY_SECONDS

    def test_a_while_of_service_is_a_new_start(self) -> None:
        assert Backoff(ends=20).ended(served=STABLE_SECONDS).delay == 0.0
        assert Backoff(ends=20).ended(served=STABLE_SECONDS - 1).delay == MAX_DELAY_SECONDS

    def test_endless_failure_stays_finite(self) -> None:
        assert Backoff(ends=10**6).delay == MAX_DELAY_SECONDS


class TestContainerExit:
    def test_out_of_memory_names_the_limit_and_the_setting(self) -> None:
        error = error_from_exit(ContainerExit(137, out_of_memory=True), "viton", 1024)
        assert type(error) is ServiceUnavailable
        assert "1024 MiB" in error.message
        assert "out of memory" in error.message
        assert "TRYON_DOCKER_MEMORY_MIB" in error.message
        assert error.stage == "viton"

    def test_killed_from_outside_is_not_called_out_of_memory(self) -> None:
        error = error_from_exit(ContainerExit(137, lines=["serving"]), "viton", 1024)
        assert "killed" in error.message
        assert "1024" not in error.message

    @pytest.mark.parametrize("kind", [WeightsMissing, UnknownEngine])
    def test_what_a_service_says_when_it_refuses_comes_back(self, kind: Any) -> None:
        line = {"event": "not started", "code": kind.code, "reason": "It is so; do this."}
        error = error_from_exit(
            ContainerExit(78, lines=["noise", json.dumps(line), "{broken"]), "viton", 1
        )
        assert type(error) is kind
        assert error.message == "It is so; do this."
        assert error.stage == "viton"

    @pytest.mark.parametrize("code", ["no_person", "nonsense", None, 7])
    def test_other_codes_in_a_log_are_not_believed(self, code: Any) -> None:
        line = json.dumps({"event": "not started", "code": code, "reason": "x"})
        assert (
            type(error_from_exit(ContainerExit(70, lines=[line]), "viton", 1)) is ServiceUnavailable
        )

    def test_a_traceback_is_told_by_its_last_line(self) -> None:
        line = {"event": "not started", "exception": "Traceback ...\n  File\nValueError: no"}
        message = error_from_exit(ContainerExit(70, lines=[json.dumps(line)]), "viton", 1).message
        assert "exit status 70" in message
        assert message.endswith("not started: ValueError: no")

    def test_long_logs_are_cut(self) -> None:
        message = error_from_exit(ContainerExit(1, lines=["x" * 9999] * 50), "viton", 1).message
        assert len(message) < 500

    def test_silence_is_told_as_such(self) -> None:
        assert "said nothing" in error_from_exit(ContainerExit(0), "viton", 1).message


class TestErrorFromDocker:
    @pytest.mark.parametrize(
        ("cause", "remedy"),
        [
            (PermissionError(13, "Permission denied"), "docker group"),
            (FileNotFoundError(2, "No such file or directory"), "start Docker"),
            (ConnectionRefusedError(111, "refused"), "start Docker"),
        ],
    )
    def test_no_connection_tells_what_to_do(self, cause: OSError, remedy: str) -> None:
        wrapped = requests.exceptions.ConnectionError("Connection aborted.", cause)
        error = docker.errors.DockerException("Error while fetching server API version")
        error.__cause__ = wrapped
        told = error_from_docker(error)
        assert type(told) is ContainersUnavailable
        assert remedy in told.message
        assert "--embedded" in told.message

    def test_slowness_may_pass(self) -> None:
        assert (
            type(error_from_docker(requests.exceptions.ReadTimeout("read timeout")))
            is ServiceUnavailable
        )

    @pytest.mark.parametrize(
        ("status", "said", "kind", "remedy"),
        [
            (404, "network nowhere not found", ContainersUnavailable, "TRYON_DOCKER_NETWORK"),
            (400, "bind source path does not exist: /x", WeightsMissing, "TRYON_DOCKER_WEIGHTS"),
            (403, "Forbidden", ContainersUnavailable, "docs/orchestrator.md"),
            (500, "port is already allocated", ServiceUnavailable, "port is already allocated"),
        ],
    )
    def test_refusals(self, status: int, said: str, kind: type[Exception], remedy: str) -> None:
        response = requests.Response()
        response.status_code = status
        told = error_from_docker(docker.errors.APIError("no", response=response, explanation=said))
        assert type(told) is kind
        assert remedy in told.message

    def test_a_missing_image_is_to_be_built(self) -> None:
        told = error_from_docker(
            docker.errors.ImageNotFound("no", explanation="No such image: tryon/viton:1")
        )
        assert type(told) is ContainersUnavailable
        assert "tryon/viton:1" in told.message
        assert "docker compose build" in told.message


class TestSettings:
    def test_defaults_cover_every_service(self) -> None:
        assert set(MEMORY_MIB) == set(NAMES)
        settings = OrchestratorSettings()
        assert "super_resolution" not in settings.resident
        assert set(settings.resident) == {
            name
            for name in NAMES
            if "resident = false" not in (ROOT / f"services/{name}/deployment.toml").read_text()
        }
        assert settings.need_of("densepose") == 3 * MEMORY_MIB["densepose"]

    def test_lists_come_with_commas_or_as_json(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for text in ("viton, resize", '["viton", "resize"]'):
            monkeypatch.setenv("TRYON_DOCKER_RESIDENT", text)
            assert OrchestratorSettings().resident == ("viton", "resize")

    def test_tables_change_only_what_they_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TRYON_DOCKER_REPLICAS", '{"resize": 2}')
        monkeypatch.setenv("TRYON_DOCKER_MEMORY_MIB", '{"resize": 300}')
        settings = OrchestratorSettings()
        assert (settings.need_of("resize"), settings.replicas_of("densepose")) == (600, 3)

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            ("RESIDENT", "open-pose", "did you mean openpose"),
            ("REPLICAS", '{"densepose": 0}', "not between 1 and 64"),
            ("REPLICAS", "{densepose: 3}", "not JSON"),
            ("MEMORY_MIB", '{"nothing": 512}', "no service"),
            ("MEMORY_MIB", '{"viton": 1}', "not between 64"),
            ("BUDGET_MIB", "1", "greater than or equal to 64"),
            ("IMAGE", "tryon/{nam}", "no other braces"),
            ("IDLE_SECONDS", "0", "greater than or equal to 1"),
            ("PREFIX", "-x", "pattern"),
        ],
    )
    def test_mistakes_are_told_with_the_variable(
        self, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
    ) -> None:
        monkeypatch.setenv(f"TRYON_DOCKER_{name}", value)
        with pytest.raises(pydantic.ValidationError) as caught:
            OrchestratorSettings()
        (error,) = caught.value.errors()
        assert error["loc"] == (name.lower(),)
        assert said in error["msg"]


def spec(
    docker_settings: OrchestratorSettings, settings: Settings, **environment: str
) -> ContainerSpec:
    options = ContainerOptions(
        owner=Owner("run", "home"),
        machine=Machine(memory=2**33, cores=4),
        docker=docker_settings,
        settings=settings,
        environment=environment,
    )
    return container_spec(HUMAN_PARSE, "tryon-human-parse-1", options)


class TestSpec:
    def test_a_service_gets_its_own_settings_and_nobody_elses(self) -> None:
        told = spec(
            OrchestratorSettings(image="mine/{host}:7"),
            Settings(queue_size=3, precision="fp32", models_dir=Path("/data/weights")),
            TRYON_HUMAN_PARSE_ENGINE="fusion",
            TRYON_VITON_ENGINE="warp",
            TRYON_ENGINE_PRESET="hr_viton",
            TRYON_PIPELINE="viton_hd",
            OTHER="x",
        )
        assert told.image == "mine/human-parse:7"
        assert told.environment["TRYON_HUMAN_PARSE_ENGINE"] == "fusion"
        assert told.environment["TRYON_ENGINE_PRESET"] == "hr_viton"
        assert told.environment["TRYON_PIPELINE"] == "viton_hd"
        assert told.environment["TRYON_QUEUE_SIZE"] == "3"
        assert told.environment["TRYON_PRECISION"] == "fp32"
        assert told.environment["TRYON_MODELS_DIR"] == "/weights"
        assert not {"TRYON_VITON_ENGINE", "OTHER"} & told.environment.keys()
        assert (told.weights, told.weights_are_a_folder) == ("/data/weights", True)
        assert told.memory == MEMORY_MIB["human_parse"] * 2**20

    @pytest.mark.parametrize(
        ("wanted", "cpus", "threads"), [(None, 4.0, "4"), (1.5, 1.5, "2"), (64.0, 4.0, "4")]
    )
    def test_cores_are_never_more_than_the_machine_has(
        self, wanted: float | None, cpus: float, threads: str
    ) -> None:
        told = spec(OrchestratorSettings(cpus=wanted), Settings())
        assert (told.cpus, told.environment["TRYON_THREADS"]) == (cpus, threads)

    def test_threads_that_the_user_chose_stay(self) -> None:
        told = spec(OrchestratorSettings(), Settings(threads=7))
        assert told.environment["TRYON_THREADS"] == "7"

    @pytest.mark.parametrize(
        ("source", "is_folder"),
        [("/data", True), ("C:\\weights", True), ("weights", False), ("tryon_weights", False)],
    )
    def test_folders_and_volumes_are_told_apart(self, source: str, is_folder: bool) -> None:
        assert (
            spec(OrchestratorSettings(weights=source), Settings()).weights_are_a_folder is is_folder
        )

    @pytest.mark.parametrize(
        ("network", "told", "address"),
        [
            (None, {"Ports": {"50053/tcp": [{"HostPort": "32768"}]}}, "127.0.0.1:32768"),
            (None, {"Ports": {"50053/tcp": None}}, None),
            (None, {"Ports": {}}, None),
            ("inside", {"Networks": {"inside": {"IPAddress": "10.0.0.2"}}}, "10.0.0.2:50053"),
            ("inside", {"Networks": {"inside": {"IPAddress": ""}}}, None),
        ],
    )
    def test_addresses_are_read(
        self, network: str | None, told: dict[str, Any], address: str | None
    ) -> None:
        assert address_of(told, spec(OrchestratorSettings(network=network), Settings())) == address


class TestInstance:
    def test_the_living_are_not_dead_and_the_released_are(self, tmp_path: Path) -> None:
        first, second = Instance(tmp_path), Instance(tmp_path)
        assert first.home == second.home
        assert first.run != second.run
        assert not second.is_dead(first.run)
        first.release()
        assert second.is_dead(first.run)
        second.release()

    def test_a_lock_that_a_killed_process_left_is_stale(self, tmp_path: Path) -> None:
        instance = Instance(tmp_path)
        (tmp_path / "killed.lock").touch()
        assert instance.is_dead("killed")
        assert not (tmp_path / "killed.lock").exists()
        instance.release()

    def test_other_folders_are_other_homes(self, tmp_path: Path) -> None:
        here, there = Instance(tmp_path / "a"), Instance(tmp_path / "b")
        assert here.home != there.home
        here.release()
        there.release()


class TestReplicaHandles:
    def test_the_least_busy_that_serves_takes_the_call(self) -> None:
        replicas = [ReplicaHandle(name) for name in ("busy", "idle", "silent")]
        busy, idle, _ = replicas
        busy.serving = idle.serving = True
        busy.calls_in_flight = 1
        assert least_busy(replicas) is idle
        idle.suspect()
        assert least_busy(replicas) is busy
        busy.mark_ended()
        assert least_busy(replicas) is None

    def test_idle_ones_take_turns(self) -> None:
        replicas = [ReplicaHandle(name) for name in "abc"]
        taken = []
        for replica in replicas:
            replica.serving = True
        for turn in range(6):
            chosen = least_busy(replicas)
            assert chosen
            chosen.last_call_number = turn
            taken.append(chosen.name)
        assert taken == list("abcabc")
