"""Events of the ledger for open streams: read once for all of them.

Owns: one reader of the events' table, a bounded queue a stream, resuming by the last id. Refuses: HTTP.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

from generator.api.rate import TooManyRequests
from generator.errors import RevstampError
from generator.store.queries import LedgerQueries
from generator.store.redeployment import Event

_LOOK_SECONDS = 0.25
_QUEUE = 1000
"""Events that a slow stream may be behind; then it has to begin anew from its last id."""
_BEAT_SECONDS = 15.0


MOST_STREAMS = 2000
MOST_OF_ONE = 60
"""Streams that may be open at a time: in all, and of one person (tabs of a browser, over HTTP/1.1 six a host)."""


class TooManyStreams(TooManyRequests):
    """More streams are open than a server or a person may have."""

    code = "too-many-streams"
    usual_hint = "close some, or follow all events by one stream"


class Broadcaster:
    """Reads while anybody listens."""

    def __init__(self, queries: LedgerQueries, log: Any) -> None:
        self._queries, self._log = queries, log
        self._listeners: dict[asyncio.Queue[Event | None], int | None] = {}
        self._open: Counter[str] = Counter()
        self._task: asyncio.Task[None] | None = None
        self._last, self._is_closed = 0, False
        self._lock = threading.Lock()

    def require_room(self, name: str) -> None:
        """TooManyStreams where one more of somebody would be one too many."""
        if self._open[name] >= MOST_OF_ONE or self._open.total() >= MOST_STREAMS:
            raise TooManyStreams(f"{self._open[name]} streams of {name} are open, {self._open.total()} in all")

    @contextmanager
    def counting(self, name: str) -> Iterator[None]:
        """A stream of somebody is open."""
        self._open[name] += 1
        try:
            yield
        finally:
            self._open[name] -= 1
            if not self._open[name]:
                del self._open[name]

    async def stream(self, row_id: int | None, after: int | None) -> AsyncIterator[Event | None]:
        """Events after an id, for ever; None is a sign of life. `row_id`: of one redeployment only.

        `after` None: from now on. What came before is read from the ledger, so that nothing is missed or told twice.
        """
        queue: asyncio.Queue[Event | None] = asyncio.Queue(_QUEUE)
        if after is None:
            after = await asyncio.to_thread(self._queries.last_event_id)
        self._listeners[queue] = row_id
        self._ensure_reading(after)
        try:
            for event in await asyncio.to_thread(self._queries.events, row_id, after):
                after = event.id
                yield event
            while not self._is_closed:
                try:
                    found = await asyncio.wait_for(queue.get(), _BEAT_SECONDS)
                except TimeoutError:
                    yield None
                    continue
                if found is None:
                    return  # too slow, or the server ends: the client comes again with its last id
                if found.id > after:
                    after = found.id
                    yield found
        finally:
            self._listeners.pop(queue, None)

    def close(self) -> None:
        """End all streams, also those that are about to begin."""
        self._is_closed = True
        for queue in list(self._listeners):
            _put(queue, None)
        if self._task is not None:
            self._task.cancel()

    def _ensure_reading(self, after: int) -> None:
        if self._task is None or self._task.done():
            self._last = after
            self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while self._listeners:
            try:
                events = await asyncio.to_thread(self._queries.events, None, self._last)
            except RevstampError as error:
                self._log.warning("events cannot be read", error=error.message)
                events = ()
            for event in events:
                self._last = event.id
                for queue, row_id in list(self._listeners.items()):
                    if row_id is None or row_id == event.redeployment_id:
                        _put(queue, event)
            if len(events) < 1000:
                await asyncio.sleep(_LOOK_SECONDS)


def _put(queue: asyncio.Queue[Event | None], event: Event | None) -> None:
    """A full queue is emptied and ended: its stream resumes from the ledger."""
    try:
        queue.put_nowait(event)
    except asyncio.QueueFull:
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)
