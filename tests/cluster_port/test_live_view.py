"""What is known from watches ends with them, and what has gone while nobody looked is forgotten."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from generator.cluster.kinds import EVENT, POD, Kind
from generator.cluster.live_view import LiveView
from generator.cluster.port import Happening, WatchEvent
from generator.cluster.simulated import SimulatedCluster
from generator.errors import InternalError
from tests.cluster.objects import deployment, labelled
from tests.cluster_port.subject import Subject
from tests.testbed.workloads import make_inference_service

SPACE = "llm-ops-dev"


class ScriptedCluster:
    """Watches that tell what the test gives them; every kind but the scripted one is empty."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._given: list[WatchEvent] = []
        self._changed = threading.Condition()

    def tell(self, *events: WatchEvent) -> None:
        """Have the scripted watch tell these."""
        with self._changed:
            self._given.extend(events)
            self._changed.notify_all()

    def watch(self, kind: Kind, _: str, stop: threading.Event, __: str = "") -> Iterator[WatchEvent]:
        """What the port's watch does."""
        if kind != self.kind:
            yield WatchEvent(Happening.LISTED)
            stop.wait()
            return
        told = 0
        while not stop.is_set():
            with self._changed:
                if len(self._given) == told:
                    self._changed.wait(0.05)
                fresh = self._given[told:]
            told += len(fresh)
            yield from fresh


def event_about(uid: str, about: str) -> WatchEvent:
    """A warning about an object."""
    body: dict[str, Any] = {"metadata": {"name": uid, "namespace": SPACE, "uid": uid}, "type": "Warning"}
    return WatchEvent(Happening.PUT, {**body, "reason": "Failed", "involvedObject": {"kind": "Pod", "uid": about}})


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Until it is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not become true"
        time.sleep(0.01)


def test_a_bug_in_a_watch_ends_the_view() -> None:
    """Whoever waits is told, and nobody goes on with what is old."""
    cluster: Any = ScriptedCluster(POD)
    view = LiveView(cluster, SPACE)
    view.start()
    try:
        cluster.tell(WatchEvent(Happening.PUT, {"kind": "Pod"}))  # no metadata: no API server sends that
        with pytest.raises(InternalError, match="the watch of pods ended with KeyError") as caught:
            view.wait_until_listed(10)
    finally:
        view.close()
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_bug_of_who_is_told_ends_the_view() -> None:
    """It is called from the watch's thread."""

    def fail(name: str) -> None:
        raise ZeroDivisionError(name)

    cluster = SimulatedCluster(strict_namespaces=False)
    view = LiveView(cluster, SPACE, notify=fail)
    view.start()
    try:
        assert view.wait_until_listed(10)
        cluster.apply(deployment(SPACE))
        wait_for(lambda: isinstance(view.failure, InternalError))
    finally:
        view.close()
        cluster.close()


def test_events_that_a_new_listing_does_not_have_are_forgotten() -> None:
    """They ended while the connection was lost, so nobody says so."""
    cluster: Any = ScriptedCluster(EVENT)
    view = LiveView(cluster, SPACE)
    view.start()
    try:
        cluster.tell(event_about("e1", "pod-1"), event_about("e2", "pod-1"), event_about("e3", "pod-2"))
        cluster.tell(WatchEvent(Happening.LISTED))
        assert view.wait_until_listed(10)
        assert kept(view) == {"pod-1": {"e1", "e2"}, "pod-2": {"e3"}}
        cluster.tell(WatchEvent(Happening.LOST, reason="cut"), event_about("e2", "pod-1"), WatchEvent(Happening.LISTED))
        wait_for(lambda: kept(view) == {"pod-1": {"e2"}})
    finally:
        view.close()


def kept(view: LiveView) -> dict[str, set[str]]:
    """Names of events by the object that they are about."""
    return {about: set(events) for about, events in view._events.items()}


def test_a_watch_that_lost_its_place_keeps_what_is_still_there() -> None:
    """A new listing forgets nothing that it has."""
    cluster = SimulatedCluster(strict_namespaces=False)
    view = LiveView(cluster, SPACE)
    view.start()
    try:
        cluster.apply(deployment(SPACE))
        wait_for(lambda: len(view.objects_of("chat", ("Deployment", "chat")).pods) == 2)
        cluster.lose_watches()
        assert view.wait_until_listed(10)
        assert view.objects_of("chat", ("Deployment", "chat")).workload is not None
        assert view.failure is None
    finally:
        view.close()
        cluster.close()


@contextmanager
def listed(subject: Subject) -> Iterator[LiveView]:
    """A view of the test's namespace that has seen all of it once."""
    view = LiveView(subject.port, subject.namespace)
    view.start()
    try:
        assert view.wait_until_listed(30)
        yield view
    finally:
        view.close()


def test_what_has_all_its_pods_is_counted_without_an_assessment(subject: Subject) -> None:
    """As many as it asks for, of the revision that is asked about; while it rolls there is nothing to count."""
    with listed(subject) as view:
        assert view.count_complete("chat", "1") is None
        subject.port.apply(deployment(subject.namespace))
        subject.until(lambda: view.count_complete("chat", "1") == 2)
        assert view.count_complete("chat", "2") is None
        subject.port.apply(deployment(subject.namespace, revision=2, fate="never-ready"))
        subject.until(lambda: view.count_complete("chat", "1") is None)
        subject.until(lambda: len(view.objects_of("chat", ("Deployment", "chat")).pods) > 2)
        assert view.count_complete("chat", "2") is None
        subject.port.apply(deployment(subject.namespace, revision=3, replicas=0))
        subject.until(lambda: view.count_complete("chat", "3") == 0)


def test_a_child_of_kserve_is_counted_too(subject: Subject) -> None:
    """It carries the endpoint's label and the pod revision."""
    with listed(subject) as view:
        subject.port.apply(labelled(make_inference_service(subject.namespace)))
        subject.until(lambda: view.count_complete("chat", "1") == 1)
