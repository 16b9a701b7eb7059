"""Download one address to one file; resume a download that was interrupted."""

import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Final, TypeAlias

import httpx

from services.kit.model_commands.fetch_errors import (
    Cancelled,
    CannotStore,
    SourceFailed,
    convert_os_errors,
)

HTTP_TIMEOUT: Final = httpx.Timeout(60.0, connect=15.0)
"""Seconds without a byte, and seconds to connect, after which a try fails."""

MAX_FRUITLESS_TRIES: Final = 4
"""Tries in a row without a byte after which a download fails."""

MAX_TRIES: Final = 100
"""Tries after which a download fails, whatever they brought."""

FIRST_RETRY_DELAY_SECONDS: Final = 0.5
"""Seconds before the second try; doubled for each further try without a byte."""

MIN_FREE_BYTES: Final = 64 * 1024 * 1024
"""Bytes of the disk that stay free."""

NETWORK_REMEDY: Final = (
    "check the network (behind a proxy, set HTTPS_PROXY; behind one with its own certificate, "
    "SSL_CERT_FILE) and run this again: it goes on where it stopped"
)
"""Remedy if an address does not deliver."""

OnBytes: TypeAlias = Callable[[int, int | None], None]
"""Called with the bytes downloaded so far, and with the total if it is known."""


def make_client() -> httpx.Client:
    """Make an HTTP client that uses the environment's proxies and certificates."""
    return httpx.Client(follow_redirects=True, timeout=HTTP_TIMEOUT)


def download(
    http: httpx.Client, url: str, target: Path, *, extra_bytes: int, on_bytes: OnBytes, stop: Event
) -> None:
    """Download ``url`` to ``target``, which appears when it is complete.

    A partial download stays beside it as ``.part`` and is resumed, also by a later call.
    ``extra_bytes`` is the disk space needed besides the download. Raises SourceFailed if the
    address does not deliver, CannotStore if the file cannot be written, Cancelled after ``stop``.
    """
    part = target.with_name(f"{target.name}.part")
    failures = 0
    for _ in range(MAX_TRIES):
        before = _size_or_zero(part)
        try:
            if _receive(http, url, part, extra_bytes=extra_bytes, on_bytes=on_bytes, stop=stop):
                with convert_os_errors(target):
                    part.replace(target)
                return
            reason = "the connection was cut"
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            reason = f"the server answered {status}"
            if status < 500 and status != 429:
                raise SourceFailed(reason, NETWORK_REMEDY) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError) as error:
            raise SourceFailed(f"the address cannot be used: {error}", NETWORK_REMEDY) from error
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
        failures = 1 if _size_or_zero(part) > before else failures + 1
        if failures >= MAX_FRUITLESS_TRIES:
            raise SourceFailed(reason, NETWORK_REMEDY)
        if stop.wait(FIRST_RETRY_DELAY_SECONDS * 2 ** (failures - 1)):
            raise Cancelled
    raise SourceFailed("the connection was cut too often", NETWORK_REMEDY)


def _receive(
    http: httpx.Client, url: str, part: Path, *, extra_bytes: int, on_bytes: OnBytes, stop: Event
) -> bool:
    """Append the missing bytes to ``part``; return whether it is complete."""
    have = _size_or_zero(part)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with http.stream("GET", url, headers=headers) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            # The partial file has all bytes or too many; a new download is always right.
            with convert_os_errors(part):
                part.unlink()
            return False
        response.raise_for_status()
        if not _is_continuation(response, have):
            have = 0
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdigit() else None
        with convert_os_errors(part):
            _check_space(part.parent, (total - have if total else 0) + extra_bytes)
            with part.open("ab" if have else "wb") as stream:
                on_bytes(have, total)
                for chunk in response.iter_raw():
                    if stop.is_set():
                        raise Cancelled
                    stream.write(chunk)
                    have += len(chunk)
                    on_bytes(have, total)
        return total is None or have == total


def _is_continuation(response: httpx.Response, have: int) -> bool:
    """Return whether the response starts at byte ``have``; a server may send all bytes again."""
    return response.status_code == httpx.codes.PARTIAL_CONTENT and response.headers.get(
        "Content-Range", ""
    ).startswith(f"bytes {have}-")


def _check_space(folder: Path, wanted: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < wanted + MIN_FREE_BYTES:
        needed = wanted + MIN_FREE_BYTES
        raise CannotStore(
            f"{folder} has {free // 10**6} MB free and needs {needed // 10**6} MB",
            "free some disk space, or set TRYON_MODELS_DIR to a folder on a larger disk",
        )


def _size_or_zero(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
