"""One workload takes another one's place: requests go to the old one until the new one serves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from generator.cluster.apply_objects import apply_objects
from generator.cluster.changes import Action
from generator.cluster.endpoint_pass import EndpointPass, PassResult, run_pass
from generator.cluster.kinds import (
    AUTOSCALER,
    DEPLOYMENT,
    HTTP_ROUTE,
    INFERENCE_SERVICE,
    INGRESS,
    SERVICE,
    Kind,
    ObjectRef,
)
from generator.cluster.policy import ApplyPolicy
from generator.cluster.simulated import ManualClock, SimulatedCluster
from tests.cluster.objects import autoscaler, deployment, ingress, labelled, service
from tests.testbed.workloads import make_inference_service

SPACE = "llm-ops-dev"
POLICY = ApplyPolicy()


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    """Nothing happens in it by itself."""
    cluster = SimulatedCluster(clock=ManualClock(), strict_namespaces=False)
    yield cluster
    cluster.close()


def ref(kind: Kind, name: str) -> ObjectRef:
    """An object of the endpoint."""
    return ObjectRef(kind, SPACE, name)


def route_to(name: str, revision: int) -> dict[str, Any]:
    """The Ingress, to the Service of this name."""
    body = ingress(SPACE, revision)
    body["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] = name
    return body


def target(cluster: SimulatedCluster) -> str:
    """The Service that the Ingress leads to."""
    found = cluster.read(ref(INGRESS, "chat-ingress"))
    assert found is not None
    return str(found["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"])


def http_route(revision: int = 2) -> dict[str, Any]:
    """A route of another kind."""
    rule = {"backendRefs": [{"name": "chat-predictor", "port": 80}]}
    metadata = {"name": "chat-route", "namespace": SPACE}
    spec = {"parentRefs": [{"name": "gateway"}], "rules": [rule]}
    body = {"apiVersion": HTTP_ROUTE.api_version, "kind": "HTTPRoute", "metadata": metadata, "spec": spec}
    return labelled(body, revision=revision)


OLD = (ref(DEPLOYMENT, "chat"), ref(SERVICE, "chat-svc"), ref(AUTOSCALER, "chat-hpa"))


def start_old(cluster: SimulatedCluster) -> None:
    """The endpoint as a Deployment, serving."""
    old = [deployment(SPACE, replicas=None), service(SPACE), autoscaler(SPACE), route_to("chat-svc", 1)]
    apply_objects(cluster, old, POLICY)
    cluster.advance(600)


def swap(cluster: SimulatedCluster, *more: dict[str, Any], policy: ApplyPolicy = POLICY) -> PassResult:
    """A pass for the endpoint as an InferenceService."""
    successor = labelled(make_inference_service(SPACE), revision=2)
    return run_pass(cluster, EndpointPass("chat", [successor, route_to("chat-predictor", 2), *more], OLD, policy))


def actions(result: PassResult) -> dict[str, Action]:
    """What became of each object."""
    return {f"{change.ref.kind} {change.ref.name}": change.action for change in result.changes}


def test_requests_go_to_the_old_pods_until_the_successor_serves(cluster: SimulatedCluster) -> None:
    """The Service stays, the route is not moved, and the answer says why."""
    start_old(cluster)
    result = swap(cluster)
    assert actions(result) == {
        "InferenceService chat": Action.CREATED,
        "Ingress chat-ingress": Action.SKIPPED,
        "Deployment chat": Action.SKIPPED,
        "Service chat-svc": Action.SKIPPED,
        "HorizontalPodAutoscaler chat-hpa": Action.SKIPPED,
    }
    reasons = {change.reason for change in result.changes if change.action is Action.SKIPPED}
    assert reasons == {f"kept until InferenceService {SPACE}/chat serves"}
    assert target(cluster) == "chat-svc"
    assert all(cluster.read(old) is not None for old in OLD)


def test_once_the_successor_serves_all_is_applied_and_pruned(cluster: SimulatedCluster) -> None:
    """In the very next pass."""
    start_old(cluster)
    swap(cluster)
    cluster.advance(600)
    result = swap(cluster)
    assert actions(result)["Ingress chat-ingress"] is Action.CONFIGURED
    assert target(cluster) == "chat-predictor"
    assert [cluster.read(old) for old in OLD] == [None, None, None]
    assert result.changes.is_complete


def test_a_route_that_is_not_there_yet_is_made_at_once(cluster: SimulatedCluster) -> None:
    """Nothing is taken from anybody by it."""
    start_old(cluster)
    assert actions(swap(cluster, http_route()))["HTTPRoute chat-route"] is Action.CREATED


def test_a_service_that_both_have_keeps_its_selector_meanwhile(cluster: SimulatedCluster) -> None:
    """It would lead to pods that are not ready."""
    start_old(cluster)
    moved = service(SPACE, revision=2)
    moved["spec"]["selector"] = {"app": "other"}
    successor = labelled(make_inference_service(SPACE), revision=2)
    task = EndpointPass("chat", [successor, moved], (ref(DEPLOYMENT, "chat"),), POLICY)
    assert actions(run_pass(cluster, task))["Service chat-svc"] is Action.SKIPPED
    live = cluster.read(ref(SERVICE, "chat-svc"))
    assert live is not None
    assert live["spec"]["selector"] == {"app": "chat"}
    cluster.advance(600)
    assert actions(run_pass(cluster, task))["Service chat-svc"] is Action.CONFIGURED


def test_the_old_pods_stay_guarded_from_eviction(cluster: SimulatedCluster) -> None:
    """The budget that both have goes over to the new pods once these serve."""
    apply_objects(cluster, [deployment(SPACE), budget("app", 1)], POLICY)
    cluster.advance(600)
    successor = labelled(make_inference_service(SPACE), revision=2)
    moved = budget("serving.kserve.io/inferenceservice", 2)
    task = EndpointPass("chat", [successor, moved], (ref(DEPLOYMENT, "chat"),), POLICY)
    assert actions(run_pass(cluster, task))["PodDisruptionBudget chat-pdb"] is Action.SKIPPED
    cluster.advance(600)
    assert actions(run_pass(cluster, task))["PodDisruptionBudget chat-pdb"] is Action.CONFIGURED


def budget(label: str, revision: int) -> dict[str, Any]:
    """One pod may be missing."""
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": {label: "chat"}}}
    metadata = {"name": "chat-pdb", "namespace": SPACE}
    body = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": spec}
    return labelled(body, revision=revision)


def test_the_way_back_is_the_same(cluster: SimulatedCluster) -> None:
    """From InferenceService to Deployment."""
    apply_objects(cluster, [labelled(make_inference_service(SPACE)), route_to("chat-predictor", 1)], POLICY)
    cluster.advance(600)
    wanted = [deployment(SPACE, 2), service(SPACE, 2), route_to("chat-svc", 2)]
    task = EndpointPass("chat", wanted, (ref(INFERENCE_SERVICE, "chat"),), POLICY)
    assert actions(run_pass(cluster, task)) == {
        "Deployment chat": Action.CREATED,
        "Service chat-svc": Action.CREATED,
        "Ingress chat-ingress": Action.SKIPPED,
        "InferenceService chat": Action.SKIPPED,
    }
    cluster.advance(600)
    run_pass(cluster, task)
    assert target(cluster) == "chat-svc"
    assert cluster.read(ref(INFERENCE_SERVICE, "chat")) is None


def test_without_a_swap_a_route_is_changed_at_once(cluster: SimulatedCluster) -> None:
    """Also while the workload rolls."""
    apply_objects(cluster, [deployment(SPACE), route_to("chat-svc", 1)], POLICY)
    result = run_pass(cluster, EndpointPass("chat", [deployment(SPACE, 2), route_to("other", 2)], (), POLICY))
    assert actions(result)["Ingress chat-ingress"] is Action.CONFIGURED


def test_a_dry_run_says_what_would_be_kept(cluster: SimulatedCluster) -> None:
    """And touches nothing."""
    start_old(cluster)
    assert actions(swap(cluster, policy=ApplyPolicy(dry_run=True)))["Ingress chat-ingress"] is Action.SKIPPED
    assert cluster.read(ref(INFERENCE_SERVICE, "chat")) is None
