"""Holding a cluster: joining the one that runs under a name, or starting it.

Owns: the folders of clusters, one a name, and the lock that lets one starter in. Refuses: keeping a cluster by itself;
it lives in a keeper's process for as long as somebody holds it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.testbed.binaries import Programs, find_programs
from tests.testbed.cluster.keeper import ALIVE, SOCKET
from tests.testbed.cluster.spec import ClusterSpec
from tests.testbed.cluster.start import Running
from tests.testbed.errors import ClusterFailed
from tests.testbed.settings import Settings

_REPOSITORY = Path(__file__).parents[3]
_ATTEMPTS = 3  # a port that was free may be taken before a program gets to it
_START_SECONDS = 120.0
_END_SECONDS = 15.0
_YOUNG_SECONDS = 600.0


def folder_of(name: str) -> Path:
    """Where the cluster of a name has its files: a short path, as sockets need, in a folder of this user only."""
    base = Path(tempfile.gettempdir()) / f"revstamp-testbed-{os.getuid()}"
    base.mkdir(mode=0o700, exist_ok=True)
    found = base.lstat()
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o077:
        raise ClusterFailed(f"{base} is not a folder of this user's alone", "remove it, or set TMPDIR")
    return base / name


def name_for_person() -> str:
    """Of the cluster of `make cluster`: one for each checkout."""
    return f"person-{hashlib.sha256(str(_REPOSITORY).encode()).hexdigest()[:8]}"


@contextlib.contextmanager
def hold_cluster(settings: Settings, spec: ClusterSpec, name: str) -> Iterator[Running]:
    """A cluster for as long as the block runs. Raises Missing, BuildFailed, ClusterFailed."""
    connection, running = _join_or_start(settings, spec, name, stays=False)
    with connection:
        yield running


def keep_cluster(settings: Settings, spec: ClusterSpec, name: str) -> Running:
    """A cluster that runs until `end_cluster`."""
    connection, running = _join_or_start(settings, spec, name, stays=True)
    connection.close()
    return running


def end_cluster(name: str) -> bool:
    """Ends it and waits for that; False when there is none."""
    folder = folder_of(name)
    connection = _connect(folder)
    if connection is None:
        return False
    with connection:
        connection.sendall(b"stop\n")
    _wait_for_end(folder)
    return True


def _join_or_start(settings: Settings, spec: ClusterSpec, name: str, *, stays: bool) -> tuple[socket.socket, Running]:
    folder = folder_of(name)
    with _lock(folder.with_suffix(".lock")):  # others wait here until it runs, and join
        connection = _connect(folder)
        for attempt in range(1, _ATTEMPTS + 1):
            if connection is None:
                connection = _start(folder, find_programs(settings, spec.kserve), spec, settings, stays=stays)
            answer = _read_answer(connection)
            if "error" not in answer:
                return connection, Running(**answer)
            connection.close()
            connection = None
            if "address already in use" not in answer["error"] or attempt == _ATTEMPTS:
                raise ClusterFailed(answer["error"])
    raise AssertionError("unreachable")


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """A lock whose file is gone afterwards. Who waited for a file that is gone locks the new one."""
    while True:
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(path, file.fileno()):
                try:
                    yield
                finally:
                    path.unlink(missing_ok=True)
                return


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether an open file is the one that the path leads to."""
    try:
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False


def _start(folder: Path, programs: Programs, spec: ClusterSpec, settings: Settings, *, stays: bool) -> socket.socket:
    _remove_left(folder.parent)
    _wait_for_end(folder)
    folder.mkdir(mode=0o700)
    plan = {"programs": programs.to_json(), "spec": spec.to_json(), "stays": stays}
    with (folder / "keeper.log").open("wb") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.testbed.cluster.keeper", str(folder)],
            cwd=_REPOSITORY,
            env=dict(settings.environment),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # what a terminal sends to pytest is not for it
        )
    assert keeper.stdin is not None
    with keeper.stdin:  # holds the cluster until we are connected
        keeper.stdin.write(json.dumps(plan).encode() + b"\n")
        keeper.stdin.flush()
        deadline = time.monotonic() + _END_SECONDS
        while (connection := _connect(folder)) is None:
            if keeper.poll() is not None or time.monotonic() > deadline:
                raise ClusterFailed(f"the keeper did not start:\n{(folder / 'keeper.log').read_text()}")
            time.sleep(0.02)
    return connection


def _connect(folder: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(folder / SOCKET))
    except OSError:
        connection.close()
        return None
    connection.settimeout(_START_SECONDS)
    return connection


def _read_answer(connection: socket.socket) -> dict[str, Any]:
    """How the start went; a keeper that is on its way out says nothing."""
    said = b""
    try:
        while not said.endswith(b"\n"):
            more = connection.recv(65536)
            if not more:
                break
            said += more
    except TimeoutError:
        return {"error": f"the keeper did not answer within {_START_SECONDS:g} s"}
    except ConnectionError:  # it was killed between our connecting and its answer
        said = b""
    answer: dict[str, Any] = json.loads(said) if said else {"error": "the keeper ended; address already in use"}
    return answer


def _remove_left(base: Path) -> None:
    """Removes what keepers that were killed have left, also under names that nobody will use again."""
    for folder in base.glob("*/"):
        # A young one may be about to start: its keeper has perhaps not locked it yet.
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime < _YOUNG_SECONDS:
                continue
            with (folder / ALIVE).open() as alive:
                fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)


def _wait_for_end(folder: Path) -> None:
    """Until nobody keeps the folder; removes what a keeper that was killed has left."""
    deadline = time.monotonic() + _END_SECONDS
    while folder.exists():
        try:
            with (folder / ALIVE).open() as alive:
                fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
        except BlockingIOError:
            pass
        except FileNotFoundError:
            shutil.rmtree(folder, ignore_errors=True)
        if time.monotonic() > deadline:
            raise ClusterFailed(f"somebody still keeps {folder}")
        time.sleep(0.05)
