"""The whole way of a failure: from the cluster through watches and trimmed objects to a named reason."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from generator.cluster.live_view import LiveView
from generator.cluster.port import Cluster as Port
from generator.reconciler.tracker import RolloutTracker
from generator.rollout.expect import expect
from generator.rollout.status import PhaseBudgets, Reason, RolloutStatus, Verdict
from tests.cluster.objects import deployment
from tests.testbed.fixtures.cluster import Cluster

pytestmark = pytest.mark.cluster


class Watched:
    """The statuses of one endpoint as a tracker tells them."""

    def __init__(self, port: Port, namespace: str) -> None:
        self.revision, self.told = 1, list[RolloutStatus]()
        self.namespace, self._condition = namespace, threading.Condition()
        self.view = LiveView(port, namespace, notify=self._touch)
        self.tracker = RolloutTracker(self.view, self._expect, self._note)
        self.view.start()
        assert self.view.wait_until_listed(20)
        self.tracker.start()

    def _touch(self, name: str) -> None:
        self.tracker.touch(name)

    def _expect(self, name: str) -> object:
        manifest = deployment(self.namespace, revision=self.revision)
        return expect("test", name, [manifest], self.revision, self.revision, PhaseBudgets())

    def _note(self, before: RolloutStatus | None, after: RolloutStatus) -> None:
        with self._condition:
            self.told.append(after)
            self._condition.notify_all()

    def wait(self, verdict: Verdict, revision: int, seconds: float) -> RolloutStatus:
        """Until the verdict on a revision is told."""
        with self._condition:
            found = self._condition.wait_for(
                lambda: [s for s in self.told if s.verdict is verdict and s.expectation.revision == revision], seconds
            )
        assert found, [status.to_dict() for status in self.told]
        return found[-1]


@pytest.fixture
def watched(port: Port, namespace: str) -> Iterator[Watched]:
    """Watches on the test's namespace."""
    made = Watched(port, namespace)
    yield made
    made.tracker.close()
    made.view.close()


@pytest.mark.parametrize(
    ("fate", "reason"),
    [
        ("image-pull", Reason.IMAGE_PULL),
        ("crash-loop", Reason.CRASH_LOOP),
        ("mount-failed", Reason.MOUNT_FAILED),
        ("config-error", Reason.CONFIG_ERROR),
    ],
)
def test_a_reason_is_named_within_five_seconds(
    testbed: Cluster, watched: Watched, namespace: str, fate: str, reason: Reason
) -> None:
    """After the apply, of which the fate takes a tenth of a second."""
    testbed.api.apply(deployment(namespace, revision=1))
    watched.wait(Verdict.HEALTHY, 1, 20)
    watched.revision = 2
    testbed.api.apply(deployment(namespace, revision=2, fate=fate, after="100ms"))
    began = time.monotonic()
    failing = watched.wait(Verdict.FAILING, 2, 10)
    assert time.monotonic() - began < 5
    assert failing.failure is not None
    assert failing.failure.reason is reason
    assert failing.serving
    assert failing.progress.old_revision == 1
