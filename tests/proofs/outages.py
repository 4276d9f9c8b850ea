"""What a service depends on goes away for some seconds: the git remote, the database, the API server.

Owns: taking each away and bringing it back. Refuses: deciding when.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.testbed.api_faults import DropRequest, EndWatch, Match
from tests.testbed.fault_proxy import FaultProxy
from tests.testbed.git_faults import BUSY, CutAnswer, CutRequest
from tests.testbed.git_server import GitServer
from tests.testbed.postgres_crash import CrashingPostgres

KINDS = ("git", "database", "API server")


@dataclass
class Outages:
    """The three servers, and how often each was away."""

    remote: GitServer
    database: CrashingPostgres
    proxy: FaultProxy
    chance: random.Random
    counts: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def away(self, kind: str) -> Iterator[None]:
        """One of them is gone until the block ends."""
        self.counts[kind] += 1
        if kind == "database":
            with self.database.away():
                yield
            return
        if kind == "git":
            action = self.chance.choice([BUSY, CutRequest()])
            for moment in ("fetch", "push-open", "push"):
                self.remote.next(moment, action, times=None)  # type: ignore[arg-type]
        else:
            self.proxy.next(Match(), DropRequest(), times=None)
            self.proxy.cut_watches(how=EndWatch(broken=True))
        try:
            yield
        finally:
            self.remote.clear()
            self.proxy.clear()

    def lose_answers(self) -> None:
        """The next two pushes arrive, but who sent them does not hear of it."""
        self.counts["lost answers"] += 1
        self.remote.next("push", CutAnswer(None), times=2)
