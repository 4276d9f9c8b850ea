"""KServe's status says what it likes: what a rollout is said to be goes by its Deployment and its pods."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from generator.cluster.kinds import INFERENCE_SERVICE
from generator.cluster.open import open_cluster
from generator.render.pods import REVISION
from generator.rollout.status import Phase, PhaseBudgets, Reason, RolloutStatus, Verdict
from tests.cluster.assessment import LONG, SHORT, Follower
from tests.cluster_port.subject import Watcher
from tests.testbed.fixtures.cluster import Cluster
from tests.testbed.kube.api import Api, Object
from tests.testbed.workloads import make_inference_service

pytestmark = pytest.mark.cluster

SERVICE = "/apis/serving.kserve.io/v1beta1/namespaces/{}/inferenceservices/chat"


def says(verdict: Verdict) -> Callable[[RolloutStatus], bool]:
    """Whether this is the verdict."""
    return lambda status: status.verdict is verdict


def roll(api: Api, namespace: str, revision: int, budgets: PhaseBudgets = LONG, **changes: Any) -> Follower:
    """Apply a revision and follow it."""
    manifest = make_inference_service(namespace, revision=revision, **changes)
    api.apply(manifest)
    return Follower(api, manifest, revision, budgets)


def conditions(service: Object | None) -> dict[str, str]:
    """The status of each condition."""
    found = ((service or {}).get("status") or {}).get("conditions") or ()
    return {item["type"]: item["status"] for item in found}


def transition(service: Object | None) -> str:
    """What KServe says of the model."""
    model = ((service or {}).get("status") or {}).get("modelStatus") or {}
    return str(model.get("transitionStatus", ""))


def test_ready_in_the_middle_of_a_roll_is_not_believed(testbed: Cluster, namespace: str) -> None:
    """Ready=True and UpToDate, while an old pod serves and the new one loads."""
    roll(testbed.api, namespace, 1).until(says(Verdict.HEALTHY))
    testbed.api.wait(SERVICE.format(namespace), lambda it: conditions(it).get("Ready") == "True")
    port = open_cluster("testbed", kubeconfig=str(testbed.kubeconfig))
    with closing(port), Watcher(port, INFERENCE_SERVICE, namespace) as watcher:
        follower = roll(testbed.api, namespace, 2, fate="slow-load", after="3s")
        while not (status := follower.look()).verdict.is_final:
            service = testbed.api.get(SERVICE.format(namespace))
            if conditions(service).get("Ready") == "True" and status.progress.old_serving:
                assert not status.newest_live
        told = [body for body in watcher.bodies() if body["metadata"]["annotations"].get(REVISION) == "2"]
    lies = sum(conditions(body).get("Ready") == "True" for body in told[:-1])
    assert lies > 0
    assert status.verdict is Verdict.HEALTHY
    assert status.progress.ready == 1


def test_a_failed_update_that_kserve_calls_ready_has_failed(testbed: Cluster, namespace: str) -> None:
    """An image that cannot be pulled never shows in its status."""
    roll(testbed.api, namespace, 1).until(says(Verdict.HEALTHY))
    follower = roll(testbed.api, namespace, 2, SHORT, fate="image-pull")
    failed = follower.until(says(Verdict.FAILED), seconds=90)
    assert failed.failure is not None
    assert failed.failure.reason is Reason.IMAGE_PULL
    assert failed.serving
    service = testbed.api.get(SERVICE.format(namespace))
    assert "ImagePull" not in json.dumps(service["status"])
    assert "ErrImage" not in json.dumps(service["status"])


def test_its_observed_generation_says_nothing(testbed: Cluster, namespace: str) -> None:
    """It is not the object's own: several changes of annotations leave the object's where it was."""
    for revision in (1, 2, 3):
        roll(testbed.api, namespace, revision).until(says(Verdict.HEALTHY))
    service = testbed.api.wait(
        SERVICE.format(namespace),
        lambda it: it["status"].get("observedGeneration") != it["metadata"]["generation"],
    )
    assert service["status"]["observedGeneration"] != service["metadata"]["generation"]


def test_a_failure_that_it_goes_on_telling_is_over(testbed: Cluster, namespace: str) -> None:
    """A crash or two, then the pod is ready."""
    follower = roll(testbed.api, namespace, 1, fate="crash-loop", after="500ms", times=2)
    follower.until(says(Verdict.FAILING))
    healthy = follower.until(says(Verdict.HEALTHY))
    assert healthy.failure is None
    again = roll(testbed.api, namespace, 1, fate="crash-loop", after="500ms", times=2)
    assert again.until(says(Verdict.HEALTHY)).failure is None


def test_an_object_that_it_does_not_take_is_named_with_its_words(testbed: Cluster, namespace: str) -> None:
    """No runtime supports the model's format: nothing is ever made."""
    manifest = make_inference_service(namespace, revision=1)
    predictor = manifest["spec"]["predictor"]
    del predictor["containers"]
    predictor["model"] = {"modelFormat": {"name": "unheard-of"}, "storageUri": "s3://models/x"}
    testbed.api.apply(manifest)
    failing = Follower(testbed.api, manifest, 1).until(lambda status: status.failure is not None)
    assert failing.failure is not None
    assert failing.failure.reason is Reason.INVALID_SPEC
    assert "unheard-of" in failing.failure.evidence or "untime" in failing.failure.evidence
    assert failing.verdict is Verdict.FAILING
    Follower(testbed.api, manifest, 1, SHORT).until(says(Verdict.FAILED))


def test_a_stop_settles_at_no_pods_and_a_start_at_ready_ones(testbed: Cluster, namespace: str) -> None:
    """The pod revision moves with neither."""
    roll(testbed.api, namespace, 1).until(says(Verdict.HEALTHY))
    manifest = make_inference_service(namespace, revision=1)
    manifest["metadata"]["annotations"]["serving.kserve.io/stop"] = "true"
    stop = Follower(testbed.api, manifest, 1)
    assert stop.expectation.replicas == 0
    assert stop.look().phase is Phase.NOT_APPLIED
    testbed.api.apply(manifest)
    stopped = stop.until(says(Verdict.HEALTHY))
    assert (stopped.phase, stopped.serving) == (Phase.STOPPED, False)
    manifest["metadata"]["annotations"]["serving.kserve.io/stop"] = "false"
    start = Follower(testbed.api, manifest, 1)
    assert start.look().phase is Phase.NOT_APPLIED
    testbed.api.apply(manifest)
    assert start.until(says(Verdict.HEALTHY)).progress.ready == 1


def test_more_pods_by_git_are_waited_for_and_replace_none(testbed: Cluster, namespace: str) -> None:
    """minReplicas goes to the HPA, which takes its time."""
    roll(testbed.api, namespace, 1).until(says(Verdict.HEALTHY))
    manifest = make_inference_service(namespace, revision=1)
    manifest["spec"]["predictor"]["minReplicas"] = 2
    testbed.api.apply(manifest)
    follower = Follower(testbed.api, manifest, 1)
    more = follower.look()
    assert more.verdict is Verdict.PROGRESSING
    assert more.progress.wanted == 2
    healthy = follower.until(says(Verdict.HEALTHY), seconds=60)
    assert healthy.progress.ready == 2
    assert not any(status.progress.old_serving for status in follower.seen)


@pytest.mark.parametrize(
    ("version", "mode"),
    [
        pytest.param("0.15", "RawDeployment", marks=pytest.mark.soak),
        ("0.16", "Standard"),
        pytest.param("0.20", "Standard", marks=pytest.mark.soak),
    ],
)
def test_other_versions_are_told_the_truth_about_too(
    cluster_with: Callable[[str], Cluster], version: str, mode: str
) -> None:
    """A roll, and one that fails while the old pods serve."""
    cluster = cluster_with(version)
    namespace = f"assess-{version.replace('.', '-')}"
    cluster.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    cluster.api.wait(f"/api/v1/namespaces/{namespace}/serviceaccounts/default", lambda _: True)
    roll(cluster.api, namespace, 1, mode=mode).until(says(Verdict.HEALTHY))
    roll(cluster.api, namespace, 2, mode=mode, fate="slow-load", after="1s").until(says(Verdict.HEALTHY))
    bad = roll(cluster.api, namespace, 3, SHORT, mode=mode, fate="oom", after="300ms").until(says(Verdict.FAILED))
    assert bad.failure is not None
    assert bad.failure.reason is Reason.OUT_OF_MEMORY
    assert bad.serving
    assert bad.progress.old_revision == 2
