"""Downloads one address into one file: in pieces, resumed where an earlier try stopped."""

import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Final

import httpx

from services.kit.model_commands.fetch_errors import Cancelled, CannotStore, SourceFailed, storing

TIMEOUT: Final = httpx.Timeout(60.0, connect=15.0)
TRIES: Final = 4
"""Tries in a row that may bring no byte before a download is given up."""
MOST_TRIES: Final = 100
PAUSE: Final = 0.5
"""Seconds before the second try; doubled for every further one."""
RESERVE: Final = 64 * 1024 * 1024
"""Bytes of disk to leave free."""
NETWORK_REMEDY: Final = (
    "check the network (behind a proxy, set HTTPS_PROXY; behind one with its own certificate, "
    "SSL_CERT_FILE) and run this again: it goes on where it stopped"
)

Told = Callable[[int, int | None], None]
"""Is told the bytes there are so far, and of how many where that is known."""


def client() -> httpx.Client:
    """Make an HTTP client that honours the environment's proxies and certificates."""
    return httpx.Client(follow_redirects=True, timeout=TIMEOUT)


def download(
    http: httpx.Client, url: str, target: Path, *, needed: int, told: Told, stop: Event
) -> None:
    """Download ``url`` to ``target``, which appears only when it is complete.

    What a broken connection leaves stays beside it as ``.part`` and is resumed, now and by the next
    call. ``needed`` is how many bytes of disk will be wanted besides. Raises SourceFailed if the
    address does not deliver, CannotStore if the disk does not take it, Cancelled after ``stop``.
    """
    part = target.with_name(f"{target.name}.part")
    failures = 0
    for _ in range(MOST_TRIES):
        before = _size(part)
        try:
            if _receive(http, url, part, needed=needed, told=told, stop=stop):
                with storing(target):
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
        failures = 1 if _size(part) > before else failures + 1
        if failures >= TRIES:
            raise SourceFailed(reason, NETWORK_REMEDY)
        if stop.wait(PAUSE * 2 ** (failures - 1)):
            raise Cancelled
    raise SourceFailed("the connection was cut too often", NETWORK_REMEDY)


def _receive(
    http: httpx.Client, url: str, part: Path, *, needed: int, told: Told, stop: Event
) -> bool:
    """Append what is missing to ``part``; whether that completed it."""
    have = _size(part)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with http.stream("GET", url, headers=headers) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            # Longer than the file, or exactly it; the digest would tell, a new start always works.
            with storing(part):
                part.unlink()
            return False
        response.raise_for_status()
        if not _continues(response, have):
            have = 0
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdigit() else None
        with storing(part):
            _check_space(part.parent, (total - have if total else 0) + needed)
            with part.open("ab" if have else "wb") as stream:
                told(have, total)
                for chunk in response.iter_raw():
                    if stop.is_set():
                        raise Cancelled
                    stream.write(chunk)
                    have += len(chunk)
                    told(have, total)
        return total is None or have == total


def _continues(response: httpx.Response, have: int) -> bool:
    """Whether the answer goes on at byte ``have``; a server may send everything again."""
    return response.status_code == httpx.codes.PARTIAL_CONTENT and response.headers.get(
        "Content-Range", ""
    ).startswith(f"bytes {have}-")


def _check_space(folder: Path, wanted: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < wanted + RESERVE:
        raise CannotStore(
            f"{folder} has {free // 10**6} MB free and needs {(wanted + RESERVE) // 10**6} MB",
            "free some disk space, or set TRYON_MODELS_DIR to a folder on a larger disk",
        )


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
