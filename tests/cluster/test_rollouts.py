"""A new revision replaces the pods of the old one, by a Deployment and through KServe."""

from __future__ import annotations

import pytest

from tests.testbed.fixtures.cluster import Cluster
from tests.testbed.kube.api import ApiError
from tests.testbed.workloads import (
    REVISION,
    is_rolled_out,
    list_pods,
    make_deployment,
    make_inference_service,
    make_volume,
)

pytestmark = pytest.mark.cluster


def revisions(pods: list[dict[str, object]]) -> set[str]:
    """Of which revisions the pods are."""
    return {pod["metadata"]["annotations"][REVISION] for pod in pods}  # type: ignore[index]


def test_a_deployment_rolls_from_one_revision_to_the_next(testbed: Cluster, namespace: str) -> None:
    """All pods are replaced; afterwards only those of revision 2 are there, and they are ready."""
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/chat"
    testbed.api.apply(make_deployment(namespace, revision=1))
    testbed.api.wait(path, is_rolled_out)
    before = list_pods(testbed.api, namespace)
    testbed.api.apply(make_deployment(namespace, revision=2))
    done = testbed.api.wait(path, is_rolled_out)
    after = list_pods(testbed.api, namespace)
    assert revisions(before) == {"1"}
    assert revisions(after) == {"2"}
    assert not {pod["metadata"]["uid"] for pod in before} & {pod["metadata"]["uid"] for pod in after}
    assert {one["type"]: one["status"] for one in done["status"]["conditions"]} == {
        "Available": "True",
        "Progressing": "True",
    }


def test_a_pod_mounts_a_claim_once_there_is_a_volume(testbed: Cluster, namespace: str) -> None:
    """The scheduler holds it back until the claim is bound."""
    deployment = make_deployment(namespace, replicas=1)
    pod = deployment["spec"]["template"]["spec"]
    pod["volumes"] = [{"name": "model", "persistentVolumeClaim": {"claimName": "model-store"}}]
    testbed.api.apply(deployment)
    path = testbed.api.path_of(deployment)
    testbed.api.wait(path, lambda it: it["status"].get("unavailableReplicas") == 1)
    for each in make_volume(namespace):
        testbed.api.apply(each)
    testbed.api.wait(path, is_rolled_out)


def test_a_change_of_replicas_keeps_the_pods(testbed: Cluster, namespace: str) -> None:
    """What does not touch the template replaces nothing."""
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/chat"
    testbed.api.apply(make_deployment(namespace, replicas=1))
    testbed.api.wait(path, is_rolled_out)
    (before,) = list_pods(testbed.api, namespace)
    testbed.api.apply(make_deployment(namespace, replicas=2))
    testbed.api.wait(path, is_rolled_out)
    assert before["metadata"]["uid"] in {pod["metadata"]["uid"] for pod in list_pods(testbed.api, namespace)}


def test_an_inference_service_rolls_through_kserve(testbed: Cluster, namespace: str) -> None:
    """Webhooks fill it in, the controller makes a Deployment, and its pods carry the revision."""
    service = f"/apis/serving.kserve.io/v1beta1/namespaces/{namespace}/inferenceservices/chat"
    deployment = f"/apis/apps/v1/namespaces/{namespace}/deployments/chat-predictor"
    pods = {"labelSelector": "app=isvc.chat-predictor"}
    for revision in ("1", "2"):
        testbed.api.apply(make_inference_service(namespace, revision=int(revision)))
        testbed.api.wait(
            deployment,
            lambda it, now=revision: (
                is_rolled_out(it) and it["spec"]["template"]["metadata"]["annotations"][REVISION] == now
            ),
        )
        live = [
            pod
            for pod in testbed.api.items(f"/api/v1/namespaces/{namespace}/pods", **pods)
            if "deletionTimestamp" not in pod["metadata"]
        ]
        assert revisions(live) == {revision}
    ready = testbed.api.wait(service, lambda it: {"Ready"} <= true_conditions(it))
    assert "resources" in ready["spec"]["predictor"]["containers"][0], "the defaulting webhook was not asked"


def true_conditions(thing: dict[str, object]) -> set[str]:
    """The types of an object's conditions that hold."""
    conditions = thing.get("status", {}).get("conditions") or ()  # type: ignore[attr-defined]
    return {one["type"] for one in conditions if one["status"] == "True"}


def test_kserve_refuses_what_its_webhook_does_not_accept(testbed: Cluster, namespace: str) -> None:
    """The validating webhook answers, not only the schema."""
    service = make_inference_service(namespace)
    service["spec"]["predictor"] |= {"minReplicas": 3, "maxReplicas": 2}
    with pytest.raises(ApiError) as refused:
        testbed.api.apply(service)
    assert refused.value.code in (400, 403, 422)
    assert "admission webhook" in refused.value.message


def test_what_kserve_made_goes_with_its_service(testbed: Cluster, namespace: str) -> None:
    """The garbage collector runs."""
    service = f"/apis/serving.kserve.io/v1beta1/namespaces/{namespace}/inferenceservices/chat"
    deployment = f"/apis/apps/v1/namespaces/{namespace}/deployments/chat-predictor"
    testbed.api.apply(make_inference_service(namespace))
    testbed.api.wait(deployment, is_rolled_out)
    testbed.api.delete(service)
    testbed.api.wait_gone(deployment)
