"""The small client of the tests, on any cluster: an own one or one that a person names."""

from __future__ import annotations

import pytest

from tests.testbed.fixtures.cluster import Cluster
from tests.testbed.kube.api import ApiError, Object

pytestmark = pytest.mark.cluster


def make_map(namespace: str, **data: str) -> Object:
    """A ConfigMap."""
    metadata = {"name": "some", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def test_what_is_applied_twice_is_not_changed(cluster: Cluster, namespace: str) -> None:
    """The same object keeps its version."""
    first = cluster.api.apply(make_map(namespace, a="1"))
    again = cluster.api.apply(make_map(namespace, a="1"))
    assert first["metadata"]["resourceVersion"] == again["metadata"]["resourceVersion"]


def test_a_field_of_another_manager_is_a_conflict(cluster: Cluster, namespace: str) -> None:
    """It is named, and not taken unless that is asked for."""
    cluster.api.apply(make_map(namespace, a="1"))
    with pytest.raises(ApiError, match="testbed") as refused:
        cluster.api.apply(make_map(namespace, a="2"), manager="somebody", force=False)
    assert (refused.value.code, refused.value.reason) == (409, "Conflict")


def test_a_rehearsal_changes_nothing(cluster: Cluster, namespace: str) -> None:
    """Server-side dry run answers with what would be."""
    thing = make_map(namespace, a="1")
    assert cluster.api.apply(thing, dryRun="All")["data"] == {"a": "1"}
    assert cluster.api.find(cluster.api.path_of(thing)) is None


def test_a_watch_tells_of_each_change(cluster: Cluster, namespace: str) -> None:
    """From the version on that it is given."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    version = cluster.api.get(path)["metadata"]["resourceVersion"]
    thing = make_map(namespace, a="1")
    cluster.api.apply(thing)
    cluster.api.apply(make_map(namespace, a="2"))
    cluster.api.delete(cluster.api.path_of(thing))
    seen = []
    for event in cluster.api.watch(path, 20, resourceVersion=version, fieldSelector="metadata.name=some"):
        seen.append((event["type"], event["object"]["data"]["a"]))
        if event["type"] == "DELETED":
            break
    assert seen == [("ADDED", "1"), ("MODIFIED", "2"), ("DELETED", "2")]


def test_kubectl_sees_the_same_cluster(cluster: Cluster, namespace: str) -> None:
    """By the kubeconfig that a test may hand to the program under test."""
    cluster.api.apply(make_map(namespace, a="1"))
    assert cluster.kubectl("get", "configmap", "some", "-n", namespace, "-o", "jsonpath={.data.a}") == "1"


def test_deleting_what_is_not_there_is_as_good(cluster: Cluster, namespace: str) -> None:
    """And waiting for its end ends at once."""
    path = cluster.api.path_of(make_map(namespace))
    cluster.api.delete(path)
    cluster.api.wait_gone(path, seconds=1)
