import re

import pytest

from gateway.inventory import (
    ERROR_LENGTH,
    Health,
    LastErrors,
    Replica,
    ServiceState,
    health_of,
    line_of,
)
from gateway.run_mode import RunMode
from services.kit.errors import NoPerson, Overloaded, ServiceUnavailable

pytestmark = pytest.mark.unit


def replicas(*health: Health) -> list[Replica]:
    return [Replica(f"10.0.0.{number}:50052", each) for number, each in enumerate(health)]


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
    assert health_of(replicas(*of)) is expected


def test_memory_is_the_sum_of_what_is_known() -> None:
    def state(*memory: int | None) -> ServiceState:
        told = tuple(Replica("a:1", Health.SERVING, each) for each in memory)
        return ServiceState("viton", "warp", RunMode.REMOTE, Health.SERVING, told)

    assert state(5, None, 7).memory == 12
    assert state(None).memory is None
    assert state().memory is None


def test_calls_are_those_at_work_and_those_that_wait() -> None:
    def state(*calls: tuple[int | None, int | None]) -> ServiceState:
        told = tuple(Replica("a:1", Health.SERVING, None, *each) for each in calls)
        return ServiceState("viton", "warp", RunMode.REMOTE, Health.SERVING, told)

    assert state((1, 4), (None, None), (0, 2)).calls == 7
    assert state((0, 0)).calls == 0
    assert state((None, None)).calls is None


def test_only_what_the_system_could_not_do_is_noted() -> None:
    errors = LastErrors()
    with pytest.raises(NoPerson), errors.noted("openpose"):
        raise NoPerson("Nobody; choose another photo.")
    with pytest.raises(ZeroDivisionError), errors.noted("openpose"):
        raise ZeroDivisionError
    assert errors.of("openpose") is None
    for message in ("First.", "Busy; try again."):
        with pytest.raises(Overloaded), errors.noted("openpose"):
            raise Overloaded(message)
    line = errors.of("openpose")
    assert line
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ overloaded: Busy; try again\.", line), (
        line
    )
    assert errors.of("viton") is None


def test_an_error_is_one_short_line() -> None:
    line = line_of(ServiceUnavailable("It ended:\nlong log\nlines"))
    assert line.endswith("service_unavailable: It ended:")
    line = line_of(ServiceUnavailable("a\x1b[31mb" + "c" * 2000))
    assert line.isprintable()
    assert len(line.partition("unavailable: ")[2]) == ERROR_LENGTH
    assert line_of(ServiceUnavailable("")).endswith("service_unavailable: ")
