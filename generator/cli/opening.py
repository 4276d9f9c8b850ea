"""What answers on the socket of `revstamp serve` while its database is still waited for.

Owns: `/healthz`, `/readyz`, and the same refusal for everything else, on a socket that is handed over afterwards.
Refuses: waiting, and routes.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from generator.api.problems import shape_error
from generator.errors import StoreUnavailable

_WORDS = "the database is away; revstamp waits for it"


@contextmanager
def answering_meanwhile(listener: socket.socket) -> Iterator[None]:
    """Answer until the block ends; connections that come after it wait for whoever takes the socket over."""
    server = ThreadingHTTPServer(listener.getsockname()[:2], _Handler, bind_and_activate=False)
    server.socket.close()
    server.socket, server.daemon_threads = listener.dup(), True
    server.server_activate()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="opening", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One request a connection."""

    server_version, sys_version, timeout = "revstamp", "", 10.0

    def do_GET(self) -> None:
        """The probes know; nothing else does yet."""
        path = self.path.partition("?")[0]
        if path == "/healthz":
            self._answer(200, {"healthy": True})
        elif path == "/readyz":
            self._answer(503, {"ready": False, "missing": {"database": _WORDS}})
        else:
            self._refuse(path)

    def do_POST(self) -> None:
        """Nothing is accepted yet."""
        self._refuse(self.path)

    def do_PATCH(self) -> None:
        """Nor here."""
        self._refuse(self.path)

    def do_DELETE(self) -> None:
        """Nor here."""
        self._refuse(self.path)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: that the database is away is logged already."""

    def _refuse(self, path: str) -> None:
        answer = shape_error(path, StoreUnavailable(_WORDS))
        self._answer(answer.status_code, json.loads(bytes(answer.body)), answer.media_type or "application/json")

    def _answer(self, status: int, body: Any, kind: str = "application/json") -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(content))), ("Connection", "close")):
            self.send_header(name, value)
        self.send_header("X-Content-Type-Options", "nosniff")
        if status == 503 or body.get("status") == "fail":
            self.send_header("Retry-After", "5")
        self.end_headers()
        self.wfile.write(content)
