"""What drives a simulated cluster: work that is due now, work that is due later, and one thread.

Owns: the queue, the timers, the lock that all state is behind. Refuses: what the work is.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable, Hashable

from generator.cluster.simulated.clock import Clock, ManualClock

Work = Callable[[], None]


class Driver:
    """Does each piece of work once, however often it was asked for before its turn.

    With the machine's clock a daemon thread, started at the first work, sleeps until the next thing is due. With a
    manual clock nothing happens until `settle` or `advance`.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self._wake = threading.Condition(self.lock)
        self._queue: deque[Hashable] = deque()
        self._queued: dict[Hashable, Work] = {}
        self._timers: list[tuple[float, int, Work]] = []
        self._sequence = itertools.count()
        self._thread: threading.Thread | None = None
        self._closed = False

    def enqueue(self, key: Hashable, work: Work) -> None:
        """Have it done soon; work that waits under the same key is the same work."""
        if key not in self._queued:
            self._queued[key] = work
            self._queue.append(key)
            self._start()

    def schedule(self, delay: float, work: Work) -> None:
        """Have it done after so many seconds."""
        heapq.heappush(self._timers, (self.clock.now() + max(0.0, delay), next(self._sequence), work))
        self._start()

    def settle(self) -> None:
        """Do all that is due now, in the caller's thread."""
        with self.lock:
            while self._step():
                pass

    def advance(self, seconds: float) -> None:
        """Move a manual clock, and do on the way whatever becomes due, each at its time."""
        clock = self.clock
        if not isinstance(clock, ManualClock):
            raise TypeError("only a cluster with a ManualClock can be advanced")
        with self.lock:
            end = clock.now() + seconds
            self.settle()
            while self._timers and self._timers[0][0] <= end:
                clock.move_to(self._timers[0][0])
                self.settle()
            clock.move_to(end)

    def close(self) -> None:
        """End the thread; nothing more is done."""
        with self.lock:
            self._closed = True
            self._wake.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(5)

    def _start(self) -> None:
        if self._closed or self.clock.is_manual:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="simulated-cluster", daemon=True)
            self._thread.start()
        self._wake.notify_all()

    def _run(self) -> None:
        while True:
            with self._wake:
                if self._closed:
                    return
                if not self._step():
                    self._wake.wait(self._timers[0][0] - self.clock.now() if self._timers else None)

    def _step(self) -> bool:
        """Do one thing that is due; False where nothing is."""
        if self._queue:
            self._queued.pop(self._queue.popleft())()
            return True
        if self._timers and self._timers[0][0] <= self.clock.now():
            heapq.heappop(self._timers)[2]()
            return True
        return False
