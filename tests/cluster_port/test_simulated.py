"""What only the simulated cluster can do: its clock, its times, its faults, and that it says what it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from generator.cluster.kinds import CONFIG_MAP, DEPLOYMENT, EVENT, HTTP_ROUTE, INGRESS, NODE, POD, Kind, ObjectRef
from generator.cluster.port import Body, Cluster, Happening
from generator.cluster.simulated import (
    DEMO_TIMES,
    ManualClock,
    NodePool,
    PlannedFault,
    SimulatedCluster,
    SimulatedTimes,
    open_simulated,
)
from generator.errors import ClusterForbidden, ClusterUnreachable, KindMissing
from tests.cluster_port.test_contract_rollouts import condition, is_ready
from tests.testbed.workloads import is_rolled_out, make_deployment, make_inference_service

SPACE = "llm-ops-dev"
CHAT = ObjectRef(DEPLOYMENT, SPACE, "chat")


@pytest.fixture
def stepped() -> Iterator[SimulatedCluster]:
    """A cluster whose clock the test moves; every step of a pod takes a second."""
    times = SimulatedTimes(
        pull_seconds=1, download_seconds=1, load_seconds=1, warm_seconds=1, drain_seconds=1, autoscale_seconds=1
    )
    cluster = SimulatedCluster(clock=ManualClock(), times=times, strict_namespaces=False)
    yield cluster
    cluster.close()


def config_map(name: str = "record", **data: str) -> dict[str, Any]:
    """A small one."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": SPACE},
        "data": data or {"a": "1"},
    }


def read(cluster: Cluster, ref: ObjectRef = CHAT) -> dict[str, Any]:
    """An object that is there."""
    found = cluster.read(ref)
    assert found is not None
    return dict(found)


def pods(cluster: Cluster) -> list[Body]:
    """All of the namespace."""
    return list(cluster.list(POD, SPACE))


def states(cluster: Cluster) -> list[str]:
    """What the first container of each pod does."""
    found = []
    for pod in pods(cluster):
        container = (pod["status"].get("containerStatuses") or [{}])[0]
        for name, inner in (container.get("state") or {"none": {}}).items():
            found.append(f"{name} {inner.get('reason', '')}".strip())
    return found


def test_it_says_that_it_is_simulated() -> None:
    """Wherever a version or a name shows."""
    cluster: Cluster = open_simulated("demo")
    assert (cluster.name, cluster.is_simulated, cluster.version()) == ("demo", True, "simulated")
    cluster.close()


def test_nothing_happens_until_the_clock_is_moved(stepped: SimulatedCluster) -> None:
    """Not even what is due at once."""
    stepped.apply(make_deployment(SPACE))
    assert pods(stepped) == []
    stepped.settle()
    assert len(pods(stepped)) == 2
    assert states(stepped) == ["waiting ContainerCreating"] * 2


def test_a_pod_takes_its_time_for_each_step(stepped: SimulatedCluster) -> None:
    """Pulled, downloaded, loaded, warm, ready; drained."""
    body = make_deployment(SPACE, replicas=1)
    body["spec"]["template"]["spec"]["initContainers"] = [{"name": "storage-initializer", "image": "x:1"}]
    stepped.apply(body)
    stepped.settle()
    seen = []
    for _ in range(5):
        (pod,) = pods(stepped)
        container = pod["status"]["containerStatuses"][0]
        seen.append((states(stepped)[0], container["started"], is_ready(pod)))
        stepped.advance(1)
    assert seen == [
        ("waiting PodInitializing", False, False),
        ("waiting PodInitializing", False, False),
        ("running", False, False),
        ("running", True, False),
        ("running", True, True),
    ]
    stepped.apply(make_deployment(SPACE, replicas=0) | {"spec": {**body["spec"], "replicas": 0}})
    stepped.settle()
    assert pods(stepped)[0]["metadata"]["deletionTimestamp"]
    stepped.advance(1)
    assert pods(stepped) == []


def test_a_day_passes_in_no_time(stepped: SimulatedCluster) -> None:
    """A crash loop goes on all the while, and no event is lost by it."""
    stepped.apply(make_deployment(SPACE, replicas=1, fate="crash-loop", after="1m"))
    started = time.monotonic()
    stepped.advance(24 * 3600)
    assert time.monotonic() - started < 20
    (pod,) = pods(stepped)
    assert pod["status"]["containerStatuses"][0]["restartCount"] > 1000
    (event,) = [one for one in stepped.list(EVENT, SPACE) if one["reason"] == "BackOff"]
    assert event["count"] > 1000
    assert event["lastTimestamp"] > event["firstTimestamp"]


def test_the_same_steps_give_the_same_states() -> None:
    """Names, times and counts do not depend on the machine."""

    def play() -> list[Any]:
        cluster = SimulatedCluster(clock=ManualClock(), strict_namespaces=False)
        cluster.apply(make_deployment(SPACE, revision=1))
        cluster.advance(1)
        cluster.apply(make_deployment(SPACE, revision=2))
        cluster.advance(0.05)
        return [(pod["metadata"]["name"], pod["status"], pod["spec"]) for pod in pods(cluster)]

    assert play() == play()


def test_times_of_conditions_are_those_of_the_clock(stepped: SimulatedCluster) -> None:
    """And stay while the condition does."""
    stepped.apply(make_deployment(SPACE, replicas=1))
    stepped.advance(10)
    (pod,) = pods(stepped)
    assert condition(pod, "PodScheduled")["lastTransitionTime"] == "2027-01-15T08:00:00Z"
    assert condition(pod, "Ready")["lastTransitionTime"] == "2027-01-15T08:00:03Z"


def test_the_progress_deadline_needs_no_other_event(stepped: SimulatedCluster) -> None:
    """The controller looks again by itself."""
    body = make_deployment(SPACE, replicas=1, gpus=9)
    body["spec"]["progressDeadlineSeconds"] = 600
    stepped.apply(body)
    stepped.advance(599)
    assert condition(read(stepped), "Progressing")["status"] == "True"
    stepped.advance(2)
    assert condition(read(stepped), "Progressing")["reason"] == "ProgressDeadlineExceeded"


def test_pods_that_wait_for_gpus_take_what_becomes_free() -> None:
    """As soon as a pod has drained, or a node is there."""
    cluster = SimulatedCluster(
        clock=ManualClock(), pools=(NodePool("a10g", 1, 23028, "NVIDIA-A10G", 2),), strict_namespaces=False
    )
    cluster.apply(make_deployment(SPACE, "one", replicas=1, gpus=2, drain="5s"))
    cluster.advance(1)
    cluster.apply(make_deployment(SPACE, "two", replicas=1, gpus=1))
    cluster.advance(1)
    assert not is_rolled_out(read(cluster, ObjectRef(DEPLOYMENT, SPACE, "two")))
    (waiting,) = cluster.list(POD, SPACE, "app=two")
    words = condition(waiting, "PodScheduled")["message"]
    assert words.startswith("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.")
    cluster.apply(make_deployment(SPACE, "one", replicas=0, gpus=2, drain="5s"))
    cluster.advance(4)
    assert not is_rolled_out(read(cluster, ObjectRef(DEPLOYMENT, SPACE, "two")))
    cluster.advance(2)
    assert is_rolled_out(read(cluster, ObjectRef(DEPLOYMENT, SPACE, "two")))


def test_a_surge_without_a_free_gpu_never_moves() -> None:
    """The deadlock that a plan has to see; without surge it rolls."""
    cluster = SimulatedCluster(
        clock=ManualClock(), pools=(NodePool("a10g", 1, 23028, "A10G", 1),), strict_namespaces=False
    )
    cluster.apply(make_deployment(SPACE, revision=1, replicas=1, gpus=1))
    cluster.advance(1)
    body = make_deployment(SPACE, revision=2, replicas=1, gpus=1)
    cluster.apply(body)
    cluster.advance(300)
    assert read(cluster)["status"]["availableReplicas"] == 1
    assert not is_rolled_out(read(cluster))
    body["spec"]["strategy"]["rollingUpdate"] = {"maxSurge": 0, "maxUnavailable": 1}
    cluster.apply(body)
    cluster.advance(5)
    assert is_rolled_out(read(cluster))


def test_a_planned_fault_strikes_as_often_as_it_says() -> None:
    """Which request, which object, how often; then all is well again."""
    cluster = SimulatedCluster(strict_namespaces=False)
    fault = cluster.faults.plan(PlannedFault(ClusterUnreachable("no answer"), verb="apply", name="rec*", times=2))
    for _ in range(2):
        with pytest.raises(ClusterUnreachable):
            cluster.apply(config_map())
    cluster.apply(config_map())
    assert fault.met == 2
    cluster.faults.plan(PlannedFault(ClusterForbidden("no"), verb="delete", times=None))
    for _ in range(3):
        with pytest.raises(ClusterForbidden):
            cluster.delete(ObjectRef(CONFIG_MAP, SPACE, "record"), uid="any")
    assert list(cluster.list(CONFIG_MAP, SPACE))
    cluster.faults.forget()
    assert cluster.delete(ObjectRef(CONFIG_MAP, SPACE, "none"), uid="any") is False
    cluster.close()


def test_a_broken_watch_says_lost_and_lists_anew() -> None:
    """What vanished meanwhile is not put again."""
    cluster = SimulatedCluster(clock=ManualClock(), strict_namespaces=False)
    made = cluster.apply(config_map("a"))
    cluster.apply(config_map("b"))
    stop = threading.Event()
    source = cluster.watch(CONFIG_MAP, SPACE, stop)
    assert [next(source).happening for _ in range(3)] == [Happening.PUT, Happening.PUT, Happening.LISTED]
    cluster.delete(ObjectRef(CONFIG_MAP, SPACE, "a"), uid=made["metadata"]["uid"])
    cluster.lose_watches("the server restarts")
    told = [next(source) for _ in range(3)]
    assert [event.happening for event in told] == [Happening.LOST, Happening.PUT, Happening.LISTED]
    assert told[0].reason == "the server restarts"
    assert told[1].body["metadata"]["name"] == "b"
    stop.set()
    assert list(source) == []


def test_kinds_can_be_missing() -> None:
    """As on a cluster without Gateway API."""
    cluster = SimulatedCluster(missing_kinds=[HTTP_ROUTE], strict_namespaces=False)
    with pytest.raises(KindMissing) as refused:
        list(cluster.list(HTTP_ROUTE, SPACE))
    assert "httproutes.gateway.networking.k8s.io" in refused.value.message
    assert list(cluster.list(INGRESS, SPACE)) == []
    cluster.close()


def test_kinds_can_be_added() -> None:
    """They are kept, owned field by field, and nothing becomes of them."""
    kind = Kind("example.org/v1", "Thing", "things")
    cluster = SimulatedCluster(extra_kinds=[kind], strict_namespaces=False)
    body = {
        "apiVersion": "example.org/v1",
        "kind": "Thing",
        "metadata": {"name": "a", "namespace": SPACE},
        "spec": {"list": [{"name": "x"}], "map": {"k": "v"}},
    }
    made = cluster.apply(body)
    assert made["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"] == {"f:list": {}, "f:map": {"f:k": {}}}
    assert [one["metadata"]["name"] for one in cluster.list(kind, SPACE)] == ["a"]
    cluster.close()


def test_the_demos_namespaces_come_by_themselves() -> None:
    """Nobody has to make them first."""
    cluster = open_simulated("demo")
    cluster.apply(config_map())
    assert cluster.read(ObjectRef(Kind("v1", "Namespace", "namespaces", namespaced=False), "", SPACE)) is not None
    cluster.close()


def test_a_closed_cluster_answers_nothing() -> None:
    """And has no thread left."""
    before = set(threading.enumerate())
    cluster = open_simulated("demo")
    cluster.apply(make_deployment(SPACE))
    cluster.close()
    with pytest.raises(ClusterUnreachable) as refused:
        cluster.read(CHAT)
    assert not refused.value.retryable
    assert not set(threading.enumerate()) - before


def test_an_idle_cluster_costs_nothing() -> None:
    """Its thread sleeps until something is due."""
    cluster = SimulatedCluster(strict_namespaces=False)
    cluster.apply(make_deployment(SPACE, fate="slow-load", after="60s"))
    deadline = time.monotonic() + 10
    while states(cluster) != ["running", "running"]:
        assert time.monotonic() < deadline
    used = time.process_time()
    threading.Event().wait(0.5)
    assert time.process_time() - used < 0.05
    cluster.close()


def test_many_threads_may_apply_at_once() -> None:
    """Each object is whole, versions are all different, and all pods come up."""
    cluster = SimulatedCluster(strict_namespaces=False)
    names = [f"ep-{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda name: cluster.apply(make_deployment(SPACE, name, replicas=1)), names))
        same = list(pool.map(lambda _: cluster.apply(config_map()), range(50)))
    assert len({body["metadata"]["resourceVersion"] for body in made}) == 40
    assert len({body["metadata"]["resourceVersion"] for body in same}) == 1
    deadline = time.monotonic() + 30
    while not all(is_rolled_out(dict(body)) for body in cluster.list(DEPLOYMENT, SPACE)):
        assert time.monotonic() < deadline
    assert len(pods(cluster)) == 40
    cluster.close()


def test_the_nodes_are_what_they_are_asked_to_be() -> None:
    """Any pools."""
    cluster = SimulatedCluster(pools=(NodePool("big", 2, 144000, "B200", 4),))
    nodes = list(cluster.list(NODE, ""))
    assert [node["metadata"]["name"] for node in nodes] == ["big-0", "big-1"]
    assert nodes[0]["status"]["allocatable"]["nvidia.com/gpu"] == "4"
    cluster.close()


def test_the_times_of_the_demo_make_it_short() -> None:
    """Two pods are replaced one by one within five seconds; a bad revision shows its reason within one."""
    clock = ManualClock()
    cluster = SimulatedCluster(clock=clock, times=DEMO_TIMES, strict_namespaces=False)
    cluster.apply(make_deployment(SPACE, revision=1))
    cluster.advance(2.5)
    assert is_rolled_out(read(cluster))
    cluster.apply(make_deployment(SPACE, revision=2))
    cluster.advance(5)
    assert is_rolled_out(read(cluster))
    cluster.apply(make_deployment(SPACE, revision=3, fate="image-pull"))
    cluster.advance(1)
    assert "waiting ImagePullBackOff" in states(cluster) or "waiting ErrImagePull" in states(cluster)
    cluster.apply(make_deployment(SPACE, revision=4))
    cluster.advance(5)
    assert is_rolled_out(read(cluster))


@pytest.mark.sweep
def test_a_thousand_endpoints_are_no_trouble() -> None:
    """Costs of one more follow what it is, not how many there are."""
    cluster = SimulatedCluster(clock=ManualClock(), strict_namespaces=False)
    costs = []
    for first in range(0, 1000, 250):
        began = time.process_time()
        for number in range(first, first + 250):
            cluster.apply(make_deployment(SPACE, f"ep-{number}", replicas=1))
        cluster.advance(1)
        costs.append(time.process_time() - began)
    assert all(is_rolled_out(dict(body)) for body in cluster.list(DEPLOYMENT, SPACE))
    assert costs[-1] < 3 * costs[0] + 1, costs


def test_an_inference_service_that_is_knative_is_left_alone(stepped: SimulatedCluster) -> None:
    """There is no Knative here, as there is none in the tests' cluster."""
    stepped.apply(make_inference_service(SPACE, mode="Knative"))
    stepped.advance(60)
    assert list(stepped.list(DEPLOYMENT, SPACE)) == []
