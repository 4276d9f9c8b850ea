"""The HTTP server of a command: it serves until the process is asked to end, and then the command goes on to its end.

Owns: sockets, signals. Refuses: what is served.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens there; port 0 is any free one. InvalidInput where that is not possible."""
    from generator.errors import InvalidInput

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP: only then does the event loop send the end of an answer without waiting for the client's word on its
    # beginning, which takes clients 40 ms.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            hint = "choose another address with --listen, or end what listens there"
            raise InvalidInput(f"cannot listen on {host}:{port}: {error.strerror}", hint=hint) from None
        yield listener


def serve_until_signal(
    app: Any,
    listener: socket.socket,
    stop: threading.Event,
    *,
    grace_seconds: int = 10,
    on_signal: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGINT or SIGTERM; answers under way have `grace_seconds` to end.

    `stop` is set where a signal came before this began. `on_signal` ends what would never end by itself, such as
    streams; it is called in the loop's own thread.
    """
    import uvicorn

    class Server(uvicorn.Server):
        """uvicorn raises the signal again once it has ended, and nothing behind it would be closed."""

        def handle_exit(self, number: int, frame: FrameType | None) -> None:
            super().handle_exit(number, frame)
            on_signal()

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            numbers = (signal.SIGINT, signal.SIGTERM)
            before = {number: signal.signal(number, self.handle_exit) for number in numbers}
            self.should_exit = stop.is_set()
            try:
                yield
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler)

    config = uvicorn.Config(
        app,
        lifespan="off",  # nothing begins with it, and a second Ctrl-C would end it with a traceback
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=grace_seconds,
        h11_max_incomplete_event_size=64 * 1024,
    )
    Server(config).run(sockets=[listener])
