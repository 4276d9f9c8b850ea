"""A watch that is open through the fault proxy.

Owns: counting its events, and ending it from outside while its thread waits for the next one. Refuses: writing to the
client; the connection does.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPResponse

from tests.testbed.api_faults import ApiRequest, EndWatch

_PIECE = 65536


class WatchStream:
    """An open watch: its events pass one by one, until the server, the client, a plan or the test ends it."""

    def __init__(self, request: ApiRequest, upstream: socket.socket, how: EndWatch) -> None:
        self.request = request
        self.how = how
        self.events = 0
        self._upstream = upstream
        self._ended = threading.Event()

    @property
    def was_ended(self) -> bool:
        """Whether it was ended on purpose, here and not by the server."""
        return self._ended.is_set()

    @property
    def is_full(self) -> bool:
        """Whether the planned number of events has passed."""
        return self.how.after_events is not None and self.events >= self.how.after_events

    def end(self, how: EndWatch | None = None) -> None:
        """End it; whoever waits for its next event wakes."""
        self.how = how or self.how
        self._ended.set()
        with suppress(OSError):
            self._upstream.shutdown(socket.SHUT_RDWR)


def read_lines(response: HTTPResponse) -> Iterator[bytes]:
    """Lines as they come. Raises IncompleteRead where the connection breaks."""
    rest = b""
    while piece := response.read1(_PIECE):
        *lines, rest = (rest + piece).split(b"\n")
        yield from (line + b"\n" for line in lines)
    if rest:
        yield rest
