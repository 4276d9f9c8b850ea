"""What a test plans to go wrong, and when: the part that the git server and the fault proxy share.

Owns: which request meets which planned action, waiting without clocks, and a record that tests can wait for. Refuses:
knowing what an action does; that is for the server that takes it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

PATIENCE = 60.0
"""Seconds after which whoever waits gives up: a bound for a broken test, never part of a claim."""

Request = TypeVar("Request")
Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class Delay:
    """The request is taken up only after so many seconds."""

    seconds: float

    def wait(self) -> None:
        """Called by the server, in the thread of the request."""
        time.sleep(self.seconds)


class Hold:
    """The request is taken up only when the test lets it: what else happens meanwhile needs no sleep to be sure of."""

    def __init__(self) -> None:
        self._arrived = threading.Event()
        self._released = threading.Event()

    def wait_for_arrival(self) -> None:
        """Return when a request is being held."""
        assert self._arrived.wait(PATIENCE), "no request came to be held"

    def release(self) -> None:
        """Let go what is held, and whatever comes."""
        self._released.set()

    def wait(self) -> None:
        """Called by the server, in the thread of the request."""
        self._arrived.set()
        self._released.wait(PATIENCE)


@dataclass(slots=True)
class Planned(Generic[Request]):
    """An action and the requests it is for; `left` is None where it never runs out."""

    matches: Callable[[Request], bool]
    action: object
    left: int | None
    met: threading.Event = field(default_factory=threading.Event)
    """Set when a request has met it for the first time."""

    def wait_until_met(self) -> None:
        """Return when a request has met it."""
        assert self.met.wait(PATIENCE), f"no request met {self.action}"


class Plan(Generic[Request]):
    """Actions that wait for their requests, in the order in which they were planned. Safe between threads."""

    def __init__(self) -> None:
        self._planned: list[Planned[Request]] = []
        self._lock = threading.Lock()

    def add(self, matches: Callable[[Request], bool], action: object, times: int | None = 1) -> Planned[Request]:
        """The next `times` requests that match meet the action; None is all of them."""
        planned = Planned(matches, action, times)
        with self._lock:
            self._planned.append(planned)
        return planned

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._planned.clear()

    def meet(self, request: Request) -> object | None:
        """Wait as planned, and return what else is planned for this request: at most one action."""
        waits, action = self._take(request)
        for wait in waits:
            wait.wait()
        return action

    def _take(self, request: Request) -> tuple[list[Delay | Hold], object | None]:
        waits: list[Delay | Hold] = []
        with self._lock:
            for planned in list(self._planned):
                if planned.left == 0 or not planned.matches(request):
                    continue
                if planned.left is not None:
                    planned.left -= 1
                planned.met.set()
                if not isinstance(planned.action, Delay | Hold):
                    return waits, planned.action
                waits.append(planned.action)
        return waits, None


class Record(Generic[Entry]):
    """What went through a server, in order."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._added = threading.Condition()

    def add(self, entry: Entry) -> None:
        """Called by the server when an exchange is over."""
        with self._added:
            self._entries.append(entry)
            self._added.notify_all()

    def list(self, matches: Callable[[Entry], bool] = lambda _: True) -> Sequence[Entry]:
        """The entries that match, so far."""
        with self._added:
            return [entry for entry in self._entries if matches(entry)]

    def wait_for(self, matches: Callable[[Entry], bool], count: int = 1) -> Sequence[Entry]:
        """The entries that match, as soon as there are `count` of them."""
        with self._added:
            found = self._added.wait_for(lambda: sum(map(matches, self._entries)) >= count, PATIENCE)
            assert found, f"only {sum(map(matches, self._entries))} of {count} came: {self._entries[-5:]}"
            return [entry for entry in self._entries if matches(entry)]
