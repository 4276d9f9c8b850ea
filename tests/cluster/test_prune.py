"""What is pruned, and what never is."""

from __future__ import annotations

import pytest

from generator.cluster.apply_objects import apply_objects
from generator.cluster.changes import Action
from generator.cluster.endpoint_pass import EndpointPass, run_pass
from generator.cluster.kinds import AUTOSCALER, DEPLOYMENT, INFERENCE_SERVICE, SERVICE, Kind, ObjectRef, ref_of
from generator.cluster.policy import PRUNE, ApplyPolicy
from generator.cluster.port import Cluster as Port
from generator.cluster.prune import check_limit, prune_object
from generator.errors import Refused
from generator.reconciler.sync_index import SyncIndex
from tests.cluster.objects import autoscaler, deployment, labelled, service
from tests.testbed.fixtures.cluster import Cluster
from tests.testbed.workloads import is_rolled_out, make_inference_service

pytestmark = pytest.mark.cluster

POLICY = ApplyPolicy()


def test_what_revstamp_applied_is_pruned_and_its_pods_go_with_it(port: Port, testbed: Cluster, namespace: str) -> None:
    """The garbage collector takes ReplicaSets and pods."""
    apply_objects(port, [deployment(namespace), service(namespace)], POLICY)
    change = prune_object(port, ObjectRef(DEPLOYMENT, namespace, "chat"), "chat")
    assert change.action is Action.PRUNED
    testbed.api.wait_gone(f"/apis/apps/v1/namespaces/{namespace}/deployments/chat")
    assert port.read(ObjectRef(SERVICE, namespace, "chat-svc")) is not None


def test_what_others_made_is_kept(port: Port, testbed: Cluster, namespace: str) -> None:
    """Without our field manager nothing is deleted, whatever its label says."""
    testbed.api.create(service(namespace))
    change = prune_object(port, ObjectRef(SERVICE, namespace, "chat-svc"), "chat")
    assert (change.action, change.reason) == (Action.SKIPPED, "kept: revstamp has not applied it")


def test_what_opted_out_is_kept(port: Port, namespace: str) -> None:
    """By an annotation that anybody may set."""
    body = service(namespace)
    body["metadata"]["annotations"][PRUNE] = "disabled"
    apply_objects(port, [body], POLICY)
    change = prune_object(port, ref_of(body), "chat")
    assert change.action is Action.SKIPPED
    assert PRUNE in change.reason


def test_a_claim_is_never_pruned(port: Port, namespace: str) -> None:
    """Its data would be lost."""
    claim = labelled(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "model", "namespace": namespace},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
    )
    apply_objects(port, [claim], POLICY)
    assert prune_object(port, ref_of(claim), "chat").reason == "kept: a PersistentVolumeClaim is never pruned"


def test_another_endpoints_object_is_kept(port: Port, namespace: str) -> None:
    """The label is checked on the live object."""
    apply_objects(port, [service(namespace)], POLICY)
    assert "label" in prune_object(port, ObjectRef(SERVICE, namespace, "chat-svc"), "other").reason


def test_kserves_own_children_survive_every_prune(port: Port, testbed: Cluster, namespace: str) -> None:
    """KServe copies our label to its Deployment, Service and autoscaler: none of them is a candidate, nor pruned."""
    apply_objects(port, [labelled(make_inference_service(namespace))], POLICY)
    testbed.api.wait(f"/apis/apps/v1/namespaces/{namespace}/deployments/chat-predictor", is_rolled_out)
    index = SyncIndex(lambda endpoint, ref: None)
    children: list[ObjectRef] = []
    for kind in (DEPLOYMENT, SERVICE, AUTOSCALER, INFERENCE_SERVICE):
        for body in port.list(kind, namespace, "revstamp.io/endpoint=chat"):
            index.observe(kind, body)
            if kind != INFERENCE_SERVICE:
                children.append(ObjectRef(kind, namespace, body["metadata"]["name"]))
    assert {child.kind.name for child in children} >= {"Deployment", "Service"}
    assert index.owned_refs("chat") == (ObjectRef(INFERENCE_SERVICE, namespace, "chat"),)
    for child in children:
        assert prune_object(port, child, "chat").action is Action.SKIPPED
        assert port.read(child) is not None


def test_a_workload_stays_until_its_successor_serves(port: Port, testbed: Cluster, namespace: str) -> None:
    """From Deployment to InferenceService: both are there for a while, the old one goes once the new one is ready."""
    apply_objects(port, [deployment(namespace)], POLICY)
    testbed.api.wait(f"/apis/apps/v1/namespaces/{namespace}/deployments/chat", is_rolled_out)
    successor = labelled(make_inference_service(namespace, fate="slow-load", after="2s"), revision=2)
    doomed = (ObjectRef(DEPLOYMENT, namespace, "chat"),)
    first = run_pass(port, EndpointPass("chat", [successor], doomed, POLICY))
    assert [change.action for change in first.changes] == [Action.CREATED, Action.SKIPPED]
    testbed.api.wait(f"/apis/apps/v1/namespaces/{namespace}/deployments/chat-predictor", is_rolled_out)
    testbed.api.wait(
        f"/apis/serving.kserve.io/v1beta1/namespaces/{namespace}/inferenceservices/chat",
        lambda it: {"True"} == {one["status"] for one in it["status"]["conditions"] if one["type"] == "Ready"},
    )
    then = run_pass(port, EndpointPass("chat", [successor], doomed, POLICY))
    assert [change.action for change in then.changes] == [Action.UNCHANGED, Action.PRUNED]


def test_nothing_is_pruned_while_something_fails(port: Port, namespace: str) -> None:
    """A half-applied endpoint keeps what it had."""
    apply_objects(port, [autoscaler(namespace), service(namespace)], POLICY)
    broken = deployment(namespace)
    broken["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    result = run_pass(port, EndpointPass("chat", [broken], (ObjectRef(SERVICE, namespace, "chat-svc"),), POLICY))
    assert [change.action for change in result.changes] == [Action.FAILED, Action.SKIPPED]
    assert port.read(ObjectRef(SERVICE, namespace, "chat-svc")) is not None


def test_more_than_the_limit_is_refused_unless_confirmed() -> None:
    """One pass deletes no fleet by mistake."""
    doomed = [ObjectRef(Kind("v1", "Service", "services"), "prod", f"s{number}") for number in range(51)]
    with pytest.raises(Refused, match="51 objects would be pruned, at most 50"):
        check_limit(doomed, 50, "environment prod")
    check_limit(doomed, len(doomed), "environment prod")
    check_limit(doomed[:50], 50, "environment prod")
