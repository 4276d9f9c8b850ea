"""At most one of several instances leads: processes that are killed, stopped, cut off, or told to go."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from generator.cluster.kinds import LEASE, ObjectRef
from generator.cluster.kubernetes_cluster import KubernetesCluster
from generator.cluster.lease import LeaderLease, read_clock
from generator.errors import ClusterForbidden, ObjectInvalid
from tests.cluster.adapter_clusters import open_kubernetes
from tests.testbed.api_faults import DropAnswer, DropRequest, Match, internal_error
from tests.testbed.fault_proxy import FaultProxy
from tests.testbed.fixtures.cluster import Cluster

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
DURATION, RENEW = 10.0, 2.0
ANY_LEASE = Match(path="/apis/coordination.k8s.io/*")


class Candidate:
    """A process of `lease_candidate`."""

    def __init__(self, kubeconfig: Path, namespace: str, identity: str) -> None:
        words = ["-m", "tests.cluster.lease_candidate", kubeconfig, namespace, identity, DURATION, RENEW]
        command = [sys.executable, *map(str, words)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    def wait_for(self, word: str) -> float:
        """The number that it said with it: when that was, by the machine's monotonic clock, or how often."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said, number = line.split()
            if said == word:
                return float(number)
        raise AssertionError(f"it ended without {word}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        os.kill(self.process.pid, number)


@pytest.fixture
def start_candidate(testbed: Cluster, namespace: str) -> Iterator[Callable[[str], Candidate]]:
    """Starts candidates that end with the test."""
    running: list[Candidate] = []

    def start(identity: str) -> Candidate:
        running.append(Candidate(testbed.kubeconfig, namespace, identity))
        return running[-1]

    yield start
    for each in running:
        each.process.kill()
        each.process.wait()
        assert each.process.stdout is not None
        each.process.stdout.close()


def make_lease(cluster: KubernetesCluster, namespace: str, identity: str, **options: object) -> LeaderLease:
    """With short times."""
    times = {"duration_seconds": DURATION, "renew_seconds": RENEW, "retry_seconds": 0.2, **options}
    return LeaderLease(cluster, namespace, "revstamp-test", identity, **times)  # type: ignore[arg-type]


def wait(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Until it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def read_spec(cluster: KubernetesCluster, namespace: str) -> dict[str, Any]:
    """What the Lease says."""
    found: dict[str, Any] = (cluster.read(ObjectRef(LEASE, namespace, "revstamp-test")) or {})["spec"]
    return found


def test_a_killed_leader_is_followed_once_its_time_is_over(
    start_candidate: Callable[[str], Candidate], adapter: KubernetesCluster, namespace: str
) -> None:
    """Not before: it may have been only slow."""
    first = start_candidate("first")
    first.wait_for("leads")
    second = start_candidate("second")
    second.wait_for("waits")
    first.signal(signal.SIGKILL)
    first.process.wait()
    renewed = datetime.fromisoformat(read_spec(adapter, namespace)["renewTime"])
    ago = time.monotonic() - second.wait_for("leads")
    waited = (datetime.now(UTC) - renewed).total_seconds() - ago
    assert DURATION <= waited < 60


def test_a_leader_that_was_stopped_knows_at_once_that_it_is_none(start_candidate: Callable[[str], Candidate]) -> None:
    """Stopped for longer than its time: when it goes on another one leads, and it does not write in between."""
    first = start_candidate("first")
    first.wait_for("leads")
    second = start_candidate("second")
    first.signal(signal.SIGSTOP)
    second.wait_for("leads")
    first.signal(signal.SIGCONT)
    assert first.wait_for("late") == 0
    assert second.process.poll() is None


def test_a_leader_that_gives_up_is_followed_at_once(adapter: KubernetesCluster, namespace: str) -> None:
    """Closing releases the lease."""
    lost: list[str] = []
    first = make_lease(adapter, namespace, "first", on_lost=lambda: lost.append("first"))
    second = make_lease(adapter, namespace, "second")
    first.start()
    assert first.wait_until_held(threading.Event())
    second.start()
    wait(lambda: second.holder == "first")
    assert not second.is_held()
    first.close()
    began = time.monotonic()
    assert not first.is_held()
    assert second.wait_until_held(threading.Event())
    assert time.monotonic() - began < DURATION
    second.close()
    assert lost == []
    spec = read_spec(adapter, namespace)
    assert (spec.get("holderIdentity") or "", spec["leaseTransitions"]) == ("", 1)


def test_a_leader_that_is_cut_off_stops_before_another_begins(
    fault_proxy: FaultProxy, proxied: KubernetesCluster, adapter: KubernetesCluster, namespace: str
) -> None:
    """By its own clock, without any answer."""
    told = threading.Event()
    first = make_lease(proxied, namespace, "first", on_lost=told.set)
    second = make_lease(adapter, namespace, "second")
    first.start()
    assert first.wait_until_held(threading.Event())
    second.start()
    wait(lambda: second.holder == "first")
    fault_proxy.next(ANY_LEASE, DropRequest(), times=None)
    assert second.wait_until_held(threading.Event())
    assert first._held_until < read_clock()
    assert not first.is_held()
    assert told.wait(30.0)
    assert first.lost.is_set()
    fault_proxy.clear()
    first.close()
    assert second.is_held(), "whoever lost it does not release another's"
    second.close()


def test_a_clock_that_jumps_ends_the_hold_without_asking_anybody(adapter: KubernetesCluster, namespace: str) -> None:
    """As after the machine has slept; and it does not come back by itself."""
    jump = 0.0
    lease = make_lease(adapter, namespace, "first", clock=lambda: time.monotonic() + jump)
    lease.start()
    assert lease.wait_until_held(threading.Event())
    jump = DURATION
    assert not lease.is_held()
    assert lease.lost.wait(30.0)
    assert not lease.is_held()
    lease.close()


def test_short_faults_do_not_cost_the_leadership(
    fault_proxy: FaultProxy, proxied: KubernetesCluster, namespace: str
) -> None:
    """Requests that never arrive, answers that are lost, a server that stumbles."""
    lease = make_lease(proxied, namespace, "first", renew_seconds=1.0)
    lease.start()
    assert lease.wait_until_held(threading.Event())
    for fault in (DropRequest(), DropAnswer(), internal_error(), DropAnswer(5)):
        fault_proxy.next(Match("PUT", ANY_LEASE.path), fault).wait_until_met()
        assert lease.is_held()
    renewals = len(fault_proxy.record.list(lambda exchange: exchange.request.method == "PUT"))
    fault_proxy.record.wait_for(lambda exchange: exchange.request.method == "PUT", renewals + 2)
    assert lease.is_held()
    lease.close()


def test_an_edit_of_the_lease_by_others_does_not_cost_it(adapter: KubernetesCluster, namespace: str) -> None:
    """A label, as tools put it."""
    lease = make_lease(adapter, namespace, "first")
    lease.start()
    assert lease.wait_until_held(threading.Event())
    ref = ObjectRef(LEASE, namespace, "revstamp-test")
    adapter.patch(ref, [{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}], manager="somebody")
    before = read_spec(adapter, namespace)["renewTime"]
    wait(lambda: read_spec(adapter, namespace)["renewTime"] != before)
    assert lease.is_held()
    lease.close()


def test_a_lease_that_somebody_takes_away_is_lost(adapter: KubernetesCluster, namespace: str) -> None:
    """By hand: the record is what counts."""
    lease = make_lease(adapter, namespace, "first")
    lease.start()
    assert lease.wait_until_held(threading.Event())
    ref = ObjectRef(LEASE, namespace, "revstamp-test")
    adapter.patch(ref, [{"op": "replace", "path": "/spec/holderIdentity", "value": "ann"}], manager="somebody")
    assert lease.lost.wait(30.0)
    assert not lease.is_held()
    lease.close()
    assert read_spec(adapter, namespace)["holderIdentity"] == "ann"


def test_of_many_candidates_one_leads_at_a_time(testbed: Cluster, namespace: str) -> None:
    """Six of them come and go; a counter that only a holder may touch is never touched by two."""
    cluster = open_kubernetes(testbed.kubeconfig)
    inside, most, terms = 0, 0, 0
    lock, stop = threading.Lock(), threading.Event()

    def compete(number: int) -> None:
        nonlocal inside, most, terms
        chance = random.Random(number)
        while not stop.is_set():
            lease = make_lease(cluster, namespace, f"c-{number}-{chance.random()}")
            lease.start()
            if lease.wait_until_held(stop):
                with lock:
                    inside, terms = inside + 1, terms + 1
                    most = max(most, inside)
                stop.wait(chance.uniform(0.05, 0.3))
                with lock:
                    inside -= 1
            lease.close()

    threads = [threading.Thread(target=compete, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    wait(lambda: terms >= 8, 120.0)
    stop.set()
    for thread in threads:
        thread.join(60.0)
    cluster.close()
    assert most == 1


def test_waiting_ends_with_what_waiting_does_not_cure(
    testbed: Cluster, adapter: KubernetesCluster, namespace: str, tmp_path: Path
) -> None:
    """No namespace, no right; and with the stop."""
    lease = make_lease(adapter, "no-such-namespace", "first")
    lease.start()
    with pytest.raises(ObjectInvalid, match="does not exist"):
        lease.wait_until_held(threading.Event())
    lease.close()
    import yaml

    config = yaml.safe_load(testbed.kubeconfig.read_text())
    config["users"][0]["user"]["as"] = "ann"
    (tmp_path / "ann").write_text(yaml.safe_dump(config))
    forbidden = make_lease(open_kubernetes(tmp_path / "ann"), namespace, "ann")
    forbidden.start()
    with pytest.raises(ClusterForbidden, match=r"ann may not get leases\.coordination\.k8s\.io"):
        forbidden.wait_until_held(threading.Event())
    forbidden.close()
    stop = threading.Event()
    stop.set()
    waiting = make_lease(adapter, namespace, "late")
    waiting.start()
    assert waiting.wait_until_held(stop) in (True, False)
    waiting.close()
    assert not waiting.is_held()
