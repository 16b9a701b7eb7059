"""The command ``tryon services``: the answer of ``GET /v1/services`` as a table."""

import sys
from typing import Annotated, Final, NoReturn

import httpx
import pydantic
import typer
from rich.table import Table
from rich.text import Text

from gateway import running
from gateway.inventory import Health
from gateway.problem import ProblemDetails
from gateway.routes.services import Service, Services
from gateway.settings import GatewaySettings, get_gateway_settings
from services.kit.consoles import EXIT_FAILED, print_error, stderr_console, stdout_console

REQUEST_TIMEOUT_SECONDS: Final = 10.0
"""Seconds that the gateway may take to answer."""

LOOPBACK_OF_WILDCARD: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked, not listened on
"""Where a server answers that listens on every address."""

HEALTH_STYLES: Final = {
    Health.SERVING: "green",
    Health.STARTING: "yellow",
    Health.STOPPED: "dim",
    Health.FAILING: "red",
}
"""How the table shows a health."""


def services(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
    url: Annotated[
        str | None,
        typer.Option(help="The gateway's address; default: the server that runs from here."),
    ] = None,
) -> None:
    """Print how every service is: engine, mode, health, replicas, memory, last error."""
    url = (url or _url(get_gateway_settings())).rstrip("/")
    answer = _ask(url)
    if as_json:
        sys.stdout.write(answer.model_dump_json(indent=2) + "\n")
    else:
        stdout_console.print(_table(answer))
        for service in answer.services:
            if service.last_error:
                # Below the table, whose columns are too narrow for a sentence. Not as markup:
                # brackets are the message's own.
                stdout_console.print(Text(f"{service.name}: {service.last_error}"), soft_wrap=True)


def _url(settings: GatewaySettings) -> str:
    """Return the URL of the server on the configured port, else of another that runs."""
    ports = [server.port for server in running.servers(settings.run_dir)]
    port = settings.port if settings.port in ports or not ports else ports[0]
    if len(ports) > 1:
        others = ", ".join(str(each) for each in ports if each != port)
        stderr_console.print(f"The server on port {port}; there are others on {others} (--url).")
    host = LOOPBACK_OF_WILDCARD.get(settings.host, settings.host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _ask(url: str) -> Services:
    try:
        # Not through a proxy: the gateway is on this machine or near it.
        answer = httpx.get(f"{url}/v1/services", timeout=REQUEST_TIMEOUT_SECONDS, trust_env=False)
        if answer.is_server_error:
            _fail(ProblemDetails.model_validate_json(answer.content).detail)
        return Services.model_validate_json(answer.content)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        _fail(f"{url} is no address; give one such as http://127.0.0.1:8888.")
    except httpx.TransportError:
        _fail(
            f"No gateway answers at {url}; start one with `bash run.sh` (or `tryon serve`), or "
            "name another with --url."
        )
    except pydantic.ValidationError:
        _fail(
            f"The answer from {url} does not list services; is it a gateway of this version? "
            "Name another with --url."
        )


def _table(answer: Services) -> Table:
    table = Table("service", "engine", "mode", "health")
    for heading in ("replicas", "memory"):
        table.add_column(heading, justify="right")
    for service in answer.services:
        table.add_row(
            service.name,
            service.engine or "-",
            _mode(service),
            Text(service.health, HEALTH_STYLES[service.health]),
            _replicas(service),
            _megabytes(service.memory),
        )
    table.add_section()
    table.add_row("gateway", answer.gateway.version, "", "", "", _megabytes(answer.gateway.memory))
    total = answer.total
    table.add_row(
        "total",
        "",
        "",
        f"{total.serving} of {total.services}",
        str(total.replicas),
        _megabytes(total.memory),
    )
    return table


def _mode(service: Service) -> str:
    policy = service.start_policy
    return f"{service.mode}, {policy.replace('_', ' ')}" if policy else service.mode


def _replicas(service: Service) -> str:
    """Return the number of replicas, and of those that serve if not all do."""
    serving = sum(replica.health is Health.SERVING for replica in service.replicas)
    count = len(service.replicas)
    return str(count) if serving == count else f"{serving} of {count}"


def _megabytes(memory: int | None) -> str:
    return "-" if memory is None else f"{memory / 1e6:,.0f} MB"


def _fail(message: str) -> NoReturn:
    print_error(message)
    raise typer.Exit(EXIT_FAILED)
