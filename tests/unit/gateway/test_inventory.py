import re

import pytest

from gateway.inventory import (
    ERROR_LENGTH,
    Health,
    LastErrors,
    Replica,
    ServiceState,
    best_health,
    error_line,
)
from gateway.run_mode import RunMode
from services.kit.errors import NoPerson, Overloaded, ServiceUnavailable

pytestmark = pytest.mark.unit


def replicas(*health: Health) -> list[Replica]:
    return [
        Replica(address=f"10.0.0.{number}:50052", health=each) for number, each in enumerate(health)
    ]


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        ((Health.FAILING, Health.SERVING, Health.FAILING), Health.SERVING),
        ((Health.FAILING, Health.STARTING), Health.STARTING),
        ((Health.FAILING, Health.FAILING), Health.FAILING),
        ((Health.STOPPED,), Health.STOPPED),
        ((), Health.FAILING),
    ],
)
def test_a_service_is_as_well_as_its_best_replica(of: tuple[Health, ...], expected: Health) -> None:
    assert best_health(replicas(*of)) is expected


def test_memory_is_the_sum_of_what_is_known() -> None:
    def state(*memory: int | None) -> ServiceState:
        told = tuple(Replica(address="a:1", health=Health.SERVING, memory=each) for each in memory)
        return ServiceState(name="viton", mode=RunMode.REMOTE, health=Health.SERVING, replicas=told)

    assert state(5, None, 7).memory == 12
    assert state(None).memory is None
    assert state().memory is None


def test_calls_are_those_at_work_and_those_that_wait() -> None:
    def state(*calls: tuple[int | None, int | None]) -> ServiceState:
        told = tuple(
            Replica(address="a:1", health=Health.SERVING, running=running, waiting=waiting)
            for running, waiting in calls
        )
        return ServiceState(name="viton", mode=RunMode.REMOTE, health=Health.SERVING, replicas=told)

    assert state((1, 4), (None, None), (0, 2)).calls == 7
    assert state((0, 0)).calls == 0
    assert state((None, None)).calls is None


def test_only_what_the_system_could_not_do_is_noted() -> None:
    errors = LastErrors()
    with pytest.raises(NoPerson), errors.recorded("openpose"):
        raise NoPerson("Nobody; choose another photo.")
    with pytest.raises(ZeroDivisionError), errors.recorded("openpose"):
        raise ZeroDivisionError
    assert errors.last_of("openpose") is None
    for message in ("First.", "Busy; try again."):
        with pytest.raises(Overloaded), errors.recorded("openpose"):
            raise Overloaded(message)
    line = errors.last_of("openpose")
    assert line
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ overloaded: Busy; try again\.", line), (
        line
    )
    assert errors.last_of("viton") is None


def test_an_error_is_one_short_line() -> None:
    line = error_line(ServiceUnavailable("It ended:\nlong log\nlines"))
    assert line.endswith("service_unavailable: It ended:")
    line = error_line(ServiceUnavailable("a\x1b[31mb" + "c" * 2000))
    assert line.isprintable()
    assert len(line.partition("unavailable: ")[2]) == ERROR_LENGTH
    assert error_line(ServiceUnavailable("")).endswith("service_unavailable: ")
