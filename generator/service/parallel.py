"""Work on many endpoints by as many processes as there are processors.

Owns: `map_in_processes`. Refuses: knowing the work. The processes are forks, so that nothing has to be sent to them;
what comes back is pickled. Where that cannot be (few items, one processor, other threads, no fork), it is done here.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from generator.errors import InternalError, RevstampError, StorageFailed

Item = TypeVar("Item")
Result = TypeVar("Result")

FEWEST = 200
"""Items from which on a second process is worth its start."""

CHUNK = 8
"""Items between two messages of a process."""


def map_in_processes(
    work: Callable[[Item], Result], items: Sequence[Item], *, fewest: int = FEWEST, processes: int | None = None
) -> Iterator[Result]:
    """The results in the order of the items. The first exception ends it and is raised here.

    `work` must not need what a fork does not take along, such as a conversation with another process.
    """
    count = min(processes or _processors(), len(items) // CHUNK)
    if len(items) < fewest or count < 2 or threading.active_count() > 1 or not hasattr(os, "fork"):
        yield from map(work, items)
        return
    yield work(items[0])  # here, so that what is made once is made before the processes part
    items = items[1:]
    workers = _start(work, items, count)
    try:
        for at in range(0, len(items), CHUNK):
            results, error = _receive(workers[at // CHUNK % count][1])
            yield from results
            if error is not None:
                raise error
    finally:
        for process, pipe in workers:
            pipe.close()
            process.terminate()
            process.join()


def _processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start(work: Callable[[Item], Any], items: Sequence[Item], count: int) -> list[tuple[Any, Any]]:
    from multiprocessing import get_context

    context: Any = get_context("fork")
    workers: list[tuple[Any, Any]] = []
    for number in range(count):
        receiving, sending = context.Pipe(duplex=False)
        listeners = [receiving, *(pipe for _, pipe in workers)]
        process = context.Process(target=_serve, args=(work, items, number, count, sending, listeners), daemon=True)
        process.start()
        sending.close()
        workers.append((process, receiving))
    return workers


def _serve(
    work: Callable[[Item], Any], items: Sequence[Item], number: int, count: int, pipe: Any, listeners: list[Any]
) -> None:
    """One process: every `count`th chunk. It ends when nobody listens any more, as when its parent was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, and the parent ends this one
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what is half written is taken away first
    for listener in listeners:  # only the parent listens
        listener.close()
    with suppress(BrokenPipeError):
        for at in range(number * CHUNK, len(items), count * CHUNK):
            results: list[Any] = []
            error: RevstampError | None = None
            try:
                for item in items[at : at + CHUNK]:
                    results.append(work(item))
            except RevstampError as raised:
                error = raised
            except OSError as raised:
                error = StorageFailed.from_os(raised)
            except Exception as raised:
                error = InternalError(f"{type(raised).__name__}: {raised}")
            pipe.send((results, error))
            if error is not None:
                return


def _receive(pipe: Any) -> tuple[list[Any], RevstampError | None]:
    try:
        received: tuple[list[Any], RevstampError | None] = pipe.recv()
        return received
    except (EOFError, OSError):
        raise InternalError(
            "a process that worked on some of the endpoints was ended from outside",
            hint="see whether the machine ran out of memory, and run the same command again",
            retryable=True,
        ) from None
