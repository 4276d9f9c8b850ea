"""Each fate shows in a pod as it would in life: the reasons and counts that a rollout is judged by."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from generator.cluster.kinds import POD
from generator.cluster.port import Body, Happening, WatchEvent
from generator.cluster.port import Cluster as Port
from tests.cluster_port.subject import Watcher
from tests.testbed.cluster.fates import FATES
from tests.testbed.fixtures.cluster import Cluster
from tests.testbed.workloads import is_rolled_out, list_pods, make_deployment

pytestmark = pytest.mark.cluster


def container(pod: Body, name: str = "containerStatuses") -> Body:
    """The status of the first container."""
    found: Body = ((pod.get("status") or {}).get(name) or [{}])[0]
    return found


def waits_for(reason: str) -> Callable[[Body], bool]:
    """Whether the first container waits, and why."""
    return lambda pod: container(pod).get("state", {}).get("waiting", {}).get("reason") == reason


def condition(pod: Body, name: str) -> str:
    """True, False or nothing."""
    found = [one["status"] for one in pod.get("status", {}).get("conditions") or () if one["type"] == name]
    return found[0] if found else ""


def is_ready(pod: Body) -> bool:
    """Ready by its own condition and its container's."""
    return condition(pod, "Ready") == "True" and container(pod).get("ready") is True


def runs_unready(pod: Body) -> bool:
    """Its container runs, but no traffic may come."""
    return "running" in container(pod).get("state", {}) and condition(pod, "Ready") == "False"


def start_pod(cluster: Cluster, namespace: str, **changes: object) -> str:
    """One pod of a Deployment; returns its path."""
    cluster.api.apply(make_deployment(namespace, replicas=1, **changes))  # type: ignore[arg-type]
    deployment = f"/apis/apps/v1/namespaces/{namespace}/deployments/chat"
    cluster.api.wait(deployment, lambda it: it.get("status", {}).get("replicas") == 1)
    (pod,) = list_pods(cluster.api, namespace)
    return f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}"


@pytest.fixture
def pods(port: Port, namespace: str) -> Iterator[Watcher]:
    """Every state of every pod of the namespace, from the beginning."""
    with Watcher(port, POD, namespace) as watcher:
        yield watcher


def wait_in_turn(pods: Watcher, *goods: Callable[[Body], bool]) -> list[Body]:
    """Until pods have been in these states one after the other; each as it was then."""

    def find(events: list[WatchEvent]) -> list[Body]:
        left = (event.body for event in events if event.happening is Happening.PUT)
        found = (next((body for body in left if good(body)), None) for good in goods)
        return [body for body in found if body is not None]

    return find(pods.wait(lambda events: len(find(events)) == len(goods), 60))


def wait_event(cluster: Cluster, namespace: str, reason: str) -> None:
    """Until something has happened in a namespace for this reason."""
    deadline = time.monotonic() + 60
    path = f"/api/v1/namespaces/{namespace}/events"
    while reason not in {event["reason"] for event in cluster.api.items(path)}:
        assert time.monotonic() < deadline, f"no {reason}"
        time.sleep(0.05)


SHOWS: dict[str, Callable[[Body], bool]] = {
    "never-ready": runs_unready,
    "slow-load": runs_unready,
    "image-pull": waits_for("ImagePullBackOff"),
    "crash-loop": waits_for("CrashLoopBackOff"),
    "oom": waits_for("CrashLoopBackOff"),
    "config-error": waits_for("CreateContainerConfigError"),
    "mount-failed": waits_for("ContainerCreating"),
    "fail-later": is_ready,
    "slow-init": waits_for("PodInitializing"),
    "init-crash": lambda pod: container(pod, "initContainerStatuses").get("restartCount", 0) > 0,
}


@pytest.mark.parametrize("fate", FATES)
def test_an_annotation_chooses_the_fate(testbed: Cluster, namespace: str, pods: Watcher, fate: str) -> None:
    """Every fate there is shows the status that it is named for."""
    start_pod(testbed, namespace, fate=fate)
    wait_in_turn(pods, SHOWS[fate])


def test_an_image_chooses_the_fate(testbed: Cluster, namespace: str, pods: Watcher) -> None:
    """Where the template is not the test's to change."""
    start_pod(testbed, namespace, image="registry.internal/serve/vllm:fate-slow-load-after-1s")
    wait_in_turn(pods, runs_unready, is_ready)


def test_a_pod_without_a_fate_is_ready_at_once(testbed: Cluster, namespace: str) -> None:
    """With an address, and its container started."""
    pod = testbed.api.wait(start_pod(testbed, namespace), is_ready)
    assert pod["status"]["podIP"]
    assert container(pod)["started"] is True


def test_a_model_takes_as_long_to_load_as_the_pod_says(testbed: Cluster, namespace: str, pods: Watcher) -> None:
    """Running and not ready first, ready after the time."""
    start_pod(testbed, namespace, fate="slow-load", after="1500ms")
    loading, _ = wait_in_turn(pods, runs_unready, is_ready)
    assert container(loading)["started"] is False


def test_a_crash_counts_restarts_and_keeps_the_last_end(testbed: Cluster, namespace: str) -> None:
    """CrashLoopBackOff with exit code 1, again and again."""
    pod = start_pod(testbed, namespace, fate="crash-loop", after="200ms")
    crashed = testbed.api.wait(pod, lambda it: waits_for("CrashLoopBackOff")(it) and container(it)["restartCount"] >= 2)
    assert container(crashed)["lastState"]["terminated"]["exitCode"] == 1
    wait_event(testbed, namespace, "BackOff")


def test_a_crash_may_be_over_after_some_restarts(testbed: Cluster, namespace: str) -> None:
    """What fails is not always lost."""
    pod = start_pod(testbed, namespace, fate="crash-loop", after="100ms", times=1)
    assert container(testbed.api.wait(pod, is_ready))["restartCount"] == 1


def test_out_of_memory_is_told_from_a_crash(testbed: Cluster, namespace: str) -> None:
    """OOMKilled, exit code 137."""
    pod = testbed.api.wait(start_pod(testbed, namespace, fate="oom"), waits_for("CrashLoopBackOff"))
    ended = container(pod)["lastState"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)


def test_a_ready_pod_may_fail_later(testbed: Cluster, namespace: str, pods: Watcher) -> None:
    """Ready first; then it crashes, and the Deployment is no longer available."""
    start_pod(testbed, namespace, fate="fail-later", after="2s")
    wait_in_turn(pods, is_ready, waits_for("CrashLoopBackOff"))
    deployment = f"/apis/apps/v1/namespaces/{namespace}/deployments/chat"
    testbed.api.wait(deployment, lambda it: not it["status"].get("availableReplicas"))


def test_a_download_goes_before_the_server(testbed: Cluster, namespace: str, pods: Watcher) -> None:
    """The init container runs, then has completed, and only then the pod is initialized."""
    start_pod(testbed, namespace, fate="slow-init", after="1s")
    loading, done = wait_in_turn(
        pods, lambda it: "running" in container(it, "initContainerStatuses").get("state", {}), is_ready
    )
    assert condition(loading, "Initialized") == "False"
    assert container(done, "initContainerStatuses")["state"]["terminated"]["reason"] == "Completed"


def test_a_missing_volume_is_an_event_only(testbed: Cluster, namespace: str) -> None:
    """The pod itself says no more than ContainerCreating."""
    testbed.api.wait(start_pod(testbed, namespace, fate="mount-failed"), waits_for("ContainerCreating"))
    wait_event(testbed, namespace, "FailedMount")


def test_more_gpus_than_a_node_has_are_unschedulable(testbed: Cluster, namespace: str) -> None:
    """By the scheduler itself: no fate is needed."""
    pod = testbed.api.wait(start_pod(testbed, namespace, gpus=9), lambda it: condition(it, "PodScheduled") == "False")
    (said,) = [one for one in pod["status"]["conditions"] if one["type"] == "PodScheduled"]
    assert said["reason"] == "Unschedulable"
    assert "Insufficient nvidia.com/gpu" in said["message"]


def test_a_quota_refuses_pods(testbed: Cluster, namespace: str) -> None:
    """By the API server itself: no pod exists, the Deployment says ReplicaFailure."""
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": namespace}}
    testbed.api.apply({**quota, "spec": {"hard": {"requests.nvidia.com/gpu": "0"}}})
    testbed.api.wait(testbed.api.path_of(quota), lambda it: it.get("status", {}).get("hard"))
    testbed.api.apply(make_deployment(namespace, gpus=1))
    deployment = f"/apis/apps/v1/namespaces/{namespace}/deployments/chat"
    failed = testbed.api.wait(deployment, lambda it: condition(it, "ReplicaFailure") == "True")
    (said,) = [one for one in failed["status"]["conditions"] if one["type"] == "ReplicaFailure"]
    assert said["reason"] == "FailedCreate"
    assert "exceeded quota" in said["message"]
    assert not list_pods(testbed.api, namespace)


def test_a_deleted_pod_drains_as_long_as_it_says(testbed: Cluster, namespace: str, pods: Watcher) -> None:
    """It is there, being deleted, while its requests end."""
    pod = start_pod(testbed, namespace, drain="2s")
    testbed.api.wait(pod, is_ready)
    began = time.monotonic()
    testbed.api.delete(pod)
    testbed.api.wait_gone(pod, seconds=60)
    assert time.monotonic() - began >= 2
    wait_in_turn(pods, is_ready, lambda it: is_ready(it) and "deletionTimestamp" in it["metadata"])


def test_a_failed_revision_leaves_the_old_pods_serving(testbed: Cluster, namespace: str) -> None:
    """As maxUnavailable 0 promises."""
    deployment = f"/apis/apps/v1/namespaces/{namespace}/deployments/chat"
    testbed.api.apply(make_deployment(namespace, revision=1))
    testbed.api.wait(deployment, is_rolled_out)
    testbed.api.apply(make_deployment(namespace, revision=2, fate="image-pull"))
    stuck = testbed.api.wait(deployment, lambda it: it["status"].get("updatedReplicas") == 1)
    assert stuck["status"]["availableReplicas"] == 2
