"""One environment as the status reader sees it: what git wants, what the cluster shows, endpoint by endpoint.

Owns: the watches, the rollouts that are followed, whether a commit is applied. Refuses: the database (`reader`), and
writing to the cluster.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from generator.cluster.kinds import INFERENCE_SERVICE, ref_of
from generator.cluster.live_view import LiveView
from generator.cluster.lost_answers import contains
from generator.cluster.port import Body, Cluster
from generator.errors import InternalError, InvalidInput, NotFound, Refused
from generator.gitops.snapshot import Snapshot
from generator.reconciler.tracker import RolloutTracker
from generator.render.pods import REVISION
from generator.rollout.status import Expectation, RolloutStatus
from generator.service.desired import DesiredEnvironment
from generator.service.expectation import Expectations


class EnvironmentObserver:
    """Follows one environment from `start` to `close`. `news` is set when something may have changed."""

    def __init__(self, cluster: Cluster, tip: DesiredEnvironment, news: threading.Event, log: Any) -> None:
        spec = tip.environment.spec
        self.name, self.place = tip.name, (spec.cluster, spec.namespace)
        self.cluster, self.desired = cluster, tip
        self._news, self._log = news, log
        self._expectations = Expectations()
        self._changed: set[str] = set()
        self._awaited: set[str] = set()
        self._lock = threading.Lock()
        self.view = LiveView(cluster, spec.namespace, notify=self._notify)
        self.tracker = RolloutTracker(self.view, self._expect, self._tell, self._is_quiet, self._tell_bug)

    def start(self) -> None:
        """Begin to watch."""
        self.view.start()

    def close(self) -> None:
        """End all watches."""
        self.tracker.close()
        self.view.close()

    def begin(self, seconds: float) -> bool:
        """Wait until everything was listed once, then look at all; False where it is not listed in so many seconds."""
        if not self.view.wait_until_listed(seconds):
            return False
        self.tracker.start()
        self._touch(self.desired.traces)
        return True

    def check(self) -> None:
        """Raise what the watches ended with."""
        if self.view.failure is not None:
            raise self.view.failure
        if not self.tracker.is_alive():
            raise InternalError(f"environment {self.name}: rollouts are not followed any more")

    def move_to(self, snapshot: Snapshot) -> None:
        """Take a newer tip."""
        old, new = self.desired, DesiredEnvironment(snapshot, self.name, self.desired)
        _ = new.environment  # one that cannot be read is not taken
        self.desired = new
        everything = new.environment_trace != old.environment_trace
        self._touch(new.traces if everything else dict.fromkeys(new.changed_since(old)))

    def watch_closely(self, names: Mapping[str, object]) -> None:
        """Assess these even where nothing seems to happen to them: somebody waits for a verdict."""
        fresh = set(names) - self._awaited
        self._awaited = set(names)
        for name in fresh:
            self.tracker.touch(name)

    def take_changed(self) -> set[str]:
        """Endpoints that something happened to since this was asked last, as far as they have been looked at."""
        with self._lock:
            changed = self._changed - self.tracker.find_old(self._changed)
            self._changed -= changed
            return changed

    def is_current(self, name: str) -> bool:
        """Whether what is known of an endpoint is about what git wants now.

        Before its first look an endpoint seems quiet, and after a commit it is still as it was.
        """
        return self.tracker.is_current(name)

    def look(self, name: str) -> RolloutStatus | None:
        """What is known of an endpoint; None for one that is quiet, or of which nothing is deployed."""
        return self.tracker.status(name)

    def is_applied(self, name: str, revision: int) -> bool:
        """Whether the cluster carries what git says of an endpoint at this revision, or at a later one.

        Whoever applied it: each object's own annotation tells, and for an InferenceService, whose annotation moves
        with its pods only, what it says.
        """
        try:
            desired = self.desired.read(name)
        except (InvalidInput, NotFound, Refused):
            return False  # nobody can apply what cannot be understood
        if desired.revision < revision:
            return False
        if not desired.bodies:
            return not self.has_objects(name)
        return all(_is_carried(body, self.cluster.read(ref_of(body))) for body in desired.bodies)

    def has_workload(self, name: str) -> bool:
        """Whether git wants objects of the endpoint."""
        return bool(self.desired.traces[name].manifests) if name in self.desired.traces else False

    def has_objects(self, name: str) -> bool:
        """Whether anything of the endpoint is left that makes pods."""
        return name in self.view.endpoints()

    def suspension(self, name: str) -> str:
        """Why nothing of the endpoint is applied, in words."""
        return self.desired.find_suspension(name)

    def _touch(self, names: Mapping[str, object]) -> None:
        with self._lock:
            self._changed.update(names)
        self.tracker.renew(names)
        self._news.set()

    def _notify(self, name: str) -> None:
        self.tracker.touch(name)

    def _tell(self, _before: RolloutStatus | None, after: RolloutStatus) -> None:
        with self._lock:
            self._changed.add(after.expectation.endpoint)
        self._news.set()

    def _expect(self, name: str) -> Expectation | None:
        return self._expectations.find(self.desired, name)

    def _is_quiet(self, name: str) -> bool:
        """Whether an endpoint has no pods, and git wants none: of one that runs, the counts are to be told."""
        if name in self._awaited:
            return False
        pods = self.desired.find_pods(name)
        return pods is not None and not pods.least and self.view.count_complete(name, str(pods.revision)) == 0

    def _tell_bug(self, name: str, error: Exception) -> None:
        bug = InternalError.from_bug(error)
        self._log.error("endpoint cannot be assessed", environment=self.name, endpoint=name, error=bug.message)


def _is_carried(body: Body, live: Body | None) -> bool:
    if live is None or live["metadata"].get("deletionTimestamp"):
        return False
    wanted, found = _revision(body), _revision(live)
    if wanted is None or found is None or found < wanted:
        return False
    if body.get("kind") != INFERENCE_SERVICE.name or found > wanted:
        return True
    return contains({"spec": live.get("spec"), "metadata": {}}, {"spec": body.get("spec"), "metadata": {}})


def _revision(body: Body) -> int | None:
    text = str((body["metadata"].get("annotations") or {}).get(REVISION, ""))
    return int(text) if text.isdecimal() else None
