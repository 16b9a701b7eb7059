"""Several clients at the same time."""

import asyncio

from bench.reports.tables import Row, TableData, comparison_table
from bench.runs.load import Figures, Load
from bench.runs.servers import (
    NO_MEMO,
    MeasurementFailed,
    ProcessUsage,
    Server,
    make_in_turns,
    start_servers,
)
from bench.runs.uploads import VARIANTS, make_variant
from bench.sections.plan import Plan, make_row

REFUSALS = frozenset({"overloaded"})
"""Codes of answers that tell a client to come back later."""


def measure_clients(plan: Plan) -> TableData:
    """Measure pictures a minute and latency for several numbers of clients.

    Nothing is remembered, as if every client had photos of its own.
    """
    rows: list[Row] = []
    with start_servers(plan.checkouts, NO_MEMO) as servers:
        make_in_turns(servers, [make_variant(0)])
        for clients in plan.clients:
            figures = [_load(server, clients, plan.rounds * clients) for server in servers]
            rows += _rows(clients, figures)
    return comparison_table("Clients at the same time", rows, plan.names)


def _load(server: Server[ProcessUsage], clients: int, requests: int) -> Figures:
    files = [make_variant(number).files for number in range(min(requests, VARIANTS))]
    load = Load(f"{server.url}/vitons", files, requests)
    before = server.usage.cpu_seconds()
    asyncio.run(load.run(clients))
    figures = load.figures(clients, server.usage.cpu_seconds() - before)
    failed = figures.errors.keys() - REFUSALS
    if failed or not figures.pictures:
        raise MeasurementFailed(f"{server.name}: {clients} clients got {figures.errors}.")
    return figures


def _rows(clients: int, figures: list[Figures]) -> list[Row]:
    who = f"{clients} clients" if clients > 1 else "1 client"
    refusals = [[float(sum(each.errors.values()))] for each in figures]
    return [
        make_row(f"{who}: pictures a minute", [[each.pictures_a_minute] for each in figures]),
        make_row(f"{who}: p50, seconds", [[each.p50 or 0.0] for each in figures]),
        make_row(f"{who}: p95, seconds", [[each.p95 or 0.0] for each in figures]),
        make_row(f"{who}: requests told to come back later", refusals, decimals=0),
    ]
