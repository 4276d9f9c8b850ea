"""Each fate shows in a pod as it would in life: the reasons and counts that a rollout is judged by."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.testbed.cluster.fates import FATES
from tests.testbed.fixtures.cluster import Cluster
from tests.testbed.kube.api import Object
from tests.testbed.workloads import is_rolled_out, list_pods, make_deployment

pytestmark = pytest.mark.cluster


def container(pod: Object, name: str = "containerStatuses") -> Object:
    """The status of the first container."""
    found: Object = ((pod.get("status") or {}).get(name) or [{}])[0]
    return found


def waits_for(reason: str) -> Callable[[Object], bool]:
    """Whether the first container waits, and why."""
    return lambda pod: container(pod).get("state", {}).get("waiting", {}).get("reason") == reason


def condition(pod: Object, name: str) -> str:
    """True, False or nothing."""
    found = [one["status"] for one in pod.get("status", {}).get("conditions") or () if one["type"] == name]
    return found[0] if found else ""


def is_ready(pod: Object) -> bool:
    """Ready by its own condition and its container's."""
    return condition(pod, "Ready") == "True" and container(pod).get("ready") is True


def runs_unready(pod: Object) -> bool:
    """Its container runs, but no traffic may come."""
    return "running" in container(pod).get("state", {}) and condition(pod, "Ready") == "False"


def start_pod(cluster: Cluster, namespace: str, **changes: object) -> str:
    """One pod of a Deployment; returns its path."""
    cluster.api.apply(make_deployment(namespace, replicas=1, **changes))  # type: ignore[arg-type]
    deployment = f"/apis/apps/v1/namespaces/{namespace}/deployments/chat"
    cluster.api.wait(deployment, lambda it: it.get("status", {}).get("replicas") == 1)
    (pod,) = list_pods(cluster.api, namespace)
    return f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}"


def events(cluster: Cluster, namespace: str) -> set[str]:
    """The reasons of what happened in a namespace."""
    return {event["reason"] for event in cluster.api.items(f"/api/v1/namespaces/{namespace}/events")}


SHOWS: dict[str, Callable[[Object], bool]] = {
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
def test_an_annotation_chooses_the_fate(testbed: Cluster, namespace: str, fate: str) -> None:
    """Every fate there is shows the status that it is named for."""
    testbed.api.wait(start_pod(testbed, namespace, fate=fate), SHOWS[fate])


def test_an_image_chooses_the_fate(testbed: Cluster, namespace: str) -> None:
    """Where the template is not the test's to change."""
    pod = start_pod(testbed, namespace, image="registry.internal/serve/vllm:fate-slow-load-after-1s")
    testbed.api.wait(pod, runs_unready)
    testbed.api.wait(pod, is_ready)


def test_a_pod_without_a_fate_is_ready_at_once(testbed: Cluster, namespace: str) -> None:
    """With an address, and its container started."""
    pod = testbed.api.wait(start_pod(testbed, namespace), is_ready, seconds=10)
    assert pod["status"]["podIP"]
    assert container(pod)["started"] is True


def test_a_model_takes_as_long_to_load_as_the_pod_says(testbed: Cluster, namespace: str) -> None:
    """Running and not ready first, ready after the time."""
    pod = start_pod(testbed, namespace, fate="slow-load", after="1500ms")
    assert container(testbed.api.wait(pod, runs_unready))["started"] is False
    testbed.api.wait(pod, is_ready)


def test_a_crash_counts_restarts_and_keeps_the_last_end(testbed: Cluster, namespace: str) -> None:
    """CrashLoopBackOff with exit code 1, again and again."""
    pod = start_pod(testbed, namespace, fate="crash-loop", after="200ms")
    crashed = testbed.api.wait(pod, lambda it: waits_for("CrashLoopBackOff")(it) and container(it)["restartCount"] >= 2)
    assert container(crashed)["lastState"]["terminated"]["exitCode"] == 1
    assert "BackOff" in events(testbed, namespace)


def test_a_crash_may_be_over_after_some_restarts(testbed: Cluster, namespace: str) -> None:
    """What fails is not always lost."""
    pod = start_pod(testbed, namespace, fate="crash-loop", after="100ms", times=1)
    assert container(testbed.api.wait(pod, is_ready))["restartCount"] == 1


def test_out_of_memory_is_told_from_a_crash(testbed: Cluster, namespace: str) -> None:
    """OOMKilled, exit code 137."""
    pod = testbed.api.wait(start_pod(testbed, namespace, fate="oom"), waits_for("CrashLoopBackOff"))
    ended = container(pod)["lastState"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)


def test_a_ready_pod_may_fail_later(testbed: Cluster, namespace: str) -> None:
    """Ready first; then it crashes, and the Deployment is no longer available."""
    pod = start_pod(testbed, namespace, fate="fail-later", after="2s")
    testbed.api.wait(pod, is_ready)
    testbed.api.wait(pod, waits_for("CrashLoopBackOff"))
    deployment = f"/apis/apps/v1/namespaces/{namespace}/deployments/chat"
    testbed.api.wait(deployment, lambda it: not it["status"].get("availableReplicas"))


def test_a_download_goes_before_the_server(testbed: Cluster, namespace: str) -> None:
    """The init container runs, then has completed, and only then the pod is initialized."""
    pod = start_pod(testbed, namespace, fate="slow-init", after="1s")
    loading = testbed.api.wait(pod, lambda it: "running" in container(it, "initContainerStatuses").get("state", {}))
    assert condition(loading, "Initialized") == "False"
    done = testbed.api.wait(pod, is_ready)
    assert container(done, "initContainerStatuses")["state"]["terminated"]["reason"] == "Completed"


def test_a_missing_volume_is_an_event_only(testbed: Cluster, namespace: str) -> None:
    """The pod itself says no more than ContainerCreating."""
    testbed.api.wait(start_pod(testbed, namespace, fate="mount-failed"), waits_for("ContainerCreating"))
    assert "FailedMount" in events(testbed, namespace)


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
    testbed.api.apply(make_deployment(namespace, gpus=1))
    deployment = f"/apis/apps/v1/namespaces/{namespace}/deployments/chat"
    failed = testbed.api.wait(deployment, lambda it: condition(it, "ReplicaFailure") == "True")
    (said,) = [one for one in failed["status"]["conditions"] if one["type"] == "ReplicaFailure"]
    assert said["reason"] == "FailedCreate"
    assert "exceeded quota" in said["message"]
    assert not list_pods(testbed.api, namespace)


def test_a_deleted_pod_drains_as_long_as_it_says(testbed: Cluster, namespace: str) -> None:
    """It is there, being deleted, while its requests end."""
    pod = start_pod(testbed, namespace, drain="2s")
    testbed.api.wait(pod, is_ready)
    testbed.api.delete(pod)
    assert testbed.api.get(pod)["metadata"]["deletionTimestamp"]
    testbed.api.wait_gone(pod, seconds=10)


def test_a_failed_revision_leaves_the_old_pods_serving(testbed: Cluster, namespace: str) -> None:
    """As maxUnavailable 0 promises."""
    deployment = f"/apis/apps/v1/namespaces/{namespace}/deployments/chat"
    testbed.api.apply(make_deployment(namespace, revision=1))
    testbed.api.wait(deployment, is_rolled_out)
    testbed.api.apply(make_deployment(namespace, revision=2, fate="image-pull"))
    stuck = testbed.api.wait(deployment, lambda it: it["status"].get("updatedReplicas") == 1)
    assert stuck["status"]["availableReplicas"] == 2
