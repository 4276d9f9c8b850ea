"""What the platform made before becomes revstamp's, and no ready pod is lost on the way."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from generator.cluster.adopt import adopt
from generator.cluster.adoption_plan import Step, plan_adoption
from generator.cluster.apply_objects import apply_objects
from generator.cluster.changes import Action
from generator.cluster.drift import is_ours
from generator.cluster.kinds import AUTOSCALER, DEPLOYMENT, INGRESS, SERVICE, ObjectRef
from generator.cluster.policy import ADOPTING, ApplyPolicy
from generator.cluster.port import Cluster as Port
from generator.errors import Refused
from tests.cluster.objects import autoscaler, deployment, ingress, service
from tests.testbed.fixtures.cluster import Cluster
from tests.testbed.kube.api import Api
from tests.testbed.workloads import is_rolled_out, list_pods

pytestmark = pytest.mark.cluster

RANDOM = "5f0c7a52-6b57-4b0c-8d7e-6f7a4b1f2c11"


def make_legacy(namespace: str, replicas: int = 3) -> list[dict[str, Any]]:
    """The platform's objects: a random value in the selector, an Ingress that loses paths, ports by number."""
    labels = {"app": "chat", "endpoint-id": RANDOM}
    old = deployment(namespace, replicas=replicas, image="registry.internal/serve/vllm:old")
    old["metadata"] = {"name": "chat", "namespace": namespace, "labels": labels}
    old["spec"]["selector"] = {"matchLabels": labels}
    old["spec"]["template"]["metadata"] = {"labels": labels}
    old["spec"]["template"]["spec"]["containers"][0]["ports"] = [{"containerPort": 8000}]
    front = service(namespace, target=8000)
    front["metadata"] = {"name": "chat-svc", "namespace": namespace}
    front["spec"]["selector"] = labels
    route = ingress(namespace)
    rewrite = {"nginx.ingress.kubernetes.io/rewrite-target": "/"}
    route["metadata"] = {"name": "chat-ingress", "namespace": namespace, "annotations": rewrite}
    scaler = autoscaler(namespace, 1, 3)
    scaler["metadata"] = {"name": "chat-hpa", "namespace": namespace}
    return [old, front, route, scaler]


def start_legacy(testbed: Cluster, namespace: str, replicas: int = 3) -> None:
    """All of them, ready."""
    for body in make_legacy(namespace, replicas):
        testbed.api.create(body)
    testbed.api.wait(f"/apis/apps/v1/namespaces/{namespace}/deployments/chat", is_rolled_out)
    slices = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    testbed.api.wait(slices, lambda it: len(list_addresses(it["items"])) == replicas)


def list_addresses(slices: list[dict[str, Any]]) -> set[str]:
    """Pods that a Service sends requests to."""
    return {
        one["targetRef"]["name"]
        for item in slices
        if item.get("ports")
        for one in item.get("endpoints") or []
        if one.get("conditions", {}).get("ready")
    }


def wanted(namespace: str, replicas: int | None = None) -> list[dict[str, Any]]:
    """What git has."""
    return [
        deployment(namespace, revision=1, replicas=replicas),
        service(namespace),
        ingress(namespace),
        *([autoscaler(namespace, 2, 4)] if replicas is None else []),
    ]


@dataclass
class Counted:
    """The least number of ready pods and the greatest number of pods that were ever seen."""

    ready: int = 99
    pods: int = 0
    looks: int = 0
    endpoints: int = 99
    errors: list[BaseException] = field(default_factory=list)


@contextmanager
def counting(api: Api, namespace: str) -> Iterator[Counted]:
    """Count pods, and addresses behind the Service, as fast as the API server answers."""
    counted, stop = Counted(), threading.Event()

    def look() -> None:
        while not stop.is_set():
            pods = list_pods(api, namespace)
            ready = [
                pod
                for pod in pods
                if any(
                    one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", [])
                )
            ]
            slices = api.items(f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices")
            counted.ready = min(counted.ready, len(ready))
            counted.pods = max(counted.pods, len(pods))
            counted.endpoints = min(counted.endpoints, len(list_addresses(slices)))
            counted.looks += 1
            stop.wait(0.02)

    def guarded() -> None:
        try:
            look()
        except BaseException as error:
            counted.errors.append(error)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    try:
        yield counted
    finally:
        stop.set()
        thread.join(10)
    assert not counted.errors, counted.errors
    assert counted.looks > 5


def test_the_plan_shows_each_step_and_changes_nothing(port: Port, testbed: Cluster, namespace: str) -> None:
    """Replace the Deployment, bridge the Service, take over the rest."""
    start_legacy(testbed, namespace)
    plan = plan_adoption(port, wanted(namespace))
    assert [(step.ref.kind.name, step.step) for step in plan.steps] == [
        ("Service", Step.BRIDGE),
        ("Deployment", Step.REPLACE),
        ("HorizontalPodAutoscaler", Step.TAKE_OVER),
        ("Ingress", Step.TAKE_OVER),
    ]
    assert "endpoint-id=" in plan.steps[1].words
    live = port.read(ObjectRef(DEPLOYMENT, namespace, "chat"))
    assert live is not None
    assert not is_ours(live)


def test_no_ready_pod_is_lost_and_no_second_set_is_made(port: Port, testbed: Cluster, namespace: str) -> None:
    """Three ready pods stay three; one more at most, for the surge; the Service never loses an address."""
    start_legacy(testbed, namespace)
    with counting(testbed.api, namespace) as counted:
        done = adopt(port, wanted(namespace), plan_adoption(port, wanted(namespace)), rollout_seconds=60)
        testbed.api.wait(f"/apis/apps/v1/namespaces/{namespace}/deployments/chat", is_rolled_out)
    assert not [change for change in done if change.action is Action.FAILED], done
    assert counted.ready >= 3
    assert counted.endpoints >= 1  # a slice follows its pods a moment later
    assert counted.pods <= 4
    images = {pod["spec"]["containers"][0]["image"] for pod in list_pods(testbed.api, namespace)}
    assert images == {"registry.internal/serve/vllm:1"}


def test_everything_is_revstamps_afterwards(port: Port, testbed: Cluster, namespace: str) -> None:
    """A pass changes nothing more, and what the old client had set and git has not is gone."""
    start_legacy(testbed, namespace)
    adopt(port, wanted(namespace), plan_adoption(port, wanted(namespace)), rollout_seconds=60)
    assert plan_adoption(port, wanted(namespace)).is_done
    for applied in apply_objects(port, wanted(namespace), ApplyPolicy()):
        assert applied.change.action is Action.UNCHANGED, applied.change
    route = port.read(ObjectRef(INGRESS, namespace, "chat-ingress"))
    front = port.read(ObjectRef(SERVICE, namespace, "chat-svc"))
    assert route is not None
    assert front is not None
    assert "nginx.ingress.kubernetes.io/rewrite-target" not in route["metadata"]["annotations"]
    assert front["spec"]["selector"] == {"app": "chat"}
    assert front["spec"]["ports"][0]["targetPort"] == "http"
    assert ADOPTING not in front["metadata"]["annotations"]


class Cut(Exception):
    """The process ends here."""


class CuttingPort:
    """Passes everything on, and ends at a chosen write."""

    def __init__(self, port: Port, writes: int) -> None:
        self._port, self._left = port, writes

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if name not in ("apply", "create", "replace", "patch", "delete"):
            return method

        def write(*arguments: Any, **options: Any) -> Any:
            if self._left == 0:
                raise Cut
            self._left -= 1
            return method(*arguments, **options)

        return write


@pytest.mark.parametrize("writes", range(12))
def test_cut_off_anywhere_it_goes_on(port: Port, testbed: Cluster, namespace: str, writes: int) -> None:
    """However many writes were made before the end, the same command brings it to the end, and no pod is lost."""
    start_legacy(testbed, namespace)
    with counting(testbed.api, namespace) as counted:
        cutting: Any = CuttingPort(port, writes)
        try:
            adopt(cutting, wanted(namespace), plan_adoption(cutting, wanted(namespace)), rollout_seconds=60)
        except Cut:
            done = adopt(port, wanted(namespace), plan_adoption(port, wanted(namespace)), rollout_seconds=60)
            assert not [change for change in done if change.action is Action.FAILED], done
        testbed.api.wait(f"/apis/apps/v1/namespaces/{namespace}/deployments/chat", is_rolled_out)
    assert plan_adoption(port, wanted(namespace)).is_done
    assert counted.ready >= 3
    assert counted.endpoints >= 1  # a slice follows its pods a moment later
    assert counted.pods <= 4


def test_fixed_replicas_are_taken_from_an_autoscaler_that_git_does_not_have(
    port: Port, testbed: Cluster, namespace: str
) -> None:
    """The old autoscaler would fight: it is deleted, as the plan says."""
    start_legacy(testbed, namespace)
    plan = plan_adoption(port, wanted(namespace, replicas=2))
    assert ("HorizontalPodAutoscaler", Step.DELETE) in [(step.ref.kind.name, step.step) for step in plan.steps]
    adopt(port, wanted(namespace, replicas=2), plan, rollout_seconds=60)
    assert port.read(ObjectRef(AUTOSCALER, namespace, "chat-hpa")) is None
    for applied in apply_objects(port, wanted(namespace, replicas=2), ApplyPolicy()):
        assert applied.change.action in (Action.UNCHANGED, Action.CONFIGURED), applied.change
    testbed.api.wait(f"/apis/apps/v1/namespaces/{namespace}/deployments/chat", lambda it: it["spec"]["replicas"] == 2)


def test_pods_that_cannot_be_adopted_block_it(port: Port, testbed: Cluster, namespace: str) -> None:
    """Without the label that the new selector asks for, a second set of pods would be made."""
    old = make_legacy(namespace)[0]
    old["spec"]["selector"] = {"matchLabels": {"endpoint-id": RANDOM}}
    old["spec"]["template"]["metadata"]["labels"] = {"endpoint-id": RANDOM}
    testbed.api.create(old)
    plan = plan_adoption(port, [deployment(namespace)])
    assert [step.step for step in plan.steps] == [Step.BLOCKED]
    with pytest.raises(Refused, match="do not carry the label app=chat"):
        adopt(port, [deployment(namespace)], plan)
    live = port.read(ObjectRef(DEPLOYMENT, namespace, "chat"))
    assert live is not None
    assert not is_ours(live)


def test_a_deployment_whose_selector_fits_is_taken_over_in_place(port: Port, testbed: Cluster, namespace: str) -> None:
    """As kubectl or another engine made it: no deletion at all."""
    old = deployment(namespace, replicas=2, image="registry.internal/serve/vllm:old")
    testbed.kubectl("apply", "-f", "-", given=json.dumps(old))
    before = testbed.api.wait(f"/apis/apps/v1/namespaces/{namespace}/deployments/chat", is_rolled_out)
    plan = plan_adoption(port, [deployment(namespace, revision=2)])
    assert [step.step for step in plan.steps] == [Step.TAKE_OVER]
    adopt(port, [deployment(namespace, revision=2)], plan)
    live = port.read(ObjectRef(DEPLOYMENT, namespace, "chat"))
    assert live is not None
    assert live["metadata"]["uid"] == before["metadata"]["uid"]
    assert "kubectl.kubernetes.io/last-applied-configuration" not in live["metadata"]["annotations"]
