"""A few lines that behave on the wire as an API server does: objects, watches in chunks, bearer tokens, TLS.

Owns: what the fault proxy's own tests need. Refuses: being taken for an API server by any other test.
"""

from __future__ import annotations

import json
import queue
import ssl
import subprocess
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOKEN = "the-token"


class PlayedApi:
    """`/objects` is a list of 1,000; `/watch?watch=true` tells what `tell` is given, until `end_watches`.

    After `/last` the connection is closed without a word, as an idle one is.
    """

    def __init__(self, certificate: Path | None = None) -> None:
        self.seen: list[tuple[str, str, bytes]] = []
        self._watches: list[queue.Queue[bytes | None]] = []
        self._ended = threading.Condition()
        self.gone_clients = 0
        handler = type("Handler", (_Handler,), {"api": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def tell(self, *events: dict[str, object]) -> None:
        """Each as one line to all who watch."""
        for event in events:
            for watch in self._watches:
                watch.put(json.dumps(event).encode() + b"\n")

    def end_watches(self) -> None:
        """As at the server's own time limit."""
        for watch in self._watches:
            watch.put(None)

    def wait_for_gone_client(self) -> None:
        """Return when somebody who watched has gone away."""
        with self._ended:
            assert self._ended.wait_for(lambda: self.gone_clients > 0, 60)

    def stop(self) -> None:
        """Take no more requests."""
        self.end_watches()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    api: PlayedApi
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    do_PATCH = do_POST = do_DELETE = do_PUT = do_GET  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.api.seen.append((self.command, self.path, body))
        self.close_connection = self.path == "/last"
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._send(401, {"reason": "Unauthorized"})
        elif "watch=true" in self.path:
            self._watch()
        elif self.path == "/objects":
            self._send(200, {"items": [{"name": f"object-{number}"} for number in range(1000)]})
        else:
            self._send(200, {"echo": body.decode(), "method": self.command})

    def _send(self, status: int, content: dict[str, object]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _watch(self) -> None:
        events: queue.Queue[bytes | None] = queue.Queue()
        self.api._watches.append(events)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        threading.Thread(target=self._notice_gone_client, args=(events,), daemon=True).start()
        while (event := events.get()) is not None:
            half = len(event) // 2  # an event may come in two pieces
            for piece in (event[:half], event[half:]):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def _notice_gone_client(self, events: queue.Queue[bytes | None]) -> None:
        with suppress(OSError, ValueError):
            self.connection.recv(1)
        with self.api._ended:
            self.api.gone_clients += 1
            self.api._ended.notify_all()
        events.put(None)


def make_certificate(folder: Path) -> Path:
    """Key and certificate for 127.0.0.1 in one file, by the `openssl` of the machine."""
    subject = ["-subj", "/CN=played", "-addext", "subjectAltName=IP:127.0.0.1"]
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", *subject]
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run([*words, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    certificate.write_text(certificate.read_text() + key.read_text())
    return certificate
