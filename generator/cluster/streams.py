"""Answers whose body comes over minutes, line by line, and ending them from outside.

Owns: cutting lines, and waking a thread that waits for bytes. Refuses: what lines mean.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event
from typing import TYPE_CHECKING, Any, cast

from generator.cluster.connection import Connection, TransportFailed

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_PIECE = 1 << 16
_LOOK_SECONDS = 0.05
"""How soon a stop is noticed: an event and a socket cannot be waited for together."""


class EventStream:
    """Lines of an answer. Read by one thread, ended by any."""

    def __init__(self, response: BaseHTTPResponse, connection: Connection, silence_seconds: float) -> None:
        self._response, self._connection, self._silence = response, connection, silence_seconds
        self._socket = _share_socket(response)
        _set_silence(response, silence_seconds)

    def lines(self) -> Iterator[bytes]:
        """Until the server ends the answer. TransportFailed where the connection breaks or stays silent."""
        rest: list[bytes] = []
        while piece := self._read_piece():
            if b"\n" not in piece:
                rest.append(piece)
                continue
            rest.append(piece)
            *whole, last = b"".join(rest).split(b"\n")
            rest = [last] if last else []
            yield from (line for line in whole if line)
        if rest:
            raise TransportFailed("the answer broke off in the middle of an event", sent=True)

    def read_all(self) -> bytes:
        """What is left, for a refusal."""
        with self._connection.words_of(self._silence):
            return self._response.data

    def shut(self) -> None:
        """Whoever reads sees the end at once."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the connection up; by the thread that reads."""
        with suppress(Exception):
            self._response.close()
        if self._socket is not None:
            self._socket.close()

    def _read_piece(self) -> bytes:
        with self._connection.words_of(self._silence):
            return self._response.read1(_PIECE)


def _share_socket(response: BaseHTTPResponse) -> socket.socket | None:
    """A second handle of the answer's socket: closing the answer, or TLS, which belongs to its reader, is not met."""
    try:
        return socket.socket(fileno=os.dup(response.fileno()))
    except (OSError, ValueError, AttributeError):
        # The answer has come to its end already.
        return None


def _set_silence(response: BaseHTTPResponse, seconds: float) -> None:
    """Between pieces of the body more time may pass than before its head.

    Where the connection ends with the answer, only the answer itself still has the socket. If it is not found there,
    the shorter time stays: then silence costs a new connection, and nothing is lost.
    """
    with suppress(AttributeError, OSError):
        found: Any = getattr(getattr(response, "connection", None), "sock", None)
        if found is None:
            found = cast(Any, response)._fp.fp.raw._sock
        found.settimeout(seconds)


class StreamCloser:
    """One thread that ends streams whose `stop` is set; it runs only while there are any."""

    def __init__(self, closed: Event) -> None:
        self._closed = closed
        self._lock = threading.Lock()
        self._open: dict[int, tuple[EventStream, Event]] = {}
        self._thread: threading.Thread | None = None

    @contextmanager
    def watch_over(self, stream: EventStream, stop: Event) -> Iterator[None]:
        """While inside, a set `stop` ends the stream; it is closed on leaving."""
        with self._lock:
            self._open[id(stream)] = (stream, stop)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="revstamp-watch-closer", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                del self._open[id(stream)]
                stream.close()

    def close_all(self) -> None:
        """End all streams."""
        with self._lock:
            for stream, _ in self._open.values():
                stream.shut()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._open:
                    self._thread = None
                    return
                for stream, stop in self._open.values():
                    if stop.is_set() or self._closed.is_set():
                        stream.shut()
            time.sleep(_LOOK_SECONDS)
