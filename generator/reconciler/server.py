"""The reconciler's HTTP face: health, metrics, and the forge's webhook.

Owns: these four routes and their limits. Refuses: anything that changes more than "look at the branch now".
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from generator.reconciler.metrics import Metrics
from generator.reconciler.webhook import LARGEST_WEBHOOK, WebhookJudge

_PATIENCE = 10.0
"""Seconds that a client may take for its request."""


class FaceServer:
    """Serves `/healthz`, `/readyz`, `/metrics` and `POST /webhook` in threads."""

    def __init__(
        self,
        address: tuple[str, int],
        metrics: Metrics,
        ready: Callable[[], dict[str, Any]],
        nudge: Callable[[], None],
        *,
        branch: str,
        webhook_secret: str = "",
    ) -> None:
        """`ready` gives `{"ready": bool, ...}`. Without a secret the webhook answers 403."""
        face = self
        self.metrics, self.ready, self.nudge = metrics, ready, nudge
        self._judge = WebhookJudge(webhook_secret, branch)

        class Handler(_Handler):
            server_face = face

        self._server = ThreadingHTTPServer(address, Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="http", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def take_webhook(self, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Status and answer for a call of the webhook."""
        delivery = self._judge.judge(body, headers)
        self.metrics.webhooks.labels(delivery.outcome).inc()
        if delivery.outcome == "accepted":
            self.nudge()
        return delivery.status, delivery.to_dict()


class _Handler(BaseHTTPRequestHandler):
    server_face: FaceServer
    server_version = "revstamp"
    sys_version = ""
    timeout = _PATIENCE
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Health, readiness, metrics."""
        path = self.path.partition("?")[0]
        face = self.server_face
        if path == "/healthz":
            self._answer(200, {"healthy": True})
        elif path == "/readyz":
            state = face.ready()
            self._answer(200 if state.get("ready") else 503, state)
        elif path == "/metrics":
            face.ready()  # it knows for how long remote and clusters have been away
            self._send(200, face.metrics.render(), "text/plain; version=0.0.4; charset=utf-8")
        else:
            self._answer(404, {"reason": "there are /healthz, /readyz, /metrics and POST /webhook"})

    def do_HEAD(self) -> None:
        """The same without a body."""
        self.do_GET()

    def do_POST(self) -> None:
        """The forge's webhook."""
        if self.path.partition("?")[0] != "/webhook":
            self.close_connection = True
            self._answer(404, {"accepted": False, "reason": "POST /webhook"})
            return
        try:
            length = int(self.headers.get("Content-Length", ""))
        except ValueError:
            length = -1
        if not 0 <= length <= LARGEST_WEBHOOK:
            self.close_connection = True
            self._answer(411 if length < 0 else 413, {"accepted": False, "reason": "a Content-Length up to 5 MiB"})
            return
        body = self.rfile.read(length)
        self._answer(*self.server_face.take_webhook(body, dict(self.headers.items())))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: probes every few seconds are not news."""

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        self._send(status, json.dumps(body).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
