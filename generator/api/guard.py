"""What every request passes before its route, and every answer after it.

Owns: request ids, bounded and timely bodies, writes that come from foreign web pages, security headers, the access log.
Refuses: identity and shapes. Plain ASGI, so that streams pass through.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from generator.api.origins import check_origin
from generator.api.problems import Rejected, answer_rejected
from generator.reconciler.webhook import LARGEST_WEBHOOK

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LARGEST_BODY = 1024 * 1024
"""Bytes; no request of the platform comes near. A forge's webhook may be larger."""
BODY_SECONDS = 15.0
"""How long a body may take to arrive."""

_APIS = ("/llm-ops/", "/revstamp/")
_READS = ("GET", "HEAD", "OPTIONS")
_JSON = re.compile(r"application/([a-z0-9.+-]+\+)?json", re.IGNORECASE)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
)


class Guard:
    """The outermost layer of the app. `origins`: whose pages may write from a browser, beside its own."""

    def __init__(
        self,
        app: Callable[[Scope, Receive, Send], Awaitable[None]],
        log: Any,
        origins: tuple[str, ...] = (),
        end_streams: Callable[[], None] = lambda: None,
        *,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        """`end_streams` ends answers that never end by themselves."""
        self._app, self._log, self._origins, self._seconds = app, log, origins, body_seconds
        self.end_streams = end_streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        began, status = time.monotonic(), 0
        most = LARGEST_WEBHOOK if scope["path"].endswith("/webhook") else LARGEST_BODY
        body = _Bounded(receive, most, self._seconds)

        async def answer(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = [(b"x-request-id", request_id.encode()), *HEADERS]
                kept = [(name, value) for name, value in message["headers"] if name not in dict(own)]
                message = {**message, "headers": [*kept, *own]}
            await send(message)

        async def answer_of_app(message: MutableMapping[str, Any]) -> None:
            if body.rejected is None or status:  # else the app took it for a body that it cannot read
                await answer(message)

        try:
            self._check(scope, most)
            await self._app(scope, body, answer_of_app)
        except Rejected as rejected:
            body.rejected = rejected
        except asyncio.CancelledError:  # the server ends, and has waited for long enough
            if status:
                raise
            body.rejected = _ending()
        finally:
            if body.rejected is not None and not status:
                close = {"Connection": "close"} if body.rejected.status in (408, 413, 503) else {}
                await answer_rejected(scope["path"], body.rejected, close)(scope, receive, answer)
            self._tell(scope, status, time.monotonic() - began)

    def _check(self, scope: Scope, most: int) -> None:
        """Rejected for what is wrong before anything of the body is read."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > most:
            raise _too_large(most)
        if scope["method"] in _READS:
            return
        check_origin(headers, self._origins)
        if scope["path"].startswith(_APIS):  # the page's forms are forms
            _check_type(headers, length)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        path = scope["path"]
        if path in ("/healthz", "/readyz", "/metrics"):
            return
        self._log.info(
            "request",
            method=scope["method"],
            path=path[:300],
            status=status,
            ms=round(seconds * 1000, 1),
            request=scope["state"]["request_id"],
            who=scope["state"].get("person", ""),
        )


class _Bounded:
    """Counts what comes in, and how long it takes."""

    def __init__(self, receive: Receive, most: int, seconds: float) -> None:
        self._receive, self._most, self._size, self._ended = receive, most, 0, False
        self._deadline = time.monotonic() + seconds
        self.rejected: Rejected | None = None

    async def __call__(self) -> MutableMapping[str, Any]:
        if self._ended:  # what is waited for now is only that the client goes away
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), max(0.01, self._deadline - time.monotonic()))
        except TimeoutError:
            self.rejected = Rejected(408, "too-slow", "the body did not arrive in time", "send it at once")
            raise self.rejected from None
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            self._ended = not message.get("more_body", False)
            if self._size > self._most:
                self.rejected = _too_large(self._most)
                raise self.rejected
        return message


def _ending() -> Rejected:
    hint = "send it again, with the same Idempotency-Key if it had one: whether it has counted is not known"
    return Rejected(503, "ending", "the server ended before the request did", hint)


def _too_large(most: int) -> Rejected:
    return Rejected(413, "too-large", f"the body is larger than {most // 2**20} MiB", "send less")


def _check_type(headers: Mapping[str, str], length: str) -> None:
    """A body of another type is what a form of a foreign page can send without asking the browser's leave."""
    kind = headers.get("content-type", "").partition(";")[0].strip()
    has_body = length not in ("", "0") or "transfer-encoding" in headers
    if (kind or has_body) and not _JSON.fullmatch(kind):
        hint = "send it as application/json"
        raise Rejected(415, "not-json", f"the content type {kind[:60]!r} is not JSON", hint)
