"""TCP ports for servers that tests start."""

import contextlib
import random
import socket

_given: set[int] = set()


def free_port() -> int:
    """Find a port that nobody listens on and that nobody is given unasked; never the same twice.

    It is below those that the system hands out, so that no connection takes it until its server
    starts; drawn at random, so that two runs of tests hardly ever find the same.
    """
    while True:
        port = random.SystemRandom().randrange(10_000, 30_000)
        if port in _given:
            continue
        _given.add(port)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
