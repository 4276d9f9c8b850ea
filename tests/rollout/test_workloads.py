"""Which objects are the new revision's: owner chains, revisions, other workloads, KServe in both modes."""

from __future__ import annotations

from typing import Any

import pytest

from generator.rollout.assess import assess
from generator.rollout.status import LiveObjects, Phase, Verdict
from generator.rollout.trim import trim_pod
from tests.rollout.factory import (
    NOW,
    Body,
    condition,
    deployment,
    expectation,
    live,
    metadata,
    pod,
    replica_set,
    service,
)

NEW = [pod("chat-r2-a", ready=True), pod("chat-r2-b", ready=True)]
KSERVE = expectation(kind="InferenceService")
CHILD = deployment(name="chat-predictor")
CHILD_SET = replica_set(owner="chat-predictor")
CHILD_PODS = tuple(pod(f"p-{number}", ready=True, owner="chat-predictor-r2") for number in range(2))


def test_only_the_newest_replica_set_of_the_pod_revision_counts() -> None:
    """A restart by hand makes a second one that carries the same revision."""
    restarted = replica_set(2, name="chat-again", ordinal=9)
    old = [pod("chat-r2-a", ready=True), pod("chat-r2-b", ready=True)]
    new = pod("chat-again-a", owner="chat-again")
    sets = [replica_set(2), restarted]
    status, _ = assess(expectation(), live(deployment(counts=(3, 1, 2)), [*old, new], replica_sets=sets), NOW)
    assert (status.progress.old_serving, status.progress.ready) == (2, 0)
    assert not status.newest_live


def test_a_replica_set_of_another_deployment_is_not_ours() -> None:
    """Also where its template carries the revision."""
    foreign = replica_set(2, name="other-r2", owner="other")
    pods = [pod("other-a", ready=True, owner="other-r2")]
    status, _ = assess(expectation(), live(deployment(), [*NEW, *pods], replica_sets=[replica_set(2), foreign]), NOW)
    assert status.verdict is Verdict.PROGRESSING
    assert status.progress.old_serving == 1


def test_pods_whose_replica_set_is_not_seen_yet_go_by_their_annotation() -> None:
    """Watches of two kinds are not in step."""
    status, _ = assess(expectation(), live(deployment(), NEW, replica_sets=[]), NOW)
    assert status.verdict is Verdict.HEALTHY


def test_pods_without_a_revision_are_old_ones() -> None:
    """The platform's own, before adoption."""
    legacy = pod("legacy", None, ready=True, owner=None)
    status, _ = assess(expectation(), live(deployment(), [*NEW, legacy]), NOW)
    assert (status.phase, status.progress.old_serving, status.progress.old_revision) == (Phase.DRAINING, 1, None)


@pytest.mark.parametrize(
    ("own", "workload_revision", "applied"),
    [(2, None, True), (5, None, True), (None, None, True), (4, 4, True), (3, 4, False), (None, 4, False)],
)
def test_the_objects_own_revision_counts_where_it_is_known(
    own: int | None, workload_revision: int | None, applied: bool
) -> None:
    """A change of the number of replicas moves it, and not that of the pods."""
    body = deployment()
    body["metadata"]["annotations"] = {"revstamp.io/revision": str(own)} if own else {}
    spec = expectation(revision=5, workload_revision=workload_revision)
    assert (assess(spec, live(body, NEW), NOW)[0].verdict is Verdict.HEALTHY) is applied


def test_an_autoscaler_may_have_made_more_pods_but_not_fewer() -> None:
    """At least as many as git says."""
    three = [pod(f"chat-r2-{number}", ready=True) for number in range(3)]
    status, _ = assess(expectation(), live(deployment(replicas=3), three), NOW)
    assert (status.verdict, status.progress.wanted) == (Verdict.HEALTHY, 3)
    fewer, _ = assess(expectation(), live(deployment(replicas=1), three[:1]), NOW)
    assert (fewer.verdict, fewer.phase) == (Verdict.PROGRESSING, Phase.STARTING)
    assert fewer.note == "the Deployment asks for 1 of 2 pods"


def test_a_paused_deployment_says_so() -> None:
    """Nobody will make its pods."""
    status, _ = assess(expectation(), live(deployment(counts=(2, 0, 2), paused=True)), NOW)
    assert "paused" in status.note


def test_the_progress_deadline_of_kubernetes_is_no_failure() -> None:
    """KServe fixes it at 600 s; a large model takes longer."""
    late = condition("Progressing", "False", 10, "ProgressDeadlineExceeded", "timed out progressing")
    child = deployment(name="chat-predictor", counts=(3, 1, 2), conditions=[late])
    ready = condition("Ready", "False", 10, "ProgressDeadlineExceeded")
    shown = LiveObjects(service(status={"conditions": [ready]}), child, (CHILD_SET,), (pod(owner="chat-predictor-r2"),))
    status, _ = assess(KSERVE, shown, NOW)
    assert (status.verdict, status.phase) == (Verdict.PROGRESSING, Phase.LOADING)
    assert "progress deadline" in status.note


def test_an_inference_service_that_calls_itself_ready_is_not_healthy_before_its_pods_are() -> None:
    """In the middle of a roll KServe says Ready and UpToDate, while old pods serve."""
    said = {"conditions": [condition("Ready", "True")], "modelStatus": {"transitionStatus": "UpToDate"}}
    old = pod("old", 1, ready=True, owner="chat-predictor-r1")
    child = deployment(name="chat-predictor", counts=(2, 1, 1))
    sets = (replica_set(1, owner="chat-predictor"), CHILD_SET)
    rolling = LiveObjects(service(status=said), child, sets, (old, pod("new", owner="chat-predictor-r2")))
    assert assess(KSERVE, rolling, NOW)[0].verdict is Verdict.PROGRESSING
    before = LiveObjects(service(status=said), deployment(1, name="chat-predictor"), sets, (old,))
    status, _ = assess(KSERVE, before, NOW)
    assert (status.phase, status.verdict) == (Phase.STARTING, Verdict.PROGRESSING)
    done = LiveObjects(service(status=said), CHILD, (CHILD_SET,), CHILD_PODS)
    assert assess(KSERVE, done, NOW)[0].verdict is Verdict.HEALTHY


def test_its_observed_generation_is_the_childs_and_is_not_compared() -> None:
    """It may be lower or higher than the object's own."""
    body = service(status={"observedGeneration": 1})
    body["metadata"]["generation"] = 9
    assert assess(KSERVE, LiveObjects(body, CHILD, (CHILD_SET,), CHILD_PODS), NOW)[0].verdict is Verdict.HEALTHY


def test_a_failure_that_kserve_remembers_after_a_success_is_none() -> None:
    """`lastFailureInfo` is never cleared."""
    said = {"modelStatus": {"transitionStatus": "BlockedByFailedLoad", "lastFailureInfo": {"message": "OOM"}}}
    status, _ = assess(KSERVE, LiveObjects(service(status=said), CHILD, (CHILD_SET,), CHILD_PODS), NOW)
    assert (status.verdict, status.failure) == (Verdict.HEALTHY, None)


def test_a_stop_and_a_start_of_an_inference_service_are_seen_though_no_revision_moves() -> None:
    """The annotation is looked at."""
    stopped = service(annotations={"serving.kserve.io/stop": "true"})
    none = expectation(kind="InferenceService", replicas=0)
    assert assess(none, LiveObjects(service(), CHILD, (CHILD_SET,), CHILD_PODS), NOW)[0].phase is Phase.NOT_APPLIED
    assert assess(none, LiveObjects(stopped, CHILD, (CHILD_SET,), CHILD_PODS), NOW)[0].phase is Phase.STOPPING
    assert assess(none, LiveObjects(stopped, None), NOW)[0].verdict is Verdict.HEALTHY
    assert assess(KSERVE, LiveObjects(stopped, None), NOW)[0].phase is Phase.NOT_APPLIED


def test_pods_of_a_transformer_are_not_the_models() -> None:
    """They carry the same annotations."""
    other = pod("transformer", 1, ready=True, owner=None)
    other["metadata"]["labels"] = {"component": "transformer"}
    shown = LiveObjects(service(), CHILD, (CHILD_SET,), (*CHILD_PODS, other))
    assert assess(KSERVE, shown, NOW)[0].verdict is Verdict.HEALTHY


def test_no_pods_are_healthy_where_an_autoscaler_takes_them_away() -> None:
    """KEDA, with nothing to do."""
    spec = expectation(kind="InferenceService", replicas=0, scales_to_zero=True)
    idle = deployment(name="chat-predictor", replicas=0)
    status, _ = assess(spec, LiveObjects(service(), idle, (CHILD_SET,), ()), NOW)
    assert (status.verdict, status.phase, status.serving) == (Verdict.HEALTHY, Phase.LIVE, False)


def knative(revision: int = 2, ready: str = "chat-00002", percent: int = 100, **more: Any) -> LiveObjects:
    """An InferenceService of two Knative Revisions; the newest carries `revision`."""
    traffic = [{"revisionName": "chat-00002", "latestRevision": True, "percent": percent}]
    predictor = {"latestCreatedRevision": "chat-00002", "latestReadyRevision": ready, "traffic": traffic}
    body = service(mode="Knative", status={"components": {"predictor": predictor}}, predictor=more.get("predictor", {}))
    revisions = (_revision("chat-00001", 1), _revision("chat-00002", revision))
    return LiveObjects(
        body, None, (replica_set(2, owner="chat-00002-deployment"),), more.get("pods", ()), (), revisions
    )


def _revision(name: str, revision: int) -> Body:
    return {"kind": "Revision", "metadata": metadata(name, revision)}


KNATIVE_PODS = tuple(pod(f"k-{number}", ready=True, owner="chat-00002-deployment-r2") for number in range(2))
OLD_POD = pod("k-old", 1, ready=True, owner="chat-00001-deployment-r1")


def test_knative_is_healthy_when_the_newest_revision_is_ready_and_has_the_traffic() -> None:
    """Created and ready are the same, it carries our annotation, traffic matches, no old pod serves."""
    assert assess(KSERVE, knative(pods=KNATIVE_PODS), NOW)[0].verdict is Verdict.HEALTHY
    for behind in (
        knative(ready="chat-00001", pods=KNATIVE_PODS),
        knative(revision=1, pods=KNATIVE_PODS),
        knative(percent=50, pods=KNATIVE_PODS),
        knative(pods=(*KNATIVE_PODS, OLD_POD)),
        knative(pods=KNATIVE_PODS[:1]),
    ):
        assert assess(KSERVE, behind, NOW)[0].verdict is Verdict.PROGRESSING


def test_a_knative_canary_is_healthy_with_its_share_and_is_not_the_only_one() -> None:
    """What was committed is there; the old revision serves the rest."""
    share = {"predictor": {"canaryTrafficPercent": 10}, "pods": (*KNATIVE_PODS, OLD_POD)}
    status, _ = assess(KSERVE, knative(percent=10, **share), NOW)
    assert (status.verdict, status.newest_live, status.note) == (Verdict.HEALTHY, False, "canary: 10 % of the requests")
    assert assess(KSERVE, knative(percent=0, **share), NOW)[0].verdict is Verdict.PROGRESSING


def test_a_trimmed_pod_is_a_fraction_of_the_whole() -> None:
    """Environment variables, volumes and labels are most of it."""
    body = pod(ready=True)
    body["spec"]["containers"][0]["env"] = [{"name": f"V{number}", "value": "x" * 50} for number in range(100)]
    body["spec"]["volumes"] = [{"name": "model", "emptyDir": {}}]
    trimmed = trim_pod(body)
    assert "env" not in trimmed["spec"]["containers"][0]
    assert "volumes" not in trimmed["spec"]
    assert len(str(trimmed)) < 1500
