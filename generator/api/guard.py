"""What every request passes before its route, and every answer after it.

Owns: request ids, bounded and timely bodies, security headers, the access log. Refuses: identity and shapes. Plain
ASGI, so that streams pass through.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LARGEST_BODY = 1024 * 1024
"""Bytes; no request of the platform comes near."""
BODY_SECONDS = 15.0
"""How long a body may take to arrive."""

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
    """The outermost layer of the app."""

    def __init__(
        self,
        app: Callable[[Scope, Receive, Send], Awaitable[None]],
        log: Any,
        origins: tuple[str, ...] = (),
        end_streams: Callable[[], None] = lambda: None,
    ) -> None:
        """`origins`: whose pages may write, beside its own. `end_streams` ends answers that never end by themselves."""
        self._app, self._log, self._origins = app, log, frozenset(origins)
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

        async def answer(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = [(b"x-request-id", request_id.encode()), *HEADERS]
                kept = [(name, value) for name, value in message["headers"] if name not in dict(own)]
                message = {**message, "headers": [*kept, *own]}
            await send(message)

        try:
            refusal = _refuse_length(scope) or self._refuse_origin(scope)
            if refusal:
                await _answer_plain(answer, *refusal)
            else:
                await self._app(scope, _Bounded(receive), answer)
        except _TooLarge:
            await _answer_plain(answer, 413, "the body is larger than 1 MiB")
        except TimeoutError:
            await _answer_plain(answer, 408, "the body did not arrive in time")
        finally:
            self._tell(scope, status, time.monotonic() - began)

    def _refuse_origin(self, scope: Scope) -> tuple[int, str] | None:
        """A write that another site's page makes a browser send: the browser says so itself, by one of two headers.

        Source: OWASP, "Cross-Site Request Forgery Prevention", Fetch Metadata with Origin as fallback.
        """
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1")
        if scope["method"] in ("GET", "HEAD", "OPTIONS") or (origin and origin in self._origins):
            return None
        site = headers.get(b"sec-fetch-site", b"").decode("latin-1")
        host = headers.get(b"host", b"").decode("latin-1")
        is_own = site in ("same-origin", "none") if site else not origin or origin.partition("://")[2] == host
        return (
            None if is_own else (403, "another site's page may not write here; REVSTAMP_ORIGINS names those that may")
        )

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


class _TooLarge(Exception):
    pass


class _Bounded:
    """Counts what comes in, and how long it takes."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._size, self._ended = receive, 0, False
        self._deadline = time.monotonic() + BODY_SECONDS

    async def __call__(self) -> MutableMapping[str, Any]:
        if self._ended:  # what is waited for now is only that the client goes away
            return await self._receive()
        message = await asyncio.wait_for(self._receive(), max(0.01, self._deadline - time.monotonic()))
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            self._ended = not message.get("more_body", False)
            if self._size > LARGEST_BODY:
                raise _TooLarge
        return message


def _refuse_length(scope: Scope) -> tuple[int, str] | None:
    text = dict(scope["headers"]).get(b"content-length")
    if text is not None and text.isdigit() and int(text) > LARGEST_BODY:
        return 413, "the body is larger than 1 MiB"
    return None


async def _answer_plain(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
