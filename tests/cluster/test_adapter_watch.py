"""Watches never lose a change and never end by themselves, whatever the connection does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from generator.cluster import listing
from generator.cluster.kinds import CONFIG_MAP, INFERENCE_SERVICE, Kind, ref_of
from generator.cluster.kubernetes_cluster import KubernetesCluster
from generator.cluster.port import Happening, WatchEvent
from generator.cluster.watching import WatchTimes
from generator.errors import KindMissing
from tests.cluster.adapter_clusters import open_kubernetes
from tests.cluster.adapter_objects import make_map
from tests.testbed.api_faults import Answer, DropRequest, EndWatch, Match, gone, too_many_requests
from tests.testbed.fault_proxy import FaultProxy
from tests.testbed.fixtures.cluster import Cluster

pytestmark = pytest.mark.cluster

MAPS = "/api/v1/namespaces/*/configmaps"
WATCHES = Match("GET", MAPS, watch=True)
LISTS = Match("GET", MAPS, watch=False)


class Follower:
    """A consumer in a thread of its own: what it was told, and what it knows by it."""

    def __init__(
        self, cluster: KubernetesCluster, namespace: str, kind: Kind = CONFIG_MAP, labels: str = "mine"
    ) -> None:
        self.stop = threading.Event()
        self.events: list[WatchEvent] = []
        self.known: dict[str, str] = {}
        self._fresh: dict[str, str] = {}
        self._changed = threading.Condition()
        self._source = cluster.watch(kind, namespace, self.stop, labels)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        for event in self._source:
            with self._changed:
                self.events.append(event)
                self._take(event)
                self._changed.notify_all()

    def _take(self, event: WatchEvent) -> None:
        """As the port says: what was not put again before the next LISTED is gone."""
        if event.happening is Happening.LOST:
            self._fresh = {}
        elif event.happening is Happening.LISTED:
            self.known = dict(self._fresh)
        elif event.happening is Happening.PUT:
            name, value = event.body["metadata"]["name"], event.body["data"]["k"]
            self._fresh[name] = self.known[name] = value
        else:
            self._fresh.pop(event.body["metadata"]["name"], None)
            self.known.pop(event.body["metadata"]["name"], None)

    def wait(self, good: Callable[[Follower], bool], seconds: float = 30.0) -> None:
        """Until it is so."""
        with self._changed:
            assert self._changed.wait_for(lambda: good(self), seconds), (self.known, self.happenings[-10:])

    @property
    def happenings(self) -> list[Happening]:
        """Without bodies."""
        return [event.happening for event in self.events]

    def count(self, happening: Happening) -> int:
        """How often it was told."""
        return self.happenings.count(happening)


@pytest.fixture
def follow() -> Iterator[Callable[..., Follower]]:
    """Starts followers, and ends them."""
    followers: list[Follower] = []

    def start(*arguments: Any, **options: Any) -> Follower:
        followers.append(Follower(*arguments, **options))
        return followers[-1]

    yield start
    for each in followers:
        each.stop.set()
    for each in followers:
        each.thread.join(5.0)
        assert not each.thread.is_alive()


def put(cluster: KubernetesCluster, namespace: str, name: str, value: str) -> dict[str, Any]:
    """A ConfigMap that is followed."""
    return dict(cluster.apply(make_map(namespace, name, value, mine="yes")))


def is_listed(follower: Follower) -> bool:
    """Whether it knows all."""
    return Happening.LISTED in follower.happenings


def test_a_watch_begins_with_what_is_there_and_goes_on_with_changes(
    adapter: KubernetesCluster, namespace: str, follow: Callable[..., Follower]
) -> None:
    """PUT, LISTED, then each change once, then GONE with the last state."""
    put(adapter, namespace, "a", "1")
    follower = follow(adapter, namespace)
    follower.wait(is_listed)
    put(adapter, namespace, "b", "1")
    made = put(adapter, namespace, "a", "2")
    adapter.apply(make_map(namespace, "other"))
    follower.wait(lambda it: it.known == {"a": "2", "b": "1"})
    adapter.delete(ref_of(made), uid=made["metadata"]["uid"])
    follower.wait(lambda it: it.known == {"b": "1"})
    wanted = [Happening.PUT, Happening.LISTED, Happening.PUT, Happening.PUT, Happening.GONE]
    assert follower.happenings == wanted
    assert follower.events[-1].body["data"] == {"k": "2"}
    assert {event.body.get("kind") for event in follower.events if event.body} == {"ConfigMap"}


def test_a_stop_ends_a_silent_watch_at_once(
    adapter: KubernetesCluster, namespace: str, follow: Callable[..., Follower]
) -> None:
    """So does closing the cluster."""
    first, second = follow(adapter, namespace), follow(adapter, namespace)
    for each in (first, second):
        each.wait(is_listed)
    first.stop.set()
    first.thread.join(30.0)
    assert not first.thread.is_alive()
    adapter.close()
    second.thread.join(30.0)
    assert not second.thread.is_alive()


HOWS = [EndWatch(), EndWatch(broken=True), EndWatch(error=gone()), EndWatch(error=Answer(500, "InternalError", "oh"))]


@pytest.mark.parametrize("how", HOWS, ids=str)
def test_a_watch_that_ends_is_taken_up_and_no_change_is_lost(
    proxied: KubernetesCluster,
    fault_proxy: FaultProxy,
    adapter: KubernetesCluster,
    namespace: str,
    follow: Callable[..., Follower],
    how: EndWatch,
) -> None:
    """Also what changes while no watch is open, deletions included."""
    doomed = put(adapter, namespace, "doomed", "1")
    follower = follow(proxied, namespace)
    follower.wait(is_listed)
    for turn in range(5):
        fault_proxy.wait_for_watch(WATCHES)
        hold = fault_proxy.hold(Match("GET", MAPS))
        assert fault_proxy.cut_watches(WATCHES, how) == 1
        hold.wait_for_arrival()
        put(adapter, namespace, f"m-{turn}", str(turn))
        if turn == 2:
            adapter.delete(ref_of(doomed), uid=doomed["metadata"]["uid"])
        hold.release()
        follower.wait(lambda it, turn=turn: it.known.get(f"m-{turn}") == str(turn))
    follower.wait(lambda it: it.known == {f"m-{turn}": str(turn) for turn in range(5)})
    if how in HOWS[:2]:
        assert follower.count(Happening.LOST) == 0
        told = [(e.happening, e.body["metadata"]["name"]) for e in follower.events if e.body]
        assert len(told) == len(set(told)) == 7, "nothing is told twice where nothing was lost"
    elif how.error is not None and how.error.status == 410:
        assert follower.count(Happening.LOST) == follower.count(Happening.LISTED) - 1 == 5


def test_history_that_is_gone_is_listed_anew(
    proxied: KubernetesCluster,
    fault_proxy: FaultProxy,
    adapter: KubernetesCluster,
    namespace: str,
    follow: Callable[..., Follower],
) -> None:
    """410 as the answer to the watch."""
    follower = follow(proxied, namespace)
    follower.wait(is_listed)
    fault_proxy.wait_for_watch(WATCHES)
    fault_proxy.next(WATCHES, gone())
    fault_proxy.cut_watches(WATCHES)
    follower.wait(lambda it: it.count(Happening.LISTED) == 2)
    assert follower.happenings == [Happening.LISTED, Happening.LOST, Happening.LISTED]
    put(adapter, namespace, "a", "1")
    follower.wait(lambda it: it.known == {"a": "1"})


def test_an_outage_is_told_and_survived(
    proxied: KubernetesCluster,
    fault_proxy: FaultProxy,
    adapter: KubernetesCluster,
    namespace: str,
    follow: Callable[..., Follower],
) -> None:
    """LOST while nothing gets through, LISTED with all that happened meanwhile afterwards."""
    doomed = put(adapter, namespace, "doomed", "1")
    follower = follow(proxied, namespace)
    follower.wait(is_listed)
    fault_proxy.wait_for_watch(WATCHES)
    fault_proxy.next(Match("GET", MAPS), DropRequest(), times=None)
    fault_proxy.cut_watches(WATCHES, EndWatch(broken=True))
    follower.wait(lambda it: it.count(Happening.LOST) == 1)
    adapter.delete(ref_of(doomed), uid=doomed["metadata"]["uid"])
    put(adapter, namespace, "new", "1")
    fault_proxy.clear()
    follower.wait(lambda it: it.known == {"new": "1"})
    assert follower.happenings == [Happening.PUT, Happening.LISTED, Happening.LOST, Happening.PUT, Happening.LISTED]
    assert follower.events[2].reason


def test_a_stop_ends_a_watch_that_waits_for_its_server(
    proxied: KubernetesCluster, fault_proxy: FaultProxy, namespace: str, follow: Callable[..., Follower]
) -> None:
    """Between two attempts of the first list."""
    planned = fault_proxy.next(LISTS, too_many_requests(8), times=None)
    follower = follow(proxied, namespace)
    planned.wait_until_met()
    follower.stop.set()
    follower.thread.join(2.0)
    assert not follower.thread.is_alive()
    assert follower.events == []


def test_a_list_that_expires_in_the_middle_of_a_watch_begins_anew(
    proxied: KubernetesCluster,
    fault_proxy: FaultProxy,
    namespace: str,
    follow: Callable[..., Follower],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the first pages gave does not count until the second LISTED."""
    monkeypatch.setattr(listing, "PAGE", 2)
    for number in range(5):
        put(proxied, namespace, f"m-{number}", "1")
    first = fault_proxy.hold(LISTS)
    follower = follow(proxied, namespace)
    first.wait_for_arrival()
    second = fault_proxy.hold(LISTS)
    first.release()
    second.wait_for_arrival()
    fault_proxy.next(LISTS, gone())
    second.release()
    follower.wait(is_listed)
    assert follower.known == {f"m-{number}": "1" for number in range(5)}
    third = follower.happenings
    assert third.count(Happening.LISTED) == 1


def test_a_connection_that_went_dead_is_noticed(
    fault_proxy: FaultProxy,
    adapter: KubernetesCluster,
    namespace: str,
    tmp_path: Path,
    follow: Callable[..., Follower],
) -> None:
    """No byte for longer than bookmarks take: here 2 s instead of 90, and longer than the server's bookmarks."""
    times = WatchTimes(silence_seconds=2.0)
    cluster = open_kubernetes(fault_proxy.write_kubeconfig(tmp_path / "k"), watch_times=times)
    follower = follow(cluster, namespace)
    follower.wait(is_listed)
    fault_proxy.record.wait_for(lambda exchange: exchange.request.is_watch, 2)
    put(adapter, namespace, "a", "1")
    follower.wait(lambda it: it.known == {"a": "1"})
    assert follower.count(Happening.LOST) == 0
    follower.stop.set()
    follower.thread.join(5.0)
    cluster.close()


def test_bookmarks_move_the_place_in_history(
    proxied: KubernetesCluster,
    fault_proxy: FaultProxy,
    namespace: str,
    follow: Callable[..., Follower],
    tmp_path: Path,
) -> None:
    """A watch that saw nothing of its own goes on from where the server's history has come to."""
    times = WatchTimes(shortest_seconds=5.0, longest_seconds=6.0)
    cluster = open_kubernetes(fault_proxy.write_kubeconfig(tmp_path / "k"), watch_times=times)
    follower = follow(cluster, namespace)
    follower.wait(is_listed)
    proxied.apply(make_map(namespace, "not-mine"))
    fault_proxy.record.wait_for(lambda exchange: exchange.request.is_watch, 1)
    fault_proxy.wait_for_watch(WATCHES)
    fault_proxy.cut_watches(WATCHES)
    watches = fault_proxy.record.wait_for(lambda exchange: exchange.request.is_watch, 2)
    assert all("allowWatchBookmarks=true" in exchange.request.query for exchange in watches)
    assert follower.happenings == [Happening.LISTED]
    versions = {exchange.request.query.split("resourceVersion=")[1].split("&")[0] for exchange in watches}
    assert len(versions) == 2
    follower.stop.set()
    follower.thread.join(5.0)
    cluster.close()


def test_watches_take_no_connection_from_others(
    testbed: Cluster, namespace: str, follow: Callable[..., Follower]
) -> None:
    """Twelve watches on a cluster with one connection."""
    cluster = open_kubernetes(testbed.kubeconfig, connections=1)
    followers = [follow(cluster, namespace) for _ in range(12)]
    for each in followers:
        each.wait(is_listed)
    put(cluster, namespace, "a", "1")
    for each in followers:
        each.wait(lambda it: it.known == {"a": "1"})
    cluster.close()


def test_a_kind_that_is_not_installed_is_raised(adapter: KubernetesCluster, namespace: str) -> None:
    """One that is, is watched: its events hold its kind."""
    missing = Kind("example.org/v1", "Widget", "widgets")
    with pytest.raises(KindMissing, match="widgets"):
        next(iter(adapter.watch(missing, namespace, threading.Event())))
    stop = threading.Event()
    assert next(iter(adapter.watch(INFERENCE_SERVICE, namespace, stop))).happening is Happening.LISTED
