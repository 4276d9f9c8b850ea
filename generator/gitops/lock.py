"""A lock between processes that a dead process cannot keep.

Owns: waiting for a lock file, with a time limit and a message that says who has it. Refuses: deleting lock files;
a file deleted while another process waits on it would let two in.
"""

from __future__ import annotations

import fcntl
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from generator.errors import GitError


@contextmanager
def hold_lock(path: Path, time_limit: float, busy: str) -> Iterator[None]:
    """Hold the lock for the block. `time_limit` is in seconds; then GitError, retryable, with the holder's id.

    flock belongs to the open file: two threads exclude each other as two processes do, and the kernel gives it
    back whatever way its holder ends.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _wait_for(handle, path, time_limit, busy)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def _wait_for(handle: int, path: Path, time_limit: float, busy: str) -> None:
    deadline = time.monotonic() + time_limit
    pause = 0.001
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
                raise GitError(
                    f"{busy}: process {holder or 'unknown'} has held {path} for more than {time_limit:g} s",
                    hint="wait for it, or end that process; its lock goes with it",
                    retryable=True,
                ) from None
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads waiters, guards nothing
            pause = min(pause * 2, 0.02)
        else:
            return
