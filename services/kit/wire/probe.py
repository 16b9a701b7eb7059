"""Asks a server's standard gRPC health check: ``python -m services.kit.wire.probe [HOST:PORT]``.

The exit status is 0 when it serves, else 1: what a container's health check wants. Without an
address, it asks the server that runs in the same container.
"""

import os
import sys
from importlib import import_module
from typing import Final

import grpc
from grpc_health.v1 import (  # type: ignore[import-untyped]
    health_pb2,
    health_pb2_grpc,
)

SECONDS: Final = 4.0


def serving(address: str) -> bool:
    """Tell whether the server at ``host:port`` says that it serves, within four seconds."""
    with grpc.insecure_channel(address, options=(("grpc.enable_http_proxy", 0),)) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=SECONDS
            )
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def own_address() -> str:
    """Where the service that ``SERVICE`` names listens by default in this container."""
    port = import_module(f"services.{os.environ['SERVICE']}.contract").CONTRACT.port
    return f"127.0.0.1:{os.environ.get('TRYON_PORT') or port}"


if __name__ == "__main__":
    sys.exit(not serving(sys.argv[1] if len(sys.argv) > 1 else own_address()))
