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
from tests.cluster.first_signs import FirstSigns
from tests.cluster.objects import deployment
from tests.proofs.watching import watching
from tests.testbed.fixtures.cluster import Cluster

pytestmark = pytest.mark.cluster


class Watched:
    """The statuses of one endpoint as a tracker tells them."""

    def __init__(self, port: Port, namespace: str) -> None:
        self.revision, self.told = 1, list[tuple[float, RolloutStatus]]()
        self.namespace, self._condition = namespace, threading.Condition()
        self.view = LiveView(port, namespace, notify=self._touch)
        self.tracker = RolloutTracker(self.view, self._expect, self._note)
        self.view.start()
        assert self.view.wait_until_listed(60)
        self.tracker.start()

    def _touch(self, name: str) -> None:
        self.tracker.touch(name)

    def _expect(self, name: str) -> object:
        manifest = deployment(self.namespace, revision=self.revision)
        return expect("test", name, [manifest], self.revision, self.revision, PhaseBudgets())

    def _note(self, before: RolloutStatus | None, after: RolloutStatus) -> None:
        with self._condition:
            self.told.append((time.monotonic(), after))
            self._condition.notify_all()

    def wait(self, verdict: Verdict, revision: int) -> tuple[float, RolloutStatus]:
        """Until the verdict on a revision is told: when that was first, and the status."""

        def find() -> list[tuple[float, RolloutStatus]]:
            return [one for one in self.told if (one[1].verdict, one[1].expectation.revision) == (verdict, revision)]

        with self._condition:
            assert self._condition.wait_for(find, 60), [status.to_dict() for _, status in self.told]
            return find()[0]


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
    """After its first sign in the cluster, as a client of the test's own sees it."""
    testbed.api.apply(deployment(namespace, revision=1))
    watched.wait(Verdict.HEALTHY, 1)
    watched.revision = 2
    signs, core = FirstSigns(), f"/api/v1/namespaces/{namespace}"
    with (
        watching(testbed.api, f"{core}/pods", signs.see_pod),
        watching(testbed.api, f"{core}/events", signs.see_event),
    ):
        testbed.api.apply(deployment(namespace, revision=2, fate=fate, after="100ms"))
        named, failing = watched.wait(Verdict.FAILING, 2)
        assert named - signs.wait("chat") < 5
    assert failing.failure is not None
    assert failing.failure.reason is reason
    assert failing.serving
    assert failing.progress.old_revision == 1
