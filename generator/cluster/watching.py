"""Watches that survive time-outs, broken connections, forgotten history and hours of silence.

Owns: listing, following from the list's resourceVersion, taking up again, and saying LOST where what is known may be
old. Refuses: keeping objects; whoever watches keeps what it needs.
Source: kubernetes.io, "API Concepts", efficient detection of changes; a server sends a bookmark about every minute
where bookmarks are allowed, so a longer silence is a dead connection.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from threading import Event
from typing import Any

from generator.cluster.api_errors import HistoryGone, explain_refusal
from generator.cluster.calling import Caller, read_retry_after
from generator.cluster.connection import Request, TransportFailed
from generator.cluster.discovery import collection_path
from generator.cluster.kinds import Kind
from generator.cluster.listing import iterate_pages
from generator.cluster.port import Happening, WatchEvent
from generator.cluster.refusals import About, Refusal, read_refusal
from generator.cluster.streams import EventStream, StreamCloser
from generator.errors import ClusterError, ClusterForbidden, ClusterUnauthorized, KindMissing

_FINAL = (ClusterForbidden, KindMissing)
"""What a watch ends with; all else passes."""
_HEAD_SECONDS = 10.0
"""Until a server begins to answer; it does so before the first event."""
_HEALTHY_SECONDS = 5.0
"""A connection that stood so long is no failure, whatever it ended with."""
_RESUMES = 3
"""Attempts in a row, within some two seconds, before what is known counts as old."""


@dataclass(frozen=True, slots=True)
class WatchTimes:
    """Seconds."""

    silence_seconds: float = 90.0
    """Without a byte for so long, the connection counts as dead."""
    shortest_seconds: float = 300.0
    longest_seconds: float = 600.0
    """A watch ends at the server after a time between the two, so that clients are spread over its instances."""
    longest_pause_seconds: float = 15.0
    """Between attempts while the server cannot be reached."""


WATCH_TIMES = WatchTimes()


class _Interrupted(Exception):
    """The stream is over for a reason that matters."""

    def __init__(self, reason: str, error: ClusterError | None = None, wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.error = error
        self.wait = wait


class Watch:
    """One watch of one kind, run by one thread."""

    def __init__(
        self,
        caller: Caller,
        closer: StreamCloser,
        kind: Kind,
        namespace: str,
        labels: str,
        about: About,
        times: WatchTimes,
    ) -> None:
        self._caller, self._closer, self._kind, self._namespace = caller, closer, kind, namespace
        self._labels, self._about, self._times = labels, about, times
        self._version = ""
        self._failures = 0

    def run(self, stop: Event) -> Iterator[WatchEvent]:
        """Until `stop` is set or the cluster is closed. ClusterForbidden and KindMissing are raised."""
        is_known = False
        while not self._is_over(stop):
            try:
                if not is_known:
                    yield from self._list(stop)
                    is_known = True
                if self._is_over(stop):
                    return
                yield from self._follow(stop)
            except _FINAL:
                raise
            except (_Interrupted, ClusterError) as error:
                if self._is_over(stop):
                    return
                if is_known and not self._may_resume(error):
                    is_known = False
                    yield WatchEvent(Happening.LOST, reason=_reason_of(error))
                self._pause(stop, error)

    def _is_over(self, stop: Event) -> bool:
        return stop.is_set() or self._caller.connection.closed.is_set()

    def _may_resume(self, error: Exception) -> bool:
        """Whether the known place in history is worth another attempt: a list of everything costs the server more."""
        gone = isinstance(error, _Interrupted) and isinstance(error.error, HistoryGone)
        return not gone and self._failures < _RESUMES

    def _list(self, stop: Event) -> Iterator[WatchEvent]:
        """What is there, and LISTED. A list that expires in the middle begins anew, after a LOST."""
        given = False
        while True:
            try:
                pages = iterate_pages(self._caller, self._kind, self._namespace, self._labels, self._about, stop)
                for page in pages:
                    self._version = page.resource_version
                    for item in page.items:
                        given = True
                        yield WatchEvent(Happening.PUT, item)
                    if self._is_over(stop):
                        return
                yield WatchEvent(Happening.LISTED)
                return
            except HistoryGone as error:
                if given:
                    yield WatchEvent(Happening.LOST, reason=error.message)
                given = False
                self._pause(stop, error)
                if self._is_over(stop):
                    return
            except ClusterError as error:
                if given and not isinstance(error, _FINAL):
                    yield WatchEvent(Happening.LOST, reason=error.message)
                raise

    def _follow(self, stop: Event) -> Iterator[WatchEvent]:
        """Changes from the known resourceVersion on, over as many connections as it takes. _Interrupted."""
        while not self._is_over(stop):
            began, version = time.monotonic(), self._version
            stream = self._open()
            # Where the connection breaks nothing is lost: the server remembers the resourceVersion.
            try:
                with self._closer.watch_over(stream, stop), suppress(TransportFailed):
                    yield from self._read(stream, stop)
            finally:
                if time.monotonic() - began > _HEALTHY_SECONDS:
                    self._failures = 0
            if time.monotonic() - began < 1.0 and version == self._version:
                # Whoever ends watches at once must not be asked without a pause.
                stop.wait(random.uniform(0.1, 0.3))  # noqa: S311 - no secret

    def _open(self) -> EventStream:
        seconds = random.uniform(self._times.shortest_seconds, self._times.longest_seconds)  # noqa: S311 - no secret
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(int(seconds)),
        }
        if self._labels:
            query["labelSelector"] = self._labels
        request = Request("GET", collection_path(self._kind, self._namespace), query)
        connection = self._caller.connection
        try:
            response = connection.open_stream(request, min(_HEAD_SECONDS, self._times.silence_seconds))
        except TransportFailed as failure:
            raise _Interrupted(failure.words) from failure
        stream = EventStream(response, connection, self._times.silence_seconds)
        if response.status >= 300:
            try:
                refusal = read_refusal(response.status, stream.read_all())
            except TransportFailed as failure:
                raise _Interrupted(failure.words) from failure
            finally:
                stream.close()
            self._refuse(refusal, read_retry_after(response.headers, refusal))
        return stream

    def _refuse(self, refusal: Refusal, wait: float | None) -> None:
        error = explain_refusal(refusal, self._about)
        if isinstance(error, _FINAL):
            raise error
        if isinstance(error, ClusterUnauthorized):
            self._caller.connection.renew()
        raise _Interrupted(error.message, error, wait)

    def _read(self, stream: EventStream, stop: Event) -> Iterator[WatchEvent]:
        for line in stream.lines():
            if self._is_over(stop):
                return
            event = self._parse(line)
            if event is not None:
                yield event

    def _parse(self, line: bytes) -> WatchEvent | None:
        try:
            event: dict[str, Any] = json.loads(line)
            happening, body = event["type"], event["object"]
        except (ValueError, KeyError, TypeError) as error:
            raise _Interrupted("the API server sent something that is no event") from error
        if happening == "ERROR":
            code = int(body.get("code") or 500)
            self._refuse(Refusal(code, body), None)
        self._version = str(body["metadata"]["resourceVersion"])
        self._failures = 0
        if happening == "BOOKMARK":
            return None
        return WatchEvent(Happening.GONE if happening == "DELETED" else Happening.PUT, body)

    def _pause(self, stop: Event, error: Exception) -> None:
        """Longer after each failure without an event in between; not at all for the first forgotten history."""
        self._failures += 1
        asked = error.wait if isinstance(error, _Interrupted) else None
        gone = error.error if isinstance(error, _Interrupted) else error
        if isinstance(gone, HistoryGone) and self._failures == 1:
            return
        longest = min(self._times.longest_pause_seconds, 0.1 * 2 ** min(self._failures, 10))
        seconds = random.uniform(longest / 2, longest) if asked is None else asked  # noqa: S311 - no secret
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not self._is_over(stop):
            stop.wait(min(left, 0.2))


def _reason_of(error: Exception) -> str:
    return error.message if isinstance(error, ClusterError) else str(error)
