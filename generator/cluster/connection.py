"""HTTP to one API server: a bounded pool, credentials that stay fresh, one request and one answer.

Owns: the pools of the official client, at most so many requests at once, what went wrong on the way in words, and
whether the server may have seen the request. Refuses: trying again (`calling`), and what a status means
(`api_errors`).
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

if TYPE_CHECKING:
    from kubernetes.client import Configuration
    from urllib3 import BaseHTTPResponse, PoolManager

CONNECT_SECONDS = 5.0
"""How long a connection may take until it stands, TLS included."""

_FRESH_SECONDS = 5.0
"""How long headers are used before the client is asked again whether a token has expired."""

_RELOAD_SECONDS = 2.0
"""How often credentials are loaded anew at most, where the server does not accept them."""


class TransportFailed(Exception):
    """There is no answer. `words` say why; `sent`: the server may have seen the request and done what it asks."""

    def __init__(self, words: str, *, sent: bool, permanent: bool = False) -> None:
        super().__init__(words)
        self.words = words
        self.sent = sent
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `path` begins at the server's address, `body` is JSON."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str = "application/json"

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    data: bytes


@dataclass(slots=True)
class _Access:
    """Pools and headers made of one loading of the credentials."""

    configuration: Configuration
    base: str
    pool: PoolManager
    streams: PoolManager
    headers: dict[str, str]
    fresh_until: float


class Connection:
    """Shared by threads. `load` gives the client's configuration, anew at each call; `extra` are further headers."""

    def __init__(self, load: Callable[[], Configuration], *, size: int = 8, extra: Mapping[str, str] | None = None):
        self._load, self._size, self._extra = load, size, dict(extra or {})
        self._free = size
        self._turn = threading.Condition()
        self._lock = threading.Lock()
        self.closed = threading.Event()
        self._loaded_at = time.monotonic()
        self._access = self._open_access()

    @property
    def where(self) -> str:
        """Host and port, for people."""
        parts = urlsplit(self._access.base)
        return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"

    def send(self, request: Request, seconds: float, *, is_urgent: bool = False) -> Answer:
        """One exchange within so many seconds, waiting for a free connection included. TransportFailed.

        What is urgent gets a connection beyond the bound.
        """
        deadline = time.monotonic() + seconds
        if is_urgent:
            self._check_open()
            return self._exchange(self._access.streams, request, deadline)
        with self._take_turn(deadline, seconds):
            return self._exchange(self._access.pool, request, deadline)

    def _exchange(self, pool: PoolManager, request: Request, deadline: float) -> Answer:
        seconds = deadline - time.monotonic()
        response = self._request(pool, request, connect=min(CONNECT_SECONDS, max(0.05, seconds)), read=seconds)
        try:
            with self._words(seconds):
                return Answer(response.status, response.headers, response.data)
        finally:
            response.release_conn()

    def open_stream(self, request: Request, head_seconds: float) -> BaseHTTPResponse:
        """An answer whose body is still to come, on a connection of its own. TransportFailed."""
        self._check_open()
        return self._request(self._access.streams, request, connect=CONNECT_SECONDS, read=head_seconds)

    def renew(self) -> bool:
        """Load the credentials anew, since the server does not accept them; False where that was just done."""
        with self._lock:
            if time.monotonic() - self._loaded_at < _RELOAD_SECONDS:
                return False
            old = self._access
            self._access = self._open_access()
            self._loaded_at = time.monotonic()
            old.pool.clear()
            return True

    def close(self) -> None:
        """Give up idle connections, wake whoever waits for one."""
        self.closed.set()
        with self._turn:
            self._turn.notify_all()
        self._access.pool.clear()
        self._access.streams.clear()

    @contextmanager
    def words_of(self, seconds: float) -> Iterator[None]:
        """Turns what the libraries raise inside into TransportFailed."""
        with self._words(seconds):
            yield

    def _open_access(self) -> _Access:
        import urllib3
        from kubernetes.client.rest import RESTClientObject

        configuration = self._load()
        configuration.connection_pool_maxsize = self._size
        if not configuration.verify_ssl:
            # Who writes insecure-skip-tls-verify has decided; kubectl does not warn with each request either.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        pool = RESTClientObject(configuration).pool_manager
        streams = RESTClientObject(configuration).pool_manager
        headers = self._make_headers(configuration)
        return _Access(configuration, configuration.host, pool, streams, headers, time.monotonic() + _FRESH_SECONDS)

    def _make_headers(self, configuration: Configuration) -> dict[str, str]:
        from generator import __version__

        headers = {"Accept": "application/json", "User-Agent": f"revstamp/{__version__}", **self._extra}
        settings: dict[str, Any] = dict(configuration.auth_settings())
        for setting in settings.values():
            if setting.get("value"):
                headers[str(setting["key"])] = str(setting["value"])
        return headers

    def _headers(self) -> dict[str, str]:
        """With credentials that have not expired: the client's hook runs plugins and reads token files again."""
        access = self._access
        if time.monotonic() < access.fresh_until:
            return access.headers
        with self._lock:
            if time.monotonic() >= access.fresh_until:
                # The old ones may still be good; if not, the server says so and all is loaded anew, with its errors.
                with suppress(Exception):
                    access.headers = self._make_headers(access.configuration)
                access.fresh_until = time.monotonic() + _FRESH_SECONDS
        return access.headers

    def _request(self, pool: PoolManager, request: Request, *, connect: float, read: float) -> BaseHTTPResponse:
        from urllib3 import Timeout

        headers = self._headers()
        if request.body is not None:
            headers = {**headers, "Content-Type": request.content_type}
        with self._words(read):
            return pool.urlopen(
                request.method,
                self._access.base + request.target,
                redirect=False,
                body=request.body,
                headers=headers,
                timeout=Timeout(connect=connect, read=max(0.05, read)),
                retries=False,
                preload_content=False,
            )

    @contextmanager
    def _take_turn(self, deadline: float, seconds: float) -> Iterator[None]:
        with self._turn:
            while self._free == 0 and not self.closed.is_set():
                if not self._turn.wait(max(0.0, deadline - time.monotonic())) and time.monotonic() >= deadline:
                    raise TransportFailed(f"no connection became free within {seconds:g} s", sent=False)
            self._check_open()
            self._free -= 1
        try:
            yield
        finally:
            with self._turn:
                self._free += 1
                self._turn.notify()

    def _check_open(self) -> None:
        if self.closed.is_set():
            raise TransportFailed("the connection was closed by revstamp", sent=False, permanent=True)

    @contextmanager
    def _words(self, seconds: float) -> Iterator[None]:
        from urllib3 import exceptions as u3

        try:
            yield
        except (u3.HTTPError, OSError, ValueError, AttributeError) as error:
            # A stream that is shut down by another thread can end in any of these.
            raise describe_failure(error, self.where, seconds) from error


def describe_failure(error: BaseException, where: str, seconds: float) -> TransportFailed:
    """Why there is no answer, in words that hold neither path nor credentials."""
    from urllib3 import exceptions as u3

    cause: Any = error
    if isinstance(error, u3.ProxyError):
        return TransportFailed(f"the proxy on the way to {where} does not let through", sent=False)
    if isinstance(error, u3.NameResolutionError):
        return TransportFailed(f"the name {where.rpartition(':')[0]} cannot be resolved", sent=False)
    if isinstance(error, u3.ConnectTimeoutError) and not isinstance(error, u3.NewConnectionError):
        return TransportFailed(f"no connection to {where} within {CONNECT_SECONDS:g} s", sent=False)
    if isinstance(error, u3.NewConnectionError):
        cause = error.__cause__
        refused = isinstance(cause, ConnectionRefusedError)
        words = "refuses the connection" if refused else f"cannot be connected to ({getattr(cause, 'strerror', '')})"
        return TransportFailed(f"{where} {words}", sent=False)
    if isinstance(error, u3.ReadTimeoutError | socket.timeout):
        return TransportFailed(f"{where} did not answer within {seconds:.0f} s", sent=True)
    if isinstance(error, u3.SSLError | ssl.SSLError):
        return _describe_tls(error, where)
    return TransportFailed(f"the connection to {where} broke", sent=True)


def _describe_tls(error: BaseException, where: str) -> TransportFailed:
    found: Any = error.args[0] if error.args and isinstance(error.args[0], BaseException) else error
    words = getattr(found, "verify_message", "") or getattr(found, "reason", "") or type(found).__name__
    text = str(words).replace("_", " ").lower() if str(words).isupper() else str(words)
    untrusted = isinstance(found, ssl.CertificateError)
    return TransportFailed(f"TLS with {where} fails: {text}", sent=not untrusted, permanent=untrusted)
