"""One watch of a simulated cluster: what its consumer has not seen yet.

Owns: the order of events, waiting for them, selectors. Refuses: storing objects.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator

from generator.cluster.port import Body, Happening, WatchEvent
from generator.cluster.simulated.bodies import copy_out, labels_of
from generator.cluster.simulated.selectors import Selector

_LOOK_SECONDS = 0.2
"""How soon a watch notices that its consumer's `stop` was set: an Event cannot wake two waiters."""


class Subscription:
    """The events of one watch. Bodies are shared with the store and copied when they are handed out."""

    def __init__(self, namespace: str, selector: Selector | None) -> None:
        self.namespace = namespace
        self._selector = selector
        self._events: deque[tuple[Happening, Body, str]] = deque()
        self._some = threading.Condition()
        self._ended = False

    def selects(self, body: Body | None) -> bool:
        """Whether an object is one that is watched."""
        if body is None or (self.namespace and body["metadata"].get("namespace") != self.namespace):
            return False
        return self._selector is None or self._selector(labels_of(body))

    def tell(self, old: Body | None, new: Body | None) -> None:
        """An object was made (`old` is None), changed, or is gone (`new` is None)."""
        if self.selects(new):
            self._push((Happening.PUT, new or {}, ""))
        elif self.selects(old):
            self._push((Happening.GONE, new or old or {}, ""))

    def tell_all(self, bodies: Iterable[Body]) -> None:
        """A listing: what there is, then that this was all."""
        for body in bodies:
            if self.selects(body):
                self._push((Happening.PUT, body, ""))
        self._push((Happening.LISTED, {}, ""))

    def lose(self, reason: str) -> None:
        """The connection breaks: what was not seen yet never comes."""
        with self._some:
            self._events.clear()
            self._events.append((Happening.LOST, {}, reason))
            self._some.notify_all()

    def end(self) -> None:
        """The cluster is closed."""
        with self._some:
            self._ended = True
            self._some.notify_all()

    def iterate(self, stop: threading.Event) -> Iterator[WatchEvent]:
        """Hand events out until `stop` is set or the cluster is closed."""
        while not stop.is_set():
            with self._some:
                if not self._events:
                    if self._ended:
                        return
                    self._some.wait(_LOOK_SECONDS)
                    continue
                happening, body, reason = self._events.popleft()
            yield WatchEvent(happening, copy_out(body), reason)

    def _push(self, event: tuple[Happening, Body, str]) -> None:
        with self._some:
            self._events.append(event)
            self._some.notify_all()
