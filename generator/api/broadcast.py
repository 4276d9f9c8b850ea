"""Events of the ledger for open streams: read once for all of them.

Owns: one reader of the events' table, a bounded queue a stream, resuming by the last id. Refuses: HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from generator.errors import RevstampError
from generator.store.queries import LedgerQueries
from generator.store.redeployment import Event

_LOOK_SECONDS = 0.25
_QUEUE = 1000
"""Events that a slow stream may be behind; then it has to begin anew from its last id."""
_BEAT_SECONDS = 15.0


class Broadcaster:
    """Reads while anybody listens."""

    def __init__(self, queries: LedgerQueries, log: Any) -> None:
        self._queries, self._log = queries, log
        self._listeners: dict[asyncio.Queue[Event | None], int | None] = {}
        self._task: asyncio.Task[None] | None = None
        self._last = 0
        self._ended = False

    async def stream(self, row_id: int | None, after: int | None) -> AsyncIterator[Event | None]:
        """Events after an id, for ever; None is a sign of life. `row_id`: of one redeployment only.

        `after` None: from now on. What came before is read from the ledger, so that nothing is missed or told twice.
        """
        queue: asyncio.Queue[Event | None] = asyncio.Queue(_QUEUE)
        if after is None:
            after = await asyncio.to_thread(self._queries.last_event_id)
        self._listeners[queue] = row_id
        if self._ended:  # since the stream was asked for
            _put(queue, None)
        self._ensure_reading(after)
        try:
            for event in await asyncio.to_thread(self._queries.events, row_id, after):
                after = event.id
                yield event
            while True:
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
        """End all streams, also those that are only about to begin."""
        self._ended = True
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
