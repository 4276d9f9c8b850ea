"""The process that a cluster belongs to: it starts the programs and ends them when the last user is gone.

    python -m tests.testbed.cluster.keeper FOLDER      with the plan, as JSON, on stdin

Owns: the programs, their folder, and the socket in it at which users hold the cluster. A user holds it for as long as
its connection is open, so whoever is killed with -9 lets go as well. Refuses: outliving its users, unless it was told
to wait for the word `stop`.

If this process is itself killed with -9, the system ends the programs (on Linux), and the next start of a cluster
removes the folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

from tests.testbed.binaries import Programs
from tests.testbed.cluster.runner import Runner
from tests.testbed.cluster.spec import ClusterSpec
from tests.testbed.cluster.start import start_cluster
from tests.testbed.errors import TestbedError

SOCKET = "socket"
ALIVE = "alive"


class Keeper:
    """`answer` is what every user is told, once it is known how the start went."""

    def __init__(self, folder: Path, *, stays: bool) -> None:
        self._folder = folder
        self._stays = stays
        self._runner = Runner(folder)
        self._answer: bytes | None = None
        self._users: set[socket.socket] = set()
        self._selector = selectors.DefaultSelector()
        self._woken, self._wake = socket.socketpair()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / SOCKET))
        self._listener.listen(64)

    def start(self, programs: Programs, spec: ClusterSpec) -> None:
        """In the main thread, beside `serve`; its result, or why there is none, goes to the users."""
        try:
            answer: dict[str, Any] = asdict(start_cluster(self._runner, programs, spec, self._folder))
        except TestbedError as error:
            answer = {"error": error.message}
        except Exception as error:  # whatever it was, the users have to hear of it
            answer = {"error": f"{type(error).__name__}: {error}"}
        self._answer = json.dumps(answer).encode() + b"\n"
        self._wake.send(b"!")

    def serve(self) -> None:
        """Lets users in and out until the last is gone; then ends everything, this process too."""
        self._selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        starter = True  # holds the cluster by our stdin until it has connected
        while starter or self._users or self._stays:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    self._let_in()
                elif key.fileobj is self._woken:
                    self._woken.recv(16)
                    self._tell_all()
                elif key.fileobj == sys.stdin.fileno():
                    starter = bool(os.read(sys.stdin.fileno(), 1024))
                    if not starter:
                        self._selector.unregister(sys.stdin.fileno())
                else:
                    self._hear(key.fileobj)  # type: ignore[arg-type]
        self.end()

    def end(self) -> None:
        """No new user, no programs, no folder, no process."""
        self._listener.close()
        self._runner.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
        os._exit(0)

    def _let_in(self) -> None:
        user, _ = self._listener.accept()
        self._users.add(user)
        self._selector.register(user, selectors.EVENT_READ)
        self._tell(user)

    def _tell_all(self) -> None:
        for user in list(self._users):
            self._tell(user)

    def _tell(self, user: socket.socket) -> None:
        if self._answer is not None:
            with contextlib.suppress(OSError):
                user.sendall(self._answer)

    def _hear(self, user: socket.socket) -> None:
        try:
            said = user.recv(64)
        except OSError:
            said = b""
        if said.startswith(b"stop"):
            self.end()
        if not said:
            self._selector.unregister(user)
            self._users.discard(user)
            user.close()


def main() -> None:
    """Reads the plan, then starts and serves at the same time."""
    folder = Path(sys.argv[1])
    with (folder / ALIVE).open("w") as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)  # held until this process ends, in whatever way
        plan = json.loads(sys.stdin.buffer.readline())
        keeper = Keeper(folder, stays=plan["stays"])

        def stop(number: int, frame: FrameType | None) -> None:
            keeper.end()

        signal.signal(signal.SIGTERM, stop)
        threading.Thread(target=keeper.serve, daemon=True).start()
        keeper.start(Programs.from_json(plan["programs"]), ClusterSpec.from_json(plan["spec"]))
        while True:
            signal.pause()


if __name__ == "__main__":
    main()
