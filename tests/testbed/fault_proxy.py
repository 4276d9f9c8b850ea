"""A proxy between a client and an API server, which passes everything on as it comes until a test asks for a fault.

Owns: plain HTTP towards the client, TLS with the server's CA and token towards the server, taking planned faults, the
record. Refuses: upgrades (exec, port-forward), HTTP/2, and listening anywhere but on loopback.

The proxy adds its token where a request brings none: clients in Go send theirs over TLS only.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from tests.testbed.api_faults import ApiExchange, ApiRequest, EndWatch, Match
from tests.testbed.faults import Hold, Plan, Planned, Record
from tests.testbed.proxy_connection import ProxyConnection
from tests.testbed.proxy_watch import WatchStream


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where the API server is. `ca` is its certificate authority as PEM text, `token` a bearer token."""

    url: str
    ca: str | None = None
    token: str | None = None

    @classmethod
    def from_kubeconfig(cls, path: Path) -> Upstream:
        """The current context's server, with CA and token. Raises ValueError where its user has no token."""
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        context = _named(config, "contexts", config["current-context"], "context")
        cluster = _named(config, "clusters", context["cluster"], "cluster")
        user = _named(config, "users", context["user"], "user")
        if "token" not in user:
            raise ValueError(
                f"{path}: the user {context['user']} has no token, which is all that the proxy can pass on"
            )
        ca = base64.b64decode(cluster.get("certificate-authority-data", "")).decode()
        if not ca and "certificate-authority" in cluster:
            ca = (path.parent / cluster["certificate-authority"]).read_text(encoding="utf-8")
        return cls(cluster["server"], ca or None, user["token"])

    def connect(self) -> HTTPConnection:
        """A connection to the server; it is opened at its first request."""
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        if parts.scheme == "http":
            return HTTPConnection(parts.hostname, parts.port)
        context = ssl.create_default_context(cadata=self.ca)
        return HTTPSConnection(parts.hostname, parts.port, context=context)


class FaultProxy:
    """`url` is where clients connect to. Faults wait for their requests; without any, nothing is changed."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.record: Record[ApiExchange] = Record()
        self._plan: Plan[ApiRequest] = Plan()
        self._watches: set[WatchStream] = set()
        self._changed = threading.Condition()
        handler = type("Handler", (ProxyConnection,), {"proxy": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Plain HTTP on loopback."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def write_kubeconfig(self, path: Path, namespace: str = "default") -> Path:
        """A kubeconfig whose only context leads through the proxy, with the server's token."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "proxy",
            "clusters": [{"name": "proxy", "cluster": {"server": self.url}}],
            "users": [{"name": "proxy", "user": {"token": self.upstream.token} if self.upstream.token else {}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy", "namespace": namespace}}],
        }
        path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        path.chmod(0o600)
        return path

    def next(self, match: Match, action: object, times: int | None = 1) -> Planned[ApiRequest]:
        """The next `times` requests that match meet the action (see `api_faults`, `Delay`); None is all of them."""
        return self._plan.add(match, action, times)

    def hold(self, match: Match) -> Hold:
        """Hold the next request that matches until the test releases it."""
        hold = Hold()
        self.next(match, hold)
        return hold

    def clear(self) -> None:
        """Nothing planned happens any more."""
        self._plan.clear()

    def wait_for_watch(self, match: Match | None = None, count: int = 1) -> None:
        """Return when so many watches that match are open: the server has begun to answer them."""
        self._wait(lambda: len(self._find_watches(match or Match())) >= count)

    def wait_for_no_watch(self, match: Match | None = None) -> None:
        """Return when no watch that matches is open."""
        self._wait(lambda: not self._find_watches(match or Match()))

    def cut_watches(self, match: Match | None = None, how: EndWatch | None = None) -> int:
        """End the watches that are open now and match; returns how many. `how` says in which way, not when."""
        with self._changed:
            found = self._find_watches(match or Match())
        for stream in found:
            stream.end(how or EndWatch())
        return len(found)

    def stop(self) -> None:
        """End open watches and take no more requests."""
        self._server.shutdown()
        self._server.server_close()
        self.cut_watches()
        self._server.close_connections()

    # Called by the connections.

    def meet(self, request: ApiRequest) -> object | None:
        """Wait as planned, and learn what is to go wrong."""
        return self._plan.meet(request)

    def watch_began(self, stream: WatchStream) -> None:
        """A watch is open."""
        with self._changed:
            self._watches.add(stream)
            self._changed.notify_all()

    def watch_ended(self, stream: WatchStream) -> None:
        """A watch is over."""
        with self._changed:
            self._watches.discard(stream)
            self._changed.notify_all()

    def _find_watches(self, match: Match) -> list[WatchStream]:
        return [stream for stream in self._watches if match(stream.request)]

    def _wait(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, 60.0), f"open watches: {[s.request for s in self._watches]}"


def _named(config: dict[str, list[dict[str, dict[str, str]]]], kind: str, name: str, what: str) -> dict[str, str]:
    return next(entry[what] for entry in config[kind] if str(entry["name"]) == name)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *arguments: object) -> None:
        self._connections: set[object] = set()
        super().__init__(*arguments)  # type: ignore[arg-type]

    def handle_error(self, *_: object) -> None:
        """A side that went away shows in the record, as a connection that broke."""

    def process_request(self, request: object, client_address: object) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)  # type: ignore[arg-type]

    def shutdown_request(self, request: object) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)  # type: ignore[arg-type]

    def close_connections(self) -> None:
        """Clients that keep connections open see them end."""
        for connection in list(self._connections):
            with suppress(OSError):
                super().shutdown_request(connection)  # type: ignore[arg-type]
