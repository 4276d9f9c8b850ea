"""Server-sent events.

Owns: the two streams, their format, `Last-Event-ID`. Refuses: reading the ledger (`broadcast`).
Source: HTML standard, "Server-sent events".
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from generator.api.broadcast import Broadcaster
from generator.api.context import Context, Parts, Who
from generator.api.endpoint_routes import PREFIX
from generator.api.identity import Person
from generator.api.rate import StreamPlaces
from generator.api.requests import PathWord
from generator.store.redeployment import Event

router = APIRouter(prefix=PREFIX, tags=["revstamp"])
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "Events for as long as the client listens"}
}


@router.get("/events", response_model=None, response_class=StreamingResponse, responses=_STREAM)
async def follow_all(
    request: Request,
    parts: Parts,
    who: Who,
    last_event_id: Annotated[str | None, Header()] = None,
    after: int | None = Query(None, ge=0, le=2**62),
) -> Events:
    """Events of all redeployments from now on, or after `Last-Event-ID`."""
    return _stream(request, parts, who, None, _read_id(last_event_id, after))


@router.get("/redeployments/{number}/events", response_model=None, response_class=StreamingResponse, responses=_STREAM)
async def follow_one(
    request: Request,
    parts: Parts,
    who: Who,
    number: PathWord,
    last_event_id: Annotated[str | None, Header()] = None,
    after: int | None = Query(None, ge=0, le=2**62),
) -> Events:
    """Events of one redeployment from its beginning, or after `Last-Event-ID`."""
    row = await run_in_threadpool(parts.service.queries.find, number)
    return _stream(request, parts, who, row.id, _read_id(last_event_id, after) or 0)


def _read_id(header: str | None, query: int | None) -> int | None:
    return int(header) if header is not None and header.isdecimal() and len(header) < 19 else query


class Events(StreamingResponse):
    """A stream that keeps a place for as long as it is open. TooManyStreams where none is left."""

    def __init__(self, lines: AsyncIterator[str], places: StreamPlaces, person: str) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(lines, media_type="text/event-stream", headers=headers)
        self._places, self._person = places, person

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client goes away."""
        with self._places.take(self._person):
            await super().__call__(scope, receive, send)


def _stream(request: Request, parts: Context, person: Person, row_id: int | None, after: int | None) -> Events:
    broadcaster: Broadcaster = request.app.state.broadcaster
    return Events(_lines(broadcaster, row_id, after), parts.streams, person.id)


async def _lines(broadcaster: Broadcaster, row_id: int | None, after: int | None) -> AsyncIterator[str]:
    yield "retry: 2000\n\n"
    async for event in broadcaster.stream(row_id, after):
        yield ": alive\n\n" if event is None else _write(event)


def _write(event: Event) -> str:
    return f"id: {event.id}\nevent: {event.name}\ndata: {json.dumps(event.to_dict(), ensure_ascii=False)}\n\n"
