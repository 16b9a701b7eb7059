"""Check a server's gRPC health: ``python -m services.kit.wire.probe [HOST:PORT]``.

The exit status is 0 if the server serves, else 1, as a container's health check needs it. Without
an address, the server of the same container is checked: the service named by ``SERVICE``.
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

TIMEOUT_SECONDS: Final = 4.0
"""Deadline of the health check in seconds."""


def is_serving(address: str) -> bool:
    """Return whether the server at ``host:port`` says SERVING within ``TIMEOUT_SECONDS``."""
    with grpc.insecure_channel(address, options=(("grpc.enable_http_proxy", 0),)) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=TIMEOUT_SECONDS
            )
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def own_address() -> str:
    """Return the default address of the service that ``SERVICE`` names, in this container.

    Exits with a message if ``SERVICE`` is not set or names no service.
    """
    name = os.environ.get("SERVICE", "")
    if not name:
        sys.exit("Name an address, as HOST:PORT, or a service in the environment variable SERVICE.")
    module = f"services.{name}.contract"
    try:
        port = import_module(module).CONTRACT.port
    except ModuleNotFoundError as error:
        if error.name not in {module, f"services.{name}"}:
            raise
        sys.exit(
            f"SERVICE={name} names no service: there is no services/{name}/contract.py in this "
            "image. Set SERVICE to the folder's name of the service that the image was built for."
        )
    return f"127.0.0.1:{os.environ.get('TRYON_PORT') or port}"


if __name__ == "__main__":
    sys.exit(not is_serving(sys.argv[1] if len(sys.argv) > 1 else own_address()))
