"""An HTTP server that tells what reached it; runs alone in a container, in the gateway's place."""

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

released = threading.Event()


class Handler(BaseHTTPRequestHandler):
    """``GET /echo``: the request's headers. ``POST /vitons``: bytes received, or two events."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.startswith("/echo"):
            self.answer(200, dict(self.headers))
        else:
            self.answer(404, {})

    def do_POST(self) -> None:
        received, left = 0, int(self.headers.get("Content-Length", 0))
        while data := self.rfile.read(min(left - received, 1 << 20)):
            received += len(data)
        if self.path == "/release":
            released.set()
            self.answer(200, {})
        elif self.headers.get("Accept") == "text/event-stream":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b"data: first\n\n")
            self.wfile.flush()
            released.wait()
            self.wfile.write(b"data: second\n\n")
            self.close_connection = True
        else:
            self.answer(200, {"received": received})

    def answer(self, status: int, told: object) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Request-Id", self.headers.get("X-Request-ID", ""))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    port = int(os.environ.get("PORT", "8888"))
    ThreadingHTTPServer(("0.0.0.0", port), Handler).serve_forever()  # noqa: S104 - in a container
