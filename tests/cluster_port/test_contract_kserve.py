"""Contract of the cluster port: what KServe makes of an InferenceService in Standard mode, and how its status lies."""

from __future__ import annotations

from typing import Any

import pytest

from generator.cluster.kinds import AUTOSCALER, DEPLOYMENT, INFERENCE_SERVICE, POD, SERVICE
from generator.cluster.port import Body
from tests.cluster_port.subject import Subject
from tests.testbed.workloads import is_rolled_out, make_inference_service

pytestmark = pytest.mark.sweep

CHILD = "chat-predictor"
REVISION = "revstamp.io/revision"


def condition(body: Body, name: str) -> str:
    """Its status; nothing where there is none."""
    found = [one for one in (body.get("status") or {}).get("conditions") or () if one["type"] == name]
    return str(found[0]["status"]) if found else ""


def reason(body: Body, name: str) -> str:
    """The reason of a condition; nothing where there is none."""
    found = [one for one in (body.get("status") or {}).get("conditions") or () if one["type"] == name]
    return str(found[0].get("reason", "")) if found else ""


def annotate(body: dict[str, Any], **annotations: str) -> dict[str, Any]:
    """With more annotations; `__` stands for a slash, `_` for a dot."""
    for name, value in annotations.items():
        body["metadata"]["annotations"][name.replace("__", "/").replace("_", ".")] = value
    return body


def roll_out(subject: Subject, body: dict[str, Any]) -> Body:
    """Apply it, and wait until the child carries its revision everywhere."""
    subject.port.apply(body)
    wanted = body["metadata"]["annotations"][REVISION]
    return subject.wait(
        DEPLOYMENT,
        lambda it: is_rolled_out(it) and it["spec"]["template"]["metadata"]["annotations"][REVISION] == wanted,
        CHILD,
    )


def pods(subject: Subject) -> list[Body]:
    """Those that are not ending."""
    found = subject.port.list(POD, subject.namespace, f"app=isvc.{CHILD}")
    return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]


def is_up_to_date(service: Body) -> bool:
    """By what it says of its model."""
    model = (service.get("status") or {}).get("modelStatus") or {}
    return bool(model.get("transitionStatus") == "UpToDate")


def restarts(pod: Body) -> int:
    """Of its first container."""
    containers = pod["status"].get("containerStatuses") or [{"restartCount": 0}]
    return int(containers[0]["restartCount"])


def test_an_inference_service_has_a_deployment_a_service_and_an_autoscaler(subject: Subject) -> None:
    """Owned by it, with its labels and annotations."""
    body = make_inference_service(subject.namespace)
    body["metadata"]["labels"] = {"revstamp.io/endpoint": "chat"}
    child = roll_out(subject, body)
    service = subject.read(INFERENCE_SERVICE)
    owner = {"kind": "InferenceService", "name": "chat", "uid": service["metadata"]["uid"], "controller": True}
    for kind in (DEPLOYMENT, SERVICE, AUTOSCALER):
        made = subject.wait(kind, bool, CHILD)
        assert owner.items() <= made["metadata"]["ownerReferences"][0].items()
        assert made["metadata"]["labels"] == {
            "revstamp.io/endpoint": "chat",
            "app": "isvc.chat-predictor",
            "component": "predictor",
            "serving.kserve.io/inferenceservice": "chat",
        }
        assert made["metadata"]["annotations"][REVISION] == "1"
    template = child["spec"]["template"]
    assert template["metadata"]["labels"]["app"] == "isvc.chat-predictor"
    assert template["metadata"]["annotations"][REVISION] == "1"
    assert child["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": "25%", "maxSurge": "25%"}
    assert child["spec"]["progressDeadlineSeconds"] == 600
    (pod,) = pods(subject)
    assert pod["metadata"]["annotations"][REVISION] == "1"
    assert [one["name"] for one in pod["spec"]["containers"]] == ["kserve-container"]


def test_a_new_revision_replaces_the_pods(subject: Subject) -> None:
    """The annotation alone is the trigger; the service's generation does not move with it."""
    roll_out(subject, make_inference_service(subject.namespace, revision=1))
    before = {pod["metadata"]["uid"] for pod in pods(subject)}
    generation = subject.read(INFERENCE_SERVICE)["metadata"]["generation"]
    roll_out(subject, make_inference_service(subject.namespace, revision=2))
    after = pods(subject)
    assert {pod["metadata"]["annotations"][REVISION] for pod in after} == {"2"}
    assert not before & {pod["metadata"]["uid"] for pod in after}
    assert subject.read(INFERENCE_SERVICE)["metadata"]["generation"] == generation


def test_any_other_annotation_replaces_them_too(subject: Subject) -> None:
    """That is why no commit or time may stand there."""
    roll_out(subject, make_inference_service(subject.namespace))
    before = {pod["metadata"]["uid"] for pod in pods(subject)}
    subject.port.apply(annotate(make_inference_service(subject.namespace), foo="bar"))
    subject.until(lambda: pods(subject) and not before & {pod["metadata"]["uid"] for pod in pods(subject)})


def test_scaling_does_not_touch_the_pods(subject: Subject) -> None:
    """minReplicas goes to the autoscaler, which brings the Deployment to it."""
    roll_out(subject, make_inference_service(subject.namespace))
    (before,) = pods(subject)
    body = make_inference_service(subject.namespace)
    body["spec"]["predictor"] |= {"minReplicas": 2, "maxReplicas": 3, "scaleTarget": 60}
    subject.port.apply(body)
    scaler = subject.wait(AUTOSCALER, lambda it: it["spec"]["minReplicas"] == 2, CHILD)
    assert scaler["spec"]["maxReplicas"] == 3
    subject.wait(DEPLOYMENT, lambda it: it["spec"]["replicas"] == 2 and is_rolled_out(it), CHILD, seconds=60)
    assert before["metadata"]["uid"] in {pod["metadata"]["uid"] for pod in pods(subject)}


def test_a_strategy_reaches_the_deployment(subject: Subject) -> None:
    """And with it what a rollout may cost."""
    body = make_inference_service(subject.namespace)
    rolling = {"maxSurge": 0, "maxUnavailable": 1}
    body["spec"]["predictor"]["deploymentStrategy"] = {"type": "RollingUpdate", "rollingUpdate": rolling}
    assert roll_out(subject, body)["spec"]["strategy"]["rollingUpdate"] == rolling


def test_a_ready_service_says_so(subject: Subject) -> None:
    """With the states of its model."""
    roll_out(subject, make_inference_service(subject.namespace))
    ready = subject.wait(INFERENCE_SERVICE, lambda it: condition(it, "Ready") == "True")
    assert condition(ready, "PredictorReady") == "True"
    assert condition(ready, "Stopped") == "False"
    settled = subject.wait(INFERENCE_SERVICE, is_up_to_date)
    assert settled["status"]["modelStatus"]["states"] == {"activeModelState": "Loaded", "targetModelState": "Loaded"}
    assert settled["status"]["deploymentMode"] == "Standard"


def test_a_service_is_not_ready_although_its_old_pods_serve(subject: Subject) -> None:
    """While new pods fail; and its model stays loaded. The lies that no rollout may be judged by."""
    roll_out(subject, make_inference_service(subject.namespace, revision=1))
    subject.wait(INFERENCE_SERVICE, lambda it: condition(it, "Ready") == "True" and is_up_to_date(it))
    subject.port.apply(make_inference_service(subject.namespace, revision=2, fate="image-pull"))
    lying = subject.wait(
        INFERENCE_SERVICE,
        lambda it: (
            condition(it, "Ready") == "False" and it["status"]["modelStatus"]["states"]["targetModelState"] == "Pending"
        ),
    )
    assert condition(lying, "PredictorReady") == "Unknown"
    assert subject.read(DEPLOYMENT, CHILD)["status"]["availableReplicas"] == 1
    model = lying["status"]["modelStatus"]
    assert model["states"] == {"activeModelState": "Loaded", "targetModelState": "Pending"}
    assert model["transitionStatus"] == "InProgress"


def test_a_service_that_never_came_up_says_no_more_than_that(subject: Subject) -> None:
    """Neither a crash nor its reason appear in its conditions; whether its model is `BlockedByFailedLoad` is chance."""
    subject.port.apply(make_inference_service(subject.namespace, fate="crash-loop", after="100ms"))
    subject.until(lambda: any(restarts(pod) for pod in pods(subject)))
    failing = subject.wait(INFERENCE_SERVICE, lambda it: reason(it, "PredictorReady") == "MinimumReplicasUnavailable")
    assert condition(failing, "PredictorReady") == "False"
    assert "CrashLoopBackOff" not in str(failing["status"]["conditions"])


def test_its_observed_generation_is_the_deployments(subject: Subject) -> None:
    """Never to be compared with its own."""
    for number in (1, 2, 3):
        roll_out(subject, make_inference_service(subject.namespace, revision=number))

    def read_lie() -> Body | None:
        service, child = subject.read(INFERENCE_SERVICE), subject.read(DEPLOYMENT, CHILD)
        seen, own = (body["status"]["observedGeneration"] for body in (service, child))
        return service if seen == own >= 3 else None

    assert subject.until(read_lie)["metadata"]["generation"] == 1


def test_edits_of_its_deployment_are_undone(subject: Subject) -> None:
    """As `kubectl rollout restart` finds out."""
    roll_out(subject, make_inference_service(subject.namespace))
    path = "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt"
    subject.port.patch(
        subject.ref(DEPLOYMENT, CHILD), [{"op": "add", "path": path, "value": "now"}], manager="kubectl-rollout"
    )
    subject.wait(
        DEPLOYMENT,
        lambda it: "kubectl.kubernetes.io/restartedAt" not in it["spec"]["template"]["metadata"]["annotations"],
        CHILD,
    )


def test_a_stopped_service_has_no_deployment(subject: Subject) -> None:
    """And comes back when it is started again."""
    roll_out(subject, make_inference_service(subject.namespace))
    stopped = annotate(make_inference_service(subject.namespace), serving_kserve_io__stop="true")
    subject.port.apply(stopped)
    subject.wait_gone(DEPLOYMENT, CHILD)
    subject.wait(INFERENCE_SERVICE, lambda it: condition(it, "Stopped") == "True")
    subject.until(lambda: not pods(subject))
    roll_out(subject, make_inference_service(subject.namespace))


def test_what_it_made_goes_with_it(subject: Subject) -> None:
    """By the garbage collector."""
    roll_out(subject, make_inference_service(subject.namespace))
    service = subject.read(INFERENCE_SERVICE)
    subject.port.delete(subject.ref(INFERENCE_SERVICE), uid=service["metadata"]["uid"])
    for kind in (DEPLOYMENT, SERVICE, AUTOSCALER):
        subject.wait_gone(kind, CHILD)
    subject.until(lambda: not pods(subject))


def test_no_autoscaler_where_none_is_wanted(subject: Subject) -> None:
    """Then the number of replicas is the service's own."""
    body = annotate(make_inference_service(subject.namespace), serving_kserve_io__autoscalerClass="none")
    body["spec"]["predictor"] |= {"minReplicas": 2}
    child = roll_out(subject, body)
    assert child["spec"]["replicas"] == 2
    assert subject.port.read(subject.ref(AUTOSCALER, CHILD)) is None
