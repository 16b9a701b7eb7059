"""A small web server with the vices of real ones, and manifests that point at it."""

import base64
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from services.kit.weights.manifest import Manifest, NpmPackage


@dataclass
class Site:
    """What is served, and how: ``cuts`` says after how many bytes the next answers break off."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cuts: dict[str, list[int]] = field(default_factory=dict)
    ranges: bool = True
    hold: threading.Event | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def serve() -> Iterator[Site]:
    """Serve a site on a free port of this machine."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self, site)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()


def answer(request: BaseHTTPRequestHandler, site: Site) -> None:
    """Answer one GET, with a range if it asks for one and the site knows ranges."""
    path = request.path.split("?")[0]
    wanted = request.headers.get("Range", "")
    site.asked.append((path, wanted))
    content = site.files.get(path)
    if content is None:
        request.send_error(404)
        return
    start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and site.ranges else 0
    if start >= len(content) > 0:
        request.send_error(416)
        return
    if site.hold is not None:
        site.hold.wait(20)
    request.send_response(206 if start else 200)
    if start:
        request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    request.send_header("Content-Length", str(len(content) - start))
    if path.endswith("/"):
        request.send_header("Content-Type", "text/html")
    request.end_headers()
    body = content[start:]
    cuts = site.cuts.get(path)
    request.wfile.write(body[: cuts.pop(0)] if cuts else body)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def manifest(*weights: dict[str, Any], npm: dict[str, bytes] | None = None) -> Manifest:
    """Make a manifest of weights, and of npm packages with their tarballs."""
    packages = {
        name: NpmPackage(name=name, version="1.2.3", sha512=hashlib.sha512(tar).hexdigest())
        for name, tar in (npm or {}).items()
    }
    return Manifest.model_validate({"weights": list(weights), "npm": packages})


def weight(content: bytes, *sources: dict[str, Any], file: str = "net.bin") -> dict[str, Any]:
    """Make a manifest's entry of a file with that content."""
    return {
        "file": file,
        "size": len(content),
        "sha256": digest(content),
        "licence": "CC0-1.0",
        "origin": "made by the test",
        "used_by": ("nothing",),
        "sources": sources,
    }


def tarball(members: dict[str, bytes], *, link: tuple[str, str] | None = None) -> bytes:
    """Pack members in that order; ``link`` is a symbolic link's name and target."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        if link:
            entry = tarfile.TarInfo(link[0])
            entry.type, entry.linkname = tarfile.SYMTYPE, link[1]
            tar.addfile(entry)
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def npm_metadata(name: str, address: str, tar: bytes) -> bytes:
    """What an npm registry says of a package with one version."""
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(tar).digest()).decode()
    dist = {
        "tarball": address,
        "integrity": integrity,
        "shasum": hashlib.sha1(tar).hexdigest(),  # noqa: S324 - the registry's format
    }
    version = {"name": name, "version": "1.2.3", "dist": dist}
    return json.dumps(
        {"name": name, "dist-tags": {"latest": "1.2.3"}, "versions": {"1.2.3": version}}
    ).encode()
