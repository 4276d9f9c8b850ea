"""What a rollout is said to be, on the real controllers: each fate by its name, in time, and settled when it is due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from generator.rollout.status import Phase, Reason, RolloutStatus, Verdict
from tests.cluster.assessment import FAILURES, LONG, SHORT, Follower
from tests.testbed.fixtures.cluster import Cluster
from tests.testbed.kube.api import Object
from tests.testbed.workloads import is_rolled_out, list_pods, make_deployment, make_inference_service

pytestmark = pytest.mark.cluster

DEPLOYMENT = "/apis/apps/v1/namespaces/{}/deployments/chat"
MAKERS: dict[str, Callable[..., Object]] = {"Deployment": make_deployment, "InferenceService": make_inference_service}


def names(reason: Reason) -> Callable[[RolloutStatus], bool]:
    """Whether the failure has this reason."""
    return lambda status: status.failure is not None and status.failure.reason is reason


def says(verdict: Verdict) -> Callable[[RolloutStatus], bool]:
    """Whether this is the verdict."""
    return lambda status: status.verdict is verdict


def serve_first(cluster: Cluster, namespace: str, kind: str = "Deployment", **changes: Any) -> Follower:
    """Revision 1, healthy."""
    manifest = MAKERS[kind](namespace, revision=1, **changes)
    cluster.api.apply(manifest)
    follower = Follower(cluster.api, manifest, 1)
    follower.until(says(Verdict.HEALTHY))
    return follower


def with_init(manifest: Object) -> Object:
    """With the init container that some fates need, where the maker has not made one."""
    predictor = manifest["spec"].get("predictor")
    if predictor is not None:
        predictor["initContainers"] = [{"name": "storage-initializer", "image": "kserve/storage-initializer:1"}]
    return manifest


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("fate", FAILURES)
def test_a_failure_is_named_within_seconds_while_the_old_pods_serve(
    testbed: Cluster, namespace: str, fate: str, kind: str
) -> None:
    """Shown as failing with its reason; not a verdict before its attempts and time are spent."""
    serve_first(testbed, namespace, kind)
    manifest = MAKERS[kind](namespace, revision=2, fate=fate, after="500ms")
    if fate == "init-crash":
        manifest = with_init(manifest)
    testbed.api.apply(manifest)
    follower = Follower(testbed.api, manifest, 2)
    status = follower.until(names(FAILURES[fate]))
    assert follower.first_sign is not None
    assert (follower.moments[-1] - follower.first_sign).total_seconds() < 5
    assert status.verdict is Verdict.FAILING
    assert status.serving
    assert not status.newest_live
    assert status.progress.old_revision == 1
    assert status.failure is not None
    assert status.failure.evidence
    assert status.failure.hint
    assert status.failure.cause.startswith("pod chat")


@pytest.mark.parametrize("fate", FAILURES)
def test_a_failure_becomes_a_verdict_when_its_budget_is_spent_and_not_before(
    testbed: Cluster, namespace: str, fate: str
) -> None:
    """The verdict stays, though the old pods go on serving."""
    serve_first(testbed, namespace)
    manifest = make_deployment(namespace, revision=2, fate=fate, after="200ms")
    testbed.api.apply(manifest)
    only_failing = replace(SHORT, download_seconds=LONG.download_seconds, load_seconds=LONG.load_seconds)
    follower = Follower(testbed.api, manifest, 2, only_failing)
    failed = follower.until(says(Verdict.FAILED), seconds=90)
    assert failed.failure is not None
    assert failed.failure.reason is FAILURES[fate]
    assert (follower.moments[-1] - failed.failure.since).total_seconds() >= SHORT.failing_seconds
    named = {status.verdict for status in follower.seen[:-1] if names(FAILURES[fate])(status)}
    assert named <= {Verdict.FAILING}
    assert failed.serving
    assert says(Verdict.FAILED)(follower.look())


@pytest.mark.parametrize("fate", FAILURES)
def test_an_empty_memory_finds_the_same_failure(testbed: Cluster, namespace: str, fate: str) -> None:
    """A restart of revstamp loses nothing that Kubernetes knows."""
    manifest = make_deployment(namespace, revision=2, fate=fate, after="200ms")
    testbed.api.apply(manifest)
    follower = Follower(testbed.api, manifest, 2)
    before = follower.until(names(FAILURES[fate]))
    follower.forget()
    after = follower.until(names(FAILURES[fate]))
    assert before.failure is not None
    assert after.failure is not None
    assert (after.failure.since - before.failure.since).total_seconds() < 5


@pytest.mark.parametrize("kind", MAKERS)
def test_a_slow_load_is_no_failure_within_its_budget(testbed: Cluster, namespace: str, kind: str) -> None:
    """Loading, with a deadline; then live, and the old pods are gone."""
    serve_first(testbed, namespace, kind)
    manifest = MAKERS[kind](namespace, revision=2, fate="slow-load", after="2s")
    testbed.api.apply(manifest)
    follower = Follower(testbed.api, manifest, 2)
    loading = follower.until(lambda status: status.phase is Phase.LOADING)
    assert loading.deadline is not None
    assert (loading.deadline - loading.since).total_seconds() == LONG.load_seconds
    healthy = follower.until(says(Verdict.HEALTHY))
    assert {status.verdict for status in follower.seen} == {Verdict.PROGRESSING, Verdict.HEALTHY}
    assert healthy.newest_live
    assert healthy.progress.old_serving == 0


def test_a_load_that_takes_longer_than_its_budget_has_failed(testbed: Cluster, namespace: str) -> None:
    """And not before."""
    serve_first(testbed, namespace)
    manifest = make_deployment(namespace, revision=2, fate="never-ready")
    testbed.api.apply(manifest)
    follower = Follower(testbed.api, manifest, 2, SHORT)
    loading = follower.until(lambda status: status.phase is Phase.LOADING)
    failed = follower.until(says(Verdict.FAILED))
    assert failed.failure is not None
    assert failed.failure.reason is Reason.LOAD_TIMEOUT
    assert loading.deadline is not None
    assert all(s.verdict is Verdict.PROGRESSING for s in follower.seen[:-1])
    assert failed.serving


def test_a_download_is_a_phase_of_its_own(testbed: Cluster, namespace: str) -> None:
    """And it fails by its own budget."""
    manifest = make_deployment(namespace, revision=2, fate="slow-init", after="1500ms")
    testbed.api.apply(manifest)
    follower = Follower(testbed.api, manifest, 2)
    follower.until(lambda status: status.phase is Phase.DOWNLOADING)
    follower.until(says(Verdict.HEALTHY))
    late = make_deployment(namespace, revision=3, fate="slow-init", after="60s")
    testbed.api.apply(late)
    slow = Follower(testbed.api, late, 3, SHORT)
    failed = slow.until(says(Verdict.FAILED))
    assert failed.failure is not None
    assert failed.failure.reason is Reason.DOWNLOAD_TIMEOUT


@pytest.mark.parametrize("fate", ["crash-loop", "oom"])
def test_a_hiccup_that_goes_away_is_forgotten(testbed: Cluster, namespace: str, fate: str) -> None:
    """Failing first, healthy in the end."""
    manifest = make_deployment(namespace, revision=1, fate=fate, after="300ms", times=1)
    testbed.api.apply(manifest)
    follower = Follower(testbed.api, manifest, 1)
    follower.until(says(Verdict.FAILING))
    healthy = follower.until(says(Verdict.HEALTHY))
    assert healthy.failure is None


def test_a_pod_that_fails_after_it_was_ready_counts(testbed: Cluster, namespace: str) -> None:
    """The rest of the roll shows it as failing, and in the end it has failed."""
    serve_first(testbed, namespace, replicas=3)
    manifest = make_deployment(namespace, revision=2, replicas=3, fate="fail-later", after="1s")
    manifest["spec"]["minReadySeconds"] = 20
    testbed.api.apply(manifest)
    follower = Follower(testbed.api, manifest, 2, SHORT)
    follower.until(lambda status: status.progress.ready > 0)
    failing = follower.until(names(Reason.CRASH_LOOP))
    assert failing.verdict is Verdict.FAILING
    follower.until(says(Verdict.FAILED), seconds=90)


def test_gpus_that_are_not_there_are_waited_for_within_the_capacity_budget(testbed: Cluster, namespace: str) -> None:
    """A state of its own with the scheduler's words; a failure only when its budget is spent."""
    serve_first(testbed, namespace)
    manifest = make_deployment(namespace, revision=2, gpus=9)
    testbed.api.apply(manifest)
    waiting = Follower(testbed.api, manifest, 2).until(names(Reason.UNSCHEDULABLE))
    assert waiting.phase is Phase.WAITING_FOR_CAPACITY
    assert waiting.verdict is Verdict.PROGRESSING
    assert waiting.note.startswith("needs 9 GPUs: 0/")
    assert "Insufficient nvidia.com/gpu" in waiting.note
    failed = Follower(testbed.api, manifest, 2, SHORT).until(says(Verdict.FAILED))
    assert failed.failure is not None
    assert failed.failure.reason is Reason.UNSCHEDULABLE
    assert failed.serving


def test_a_quota_is_named_though_there_is_no_pod(testbed: Cluster, namespace: str) -> None:
    """Only the ReplicaSet knows."""
    serve_first(testbed, namespace)
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": namespace}}
    testbed.api.apply({**quota, "spec": {"hard": {"requests.nvidia.com/gpu": "0"}}})
    testbed.api.wait(testbed.api.path_of(quota), lambda it: it.get("status", {}).get("hard"))
    manifest = make_deployment(namespace, revision=2, gpus=1)
    testbed.api.apply(manifest)
    waiting = Follower(testbed.api, manifest, 2).until(names(Reason.QUOTA_EXCEEDED))
    assert waiting.phase is Phase.WAITING_FOR_CAPACITY
    assert waiting.failure is not None
    assert "exceeded quota" in waiting.failure.evidence
    failed = Follower(testbed.api, manifest, 2, SHORT).until(says(Verdict.FAILED))
    assert failed.failure is not None
    assert failed.failure.reason is Reason.QUOTA_EXCEEDED


def test_pods_that_the_api_server_refuses_are_named(testbed: Cluster, namespace: str) -> None:
    """A service account that is not there: no pod, and no quota either."""
    serve_first(testbed, namespace)
    manifest = make_deployment(namespace, revision=2)
    manifest["spec"]["template"]["spec"]["serviceAccountName"] = "nobody"
    testbed.api.apply(manifest)
    failing = Follower(testbed.api, manifest, 2).until(names(Reason.PODS_REFUSED))
    assert failing.verdict is Verdict.FAILING
    assert failing.failure is not None
    assert "service account" in failing.failure.cause
    Follower(testbed.api, manifest, 2, SHORT).until(says(Verdict.FAILED))


def test_old_pods_that_end_slowly_do_not_hold_up_the_verdict(testbed: Cluster, namespace: str) -> None:
    """Terminating is as good as gone."""
    serve_first(testbed, namespace, drain="5s")
    manifest = make_deployment(namespace, revision=2)
    testbed.api.apply(manifest)
    follower = Follower(testbed.api, manifest, 2)
    healthy = follower.until(says(Verdict.HEALTHY))
    assert healthy.progress.terminating > 0
    assert healthy.newest_live


def test_never_healthy_while_a_ready_old_pod_serves(testbed: Cluster, namespace: str) -> None:
    """Over a whole roll, as the controllers make it."""
    serve_first(testbed, namespace, replicas=3)
    manifest = make_deployment(namespace, revision=2, replicas=3, fate="slow-load", after="500ms")
    testbed.api.apply(manifest)
    follower = Follower(testbed.api, manifest, 2)
    follower.until(says(Verdict.HEALTHY))
    rolling = [status for status in follower.seen if status.progress.old_serving]
    assert rolling
    assert not any(status.newest_live or status.verdict is Verdict.HEALTHY for status in rolling)
    assert all(status.serving for status in follower.seen)


@pytest.mark.parametrize("kind", MAKERS)
def test_a_newer_revision_supersedes(testbed: Cluster, namespace: str, kind: str) -> None:
    """Whoever waits for the older one is told."""
    older = MAKERS[kind](namespace, revision=2)
    testbed.api.apply(MAKERS[kind](namespace, revision=3))
    follower = Follower(testbed.api, older, 2)
    assert follower.until(lambda status: status.verdict.is_final).verdict is Verdict.SUPERSEDED


def test_what_is_not_applied_yet_is_said(testbed: Cluster, namespace: str) -> None:
    """First nothing is there, then only the older revision."""
    manifest = make_deployment(namespace, revision=2)
    follower = Follower(testbed.api, manifest, 2)
    assert follower.look().phase is Phase.NOT_APPLIED
    serve_first(testbed, namespace)
    older = follower.look()
    assert (older.phase, older.verdict, older.serving) == (Phase.NOT_APPLIED, Verdict.PROGRESSING, True)
    assert older.note == "the Deployment's pods are of r1"


def test_a_stopped_deployment_is_healthy_at_no_pods(testbed: Cluster, namespace: str) -> None:
    """Stopping while pods end."""
    serve_first(testbed, namespace, drain="2s")
    manifest = make_deployment(namespace, revision=2, replicas=0)
    testbed.api.apply(manifest)
    follower = Follower(testbed.api, manifest, 2)
    stopping = follower.until(lambda status: status.phase is Phase.STOPPING)
    assert stopping.verdict is Verdict.PROGRESSING
    stopped = follower.until(says(Verdict.HEALTHY))
    assert stopped.phase is Phase.STOPPED
    assert not stopped.serving


def test_more_pods_than_git_says_are_healthy_too(testbed: Cluster, namespace: str) -> None:
    """An autoscaler has made them."""
    manifest = make_deployment(namespace, revision=1, replicas=1)
    testbed.api.apply(manifest)
    testbed.api.patch(DEPLOYMENT.format(namespace) + "/scale", {"spec": {"replicas": 3}})
    follower = Follower(testbed.api, manifest, 1)
    healthy = follower.until(says(Verdict.HEALTHY))
    assert healthy.progress.ready == healthy.progress.wanted == 3


def test_a_verdict_stays_while_the_truth_goes_on(testbed: Cluster, namespace: str) -> None:
    """Healthy once; then a pod is taken away and another one loads."""
    manifest = make_deployment(namespace, revision=1, replicas=1, fate="slow-load", after="1s")
    testbed.api.apply(manifest)
    follower = Follower(testbed.api, manifest, 1)
    follower.until(says(Verdict.HEALTHY))
    (pod,) = list_pods(testbed.api, namespace)
    testbed.api.delete(
        testbed.api.path_of(pod) if "kind" in pod else f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}"
    )
    down = follower.until(lambda status: not status.serving)
    assert down.verdict is Verdict.HEALTHY
    assert not down.newest_live
    follower.until(lambda status: status.newest_live and status.phase is Phase.LIVE)


def test_a_restart_by_hand_is_not_healthy_before_its_pods_are(testbed: Cluster, namespace: str) -> None:
    """Both ReplicaSets carry the pod revision; only the newest one counts."""
    manifest = make_deployment(namespace, revision=1)
    testbed.api.apply(manifest)
    path = DEPLOYMENT.format(namespace)
    testbed.api.wait(path, is_rolled_out)
    stuck = {"metadata": {"annotations": {"testbed.revstamp.io/fate": "never-ready"}}}
    testbed.api.patch(path, {"spec": {"template": stuck}})
    follower = Follower(testbed.api, manifest, 1)
    status = follower.until(lambda status: status.phase is Phase.LOADING)
    assert status.verdict is Verdict.PROGRESSING
    assert not status.newest_live
    assert status.progress.old_serving == 2


def test_an_eviction_is_named(testbed: Cluster, namespace: str) -> None:
    """Another pod takes its place, and loads from the beginning."""
    manifest = make_deployment(namespace, revision=1, replicas=1, fate="never-ready", drain="3s")
    testbed.api.apply(manifest)
    follower = Follower(testbed.api, manifest, 1)
    follower.until(lambda status: status.phase is Phase.LOADING)
    (pod,) = list_pods(testbed.api, namespace)
    name = pod["metadata"]["name"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": namespace}}
    testbed.api.request("POST", f"/api/v1/namespaces/{namespace}/pods/{name}/eviction", eviction)
    evicted = follower.until(names(Reason.EVICTED))
    assert evicted.verdict is Verdict.FAILING
    assert evicted.failure is not None
    assert evicted.failure.attempts == 1


def test_the_progress_deadline_of_kubernetes_decides_nothing(testbed: Cluster, namespace: str) -> None:
    """The controller gives up after two seconds, the model needs five, and its budget allows it."""
    manifest = make_deployment(namespace, revision=1, replicas=1, fate="slow-load", after="5s")
    manifest["spec"]["progressDeadlineSeconds"] = 2
    testbed.api.apply(manifest)
    follower = Follower(testbed.api, manifest, 1)
    late = follower.until(lambda status: "progress deadline" in status.note)
    assert late.verdict is Verdict.PROGRESSING
    follower.until(says(Verdict.HEALTHY))
