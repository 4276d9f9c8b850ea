"""Each failure by its name: failing at once, failed when attempts and time are spent, forgotten when it goes away."""

from __future__ import annotations

from datetime import timedelta

import pytest

from generator.rollout.assess import assess
from generator.rollout.failing import estimate_pulls
from generator.rollout.status import LiveObjects, Memory, Phase, PhaseBudgets, Reason, Verdict
from tests.rollout.factory import (
    NOW,
    Body,
    condition,
    container,
    deployment,
    event,
    expectation,
    live,
    pod,
    replica_set,
    service,
    unschedulable,
)

ROLLING = deployment(counts=(3, 1, 2))
OLD = [pod("chat-r1-a", 1, ready=True), pod("chat-r1-b", 1, ready=True)]
GATED = "huggingface_hub.errors.GatedRepoError: 401 Client Error"
TENSOR = "ValueError: Total number of attention heads (40) must be divisible by tensor parallel size (3)."
CONTEXT = "max seq len (131072) is larger than the maximum number of tokens that can be stored in KV cache (9000)"
CUDA = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"
PULL_DENIED = "failed to pull and unpack image: pull access denied, repository does not exist"


def crashed(reason: str = "Error", code: int = 1, message: str = "", **more: object) -> Body:
    """A pod whose server is in CrashLoopBackOff."""
    usual = {"restarts": 1, "last": (reason, code, message), **more}
    return pod(statuses=[container("CrashLoopBackOff", **usual)])  # type: ignore[arg-type]


def blocked(reason: str, message: str = "") -> Body:
    """A pod whose server waits for this reason."""
    return pod(phase="Pending", statuses=[container(reason, message=message)])


def init(state: str, **more: object) -> Body:
    """A pod whose init container does this."""
    download = container(state, name="storage-initializer", **more)  # type: ignore[arg-type]
    return pod(phase="Pending", statuses=[container("PodInitializing")], init=download)


SHOWN: list[tuple[str, Body, Reason, str]] = [
    ("back off", blocked("ImagePullBackOff", "manifest unknown"), Reason.IMAGE_PULL, "there is no such image"),
    ("pull error", blocked("ErrImagePull", PULL_DENIED), Reason.IMAGE_PULL, "the registry refuses"),
    ("bad name", blocked("InvalidImageName", "couldn't parse image"), Reason.IMAGE_PULL, "no name of an image"),
    ("init pull", init("ErrImagePull", message="not found"), Reason.IMAGE_PULL, "storage-initializer"),
    ("crash", crashed(), Reason.CRASH_LOOP, "exit code 1"),
    ("ends well", crashed("Completed", 0), Reason.CRASH_LOOP, "exit code 0"),
    ("gated", crashed(message=GATED), Reason.CRASH_LOOP, "gated"),
    ("tensor parallel", crashed(message=TENSOR), Reason.CRASH_LOOP, "tensor parallel"),
    ("context", crashed(message=CONTEXT), Reason.CRASH_LOOP, "context"),
    ("cuda", crashed(message=CUDA), Reason.OUT_OF_MEMORY, "GPU's memory"),
    ("oom", crashed("OOMKilled", 137), Reason.OUT_OF_MEMORY, "memory limit"),
    ("killed", crashed("Error", 137), Reason.OUT_OF_MEMORY, "exit code 137"),
    ("no command", crashed("StartError", 128, 'exec: "x": executable file not found'), Reason.CRASH_LOOP, "command"),
    ("secret", blocked("CreateContainerConfigError", 'secret "x" not found'), Reason.CONFIG_ERROR, 'secret "x"'),
    ("download", init("CrashLoopBackOff", restarts=1, last=("Error", 1, "")), Reason.DOWNLOAD_FAILED, "exit code 1"),
    ("no bucket", init("ended", exit_code=1), Reason.DOWNLOAD_FAILED, "bring the model"),
    ("download oom", init("ended", reason="OOMKilled", exit_code=137), Reason.OUT_OF_MEMORY, "memory limit"),
    ("just ended", pod(statuses=[container("ended", exit_code=2)]), Reason.CRASH_LOOP, "exit code 2"),
    ("runs again", pod(statuses=[container(restarts=1, last=("Error", 3, ""))]), Reason.CRASH_LOOP, "exit code 3"),
]


@pytest.mark.parametrize(("body", "reason", "cause"), [item[1:] for item in SHOWN], ids=[item[0] for item in SHOWN])
def test_a_failure_is_shown_at_once_with_cause_evidence_and_hint(body: Body, reason: Reason, cause: str) -> None:
    """As failing; the old pods serve."""
    status, _ = assess(expectation(), live(ROLLING, [body, *OLD]), NOW)
    assert status.verdict is Verdict.FAILING
    assert status.failure is not None
    assert status.failure.reason is reason
    assert cause in status.failure.cause
    assert "chat-r2-a" in status.failure.cause
    assert status.failure.evidence
    assert "\n" not in status.failure.evidence
    assert status.failure.hint
    assert status.serving


def test_a_crash_becomes_a_verdict_after_attempts_and_time_both() -> None:
    """Neither alone is enough; the time counts from the first sign."""
    spec = expectation(budgets=PhaseBudgets(attempts=3, failing_seconds=180))
    _, memory = assess(spec, live(ROLLING, [crashed(restarts=1), *OLD]), NOW)
    began = memory.failing_since["CrashLoop"]
    few, _ = assess(spec, live(ROLLING, [crashed(restarts=2), *OLD]), began + timedelta(seconds=500), memory)
    early, _ = assess(spec, live(ROLLING, [crashed(restarts=9), *OLD]), began + timedelta(seconds=179), memory)
    both, _ = assess(spec, live(ROLLING, [crashed(restarts=3), *OLD]), began + timedelta(seconds=180), memory)
    assert (few.verdict, early.verdict, both.verdict) == (Verdict.FAILING, Verdict.FAILING, Verdict.FAILED)
    assert both.failure is not None
    assert both.failure.attempts == 3


def test_out_of_memory_and_crash_in_turns_are_one_failing() -> None:
    """The time goes on from the first of them."""
    spec = expectation()
    _, memory = assess(spec, live(ROLLING, [crashed(restarts=2)]), NOW)
    later = NOW + timedelta(seconds=180)
    status, _ = assess(spec, live(ROLLING, [crashed("OOMKilled", 137, restarts=3)]), later, memory)
    assert status.verdict is Verdict.FAILED
    assert status.failure is not None
    assert status.failure.reason is Reason.OUT_OF_MEMORY


def test_a_server_that_is_ready_between_two_crashes_has_not_recovered() -> None:
    """A moment of readiness does not give it three more minutes."""
    spec, body = expectation(), deployment(counts=(3, 2, 2))
    _, memory = assess(spec, live(body, [crashed(restarts=2)]), NOW)
    moment = NOW + timedelta(seconds=100)
    recent = container(ready=True, restarts=3, last=("Error", 1, ""), finished=-90)
    between, memory = assess(spec, live(body, [pod(ready=True, statuses=[recent]), OLD[0]]), moment, memory)
    assert between.failure is None
    later = NOW + timedelta(seconds=180)
    status, _ = assess(spec, live(body, [crashed(restarts=4, finished=-150)]), later, memory)
    assert status.verdict is Verdict.FAILED


def test_a_hiccup_that_goes_away_is_forgotten() -> None:
    """The next one starts from the beginning."""
    spec = expectation()
    _, memory = assess(spec, live(ROLLING, [blocked("ErrImagePull"), *OLD]), NOW)
    fine, memory = assess(spec, live(ROLLING, [pod(), *OLD]), NOW + timedelta(seconds=100), memory)
    assert fine.failure is None
    assert not memory.failing_since
    again, _ = assess(spec, live(ROLLING, [blocked("ErrImagePull"), *OLD]), NOW + timedelta(seconds=200), memory)
    assert again.failure is not None
    assert again.failure.since == NOW + timedelta(seconds=200)
    assert again.failure.attempts == 1


def test_a_readiness_that_is_lost_long_after_a_restart_is_no_crash() -> None:
    """The restart was last week; the server has been ready since."""
    old_restart = container(began=9000, started=True, restarts=4, last=("Error", 1, ""), finished=9010)
    status, _ = assess(expectation(), live(ROLLING, [pod(statuses=[old_restart], turned=5)]), NOW)
    assert (status.phase, status.failure) == (Phase.WARMING, None)


def test_each_pull_is_counted_once() -> None:
    """By the turns of ErrImagePull and ImagePullBackOff, however often they are looked at."""
    spec, memory, moment = expectation(), Memory(), NOW
    for reason in ("ErrImagePull", "ErrImagePull", "ImagePullBackOff", "ImagePullBackOff", "ErrImagePull"):
        status, memory = assess(spec, live(ROLLING, [blocked(reason)]), moment, memory)
        moment += timedelta(seconds=1)
    assert status.failure is not None
    assert status.failure.attempts == 2


def test_events_tell_an_empty_memory_how_often_and_since_when_a_pull_has_failed() -> None:
    """Those about the other image do not count, and `Error: ErrImagePull` is the same pull again."""
    events = [
        event("chat-r2-a", "Failed", 'Failed to pull image "registry/vllm:1": not found', first=200, count=4),
        event("chat-r2-a", "Failed", "Error: ErrImagePull", first=300, count=9),
        event("chat-r2-a", "Failed", 'Failed to pull image "kserve/other:1": timeout', first=400, count=9),
    ]
    shown = live(
        ROLLING, [blocked("ImagePullBackOff", 'Back-off pulling image "registry/vllm:1"'), *OLD], events=events
    )
    status, _ = assess(expectation(), shown, NOW)
    assert status.verdict is Verdict.FAILED
    assert status.failure is not None
    assert status.failure.attempts >= 4
    assert status.failure.since == NOW - timedelta(seconds=200)
    assert status.failure.hint.startswith("correct the image's name")


def test_pulls_are_estimated_by_the_kubelets_pauses() -> None:
    """Where nobody has counted: at 0, 10, 30, 70, 150 s."""
    assert [estimate_pulls(seconds) for seconds in (0, 9, 10, 29, 30, 70, 150)] == [1, 1, 2, 2, 3, 4, 5]


def test_a_pull_that_never_ends_fails_by_its_phase() -> None:
    """With the newest warning as evidence."""
    events = [event("chat-r2-a", "FailedCreatePodSandBox", "plugin type=calico failed: no IP left")]
    stuck = pod(statuses=[container("ContainerCreating")], scheduled=1801)
    status, _ = assess(expectation(), live(ROLLING, [stuck], events=events), NOW)
    assert status.failure is not None
    assert status.failure.reason is Reason.PULL_TIMEOUT
    assert "no IP left" in status.failure.evidence


def test_a_missing_volume_is_told_by_an_event_only_while_it_lasts() -> None:
    """Once the sandbox stands, or the event is old, it is over."""
    wait = {"statuses": [container("ContainerCreating")]}
    told = [event("chat-r2-a", "FailedMount", 'MountVolume.SetUp failed: secret "x" not found', last=20)]
    old = [event("chat-r2-a", "FailedMount", "MountVolume.SetUp failed", first=500, last=400)]
    blocked_pod = pod(conditions=[condition("PodReadyToStartContainers", "False")], **wait)
    mounted = pod(conditions=[condition("PodReadyToStartContainers", "True")], **wait)
    for body, events, shown in (
        (blocked_pod, old, True),
        (mounted, told, False),
        (pod(**wait), told, True),
        (pod(**wait), old, False),
        (pod(), told, False),
    ):
        status, _ = assess(expectation(), live(ROLLING, [body], events=events), NOW)
        assert (status.failure is not None and status.failure.reason is Reason.MOUNT_FAILED) is shown


def test_what_somebody_may_mend_becomes_a_verdict_after_the_time() -> None:
    """A Secret may still be made; there are no attempts to count."""
    body = blocked("CreateContainerConfigError", 'secret "x" not found')
    first, memory = assess(expectation(), live(ROLLING, [body]), NOW)
    assert first.verdict is Verdict.FAILING
    later = NOW + timedelta(seconds=180)
    assert assess(expectation(), live(ROLLING, [body]), later, memory)[0].verdict is Verdict.FAILED


def test_a_server_that_is_killed_when_its_startup_probe_is_spent_has_run_out_of_time() -> None:
    """The kubelet may be quicker than the deadline; the next run does not get the budget again."""
    spent = pod(statuses=[container(began=2, restarts=1, last=("Error", 137, ""), last_began=1805, finished=3)])
    status, _ = assess(expectation(), live(ROLLING, [spent]), NOW)
    assert status.verdict is Verdict.FAILED
    assert status.failure is not None
    assert status.failure.reason is Reason.LOAD_TIMEOUT


def test_a_liveness_probe_that_fails_is_not_taken_for_want_of_memory() -> None:
    """Killed as well, but a warning says by whom."""
    events = [event("chat-r2-a", "Unhealthy", "Liveness probe failed: timeout")]
    status, _ = assess(expectation(), live(ROLLING, [crashed("Error", 137)], events=events), NOW)
    assert status.failure is not None
    assert status.failure.reason is Reason.CRASH_LOOP


def test_capacity_has_its_own_budget_and_is_named_meanwhile() -> None:
    """Not failing: waiting; then failed."""
    body = pod(scheduled=unschedulable(50), statuses=[])
    status, memory = assess(expectation(), live(ROLLING, [body, *OLD]), NOW)
    assert status.verdict is Verdict.PROGRESSING
    assert status.failure is not None
    assert status.failure.reason is Reason.UNSCHEDULABLE
    assert status.note == "needs 4 GPUs: 0/16 nodes are available: 16 Insufficient nvidia.com/gpu."
    early, _ = assess(expectation(), live(ROLLING, [body, *OLD]), NOW + timedelta(seconds=1749), memory)
    late, _ = assess(expectation(), live(ROLLING, [body, *OLD]), NOW + timedelta(seconds=1750), memory)
    assert (early.verdict, late.verdict) == (Verdict.PROGRESSING, Verdict.FAILED)
    assert late.failure is not None
    assert "GPUs are free" in late.failure.cause


@pytest.mark.parametrize(
    ("words", "reason", "verdict", "phase"),
    [
        ("exceeded quota: gpus, requested: 4", Reason.QUOTA_EXCEEDED, Verdict.PROGRESSING, Phase.WAITING_FOR_CAPACITY),
        ('violates PodSecurity "restricted"', Reason.PODS_REFUSED, Verdict.FAILING, Phase.STARTING),
        ('admission webhook "policy" denied the request', Reason.PODS_REFUSED, Verdict.FAILING, Phase.STARTING),
    ],
)
def test_refused_pods_are_named_by_the_replica_set(words: str, reason: Reason, verdict: Verdict, phase: Phase) -> None:
    """By its condition, or by a recent event before there is one."""
    failed = condition("ReplicaFailure", "True", 30, "FailedCreate", words)
    body = deployment(counts=(2, 0, 2))
    by_condition = live(body, OLD, replica_sets=[replica_set(1), replica_set(2, conditions=[failed])])
    by_event = live(body, OLD, events=[event("chat-r2", "FailedCreate", f"Error creating: {words}", first=30)])
    for shown in (by_condition, by_event):
        status, _ = assess(expectation(), shown, NOW)
        assert status.failure is not None
        assert (status.failure.reason, status.verdict, status.phase) == (reason, verdict, phase)
        assert status.failure.since == NOW - timedelta(seconds=30)


def test_an_old_replica_set_that_is_refused_pods_is_no_failure_of_the_new_one() -> None:
    """The Deployment shows its condition all the same."""
    failed = condition("ReplicaFailure", "True", 30, "FailedCreate", "exceeded quota")
    body = deployment(counts=(3, 1, 2), conditions=[failed])
    sets = [replica_set(1, conditions=[failed]), replica_set(2, replicas=1)]
    status, _ = assess(expectation(), live(body, [pod(), *OLD], replica_sets=sets), NOW)
    assert status.failure is None


def test_failures_of_old_pods_are_not_held_against_the_new_revision() -> None:
    """They crash, they have no image: that is why there is a new one."""
    bad = [
        pod("chat-r1-a", 1, statuses=[container("CrashLoopBackOff", restarts=90, last=("Error", 1, ""))]),
        pod("chat-r1-b", 1, statuses=[container("ImagePullBackOff")]),
    ]
    status, _ = assess(expectation(), live(ROLLING, [pod(), *bad]), NOW)
    assert (status.verdict, status.failure) == (Verdict.PROGRESSING, None)


def test_evictions_are_counted_though_their_pods_vanish() -> None:
    """One is shown, and forgotten after a while; three within the time are a verdict."""
    spec, memory = expectation(), Memory()
    for number, second in enumerate((0, 100, 190)):
        gone = pod(
            f"chat-r2-{number}", terminating=True,
            conditions=[condition("DisruptionTarget", "True", -second, "PreemptionByScheduler", "preempted")],
        )  # fmt: skip
        status, memory = assess(
            spec, live(ROLLING, [gone, pod("chat-r2-x"), *OLD]), NOW + timedelta(seconds=second), memory
        )
        assert status.failure is not None
        assert (status.failure.reason, status.failure.attempts) == (Reason.EVICTED, number + 1)
    assert status.verdict is Verdict.FAILED
    _, once = assess(spec, live(ROLLING, [gone, pod("chat-r2-x")]), NOW + timedelta(seconds=190))
    calm, _ = assess(spec, live(ROLLING, [pod("chat-r2-x")]), NOW + timedelta(seconds=500), once)
    assert calm.failure is None


def test_a_pod_that_was_evicted_and_lies_about_does_not_hold_up_the_verdict() -> None:
    """It is finished; its place was taken."""
    lies = pod("chat-r1-z", 1, phase="Failed", statuses=[], status={"reason": "Evicted", "message": "low on memory"})
    new = [pod("chat-r2-a", ready=True), pod("chat-r2-b", ready=True)]
    status, _ = assess(expectation(), live(deployment(), [*new, lies]), NOW)
    assert (status.verdict, status.failure) == (Verdict.HEALTHY, None)


def test_the_verdict_stays_and_the_truth_goes_on() -> None:
    """Failed, then well after all; healthy, then not."""
    late = pod(scheduled=4000, statuses=[container(began=1801)])
    failed, memory = assess(expectation(), live(ROLLING, [late, *OLD]), NOW)
    new = [pod("chat-r2-a", ready=True), pod("chat-r2-b", ready=True)]
    well, memory = assess(expectation(), live(deployment(), new), NOW + timedelta(seconds=60), memory)
    assert failed.verdict is well.verdict is Verdict.FAILED
    assert (well.newest_live, well.phase, well.failure) == (True, Phase.LIVE, failed.failure)
    healthy, memory = assess(expectation(), live(deployment(), new), NOW)
    later, _ = assess(expectation(), live(deployment(counts=(2, 2, 0)), [crashed()]), NOW, memory)
    assert healthy.verdict is later.verdict is Verdict.HEALTHY
    assert (later.serving, later.newest_live) == (False, False)
    assert later.failure is not None


def test_a_newer_revision_supersedes_but_not_a_verdict() -> None:
    """Failed stays failed."""
    superseded, _ = assess(expectation(), live(deployment(3), OLD), NOW)
    assert superseded.verdict is Verdict.SUPERSEDED
    failed = Memory(revision=2, pod_revision=2, verdict=Verdict.FAILED)
    assert assess(expectation(), live(deployment(3), OLD), NOW, failed)[0].verdict is Verdict.FAILED


def test_kserve_that_does_not_take_the_object_is_quoted() -> None:
    """Only with InvalidSpec, only about this write, and only while nothing is made of it."""
    info = {"reason": "NoSupportingRuntime", "message": "No runtime found to support specified framework"}
    said = {"modelStatus": {"transitionStatus": "InvalidSpec", "lastFailureInfo": info}}
    spec = expectation(kind="InferenceService")
    status, _ = assess(spec, LiveObjects(service(status=said), None), NOW)
    assert status.verdict is Verdict.FAILING
    assert status.failure is not None
    assert status.failure.reason is Reason.INVALID_SPEC
    assert "No runtime found" in status.failure.evidence
    stale = {
        "modelStatus": {"transitionStatus": "InvalidSpec", "lastFailureInfo": {**info, "time": "2026-02-01T00:00:00Z"}}
    }
    assert assess(spec, LiveObjects(service(status=stale), None), NOW)[0].failure is None
    kept = {"modelStatus": {"transitionStatus": "UpToDate", "lastFailureInfo": info}}
    assert assess(spec, LiveObjects(service(status=kept), None), NOW)[0].failure is None
    child = deployment(name="chat-predictor")
    sets = (replica_set(owner="chat-predictor"),)
    assert assess(spec, LiveObjects(service(status=said), child, sets), NOW)[0].failure is None


def test_an_error_of_kserves_controller_is_quoted_but_for_its_own_races() -> None:
    """Events that are older than the object's last write are about another one."""
    spec = expectation(kind="InferenceService")
    words = "fails to reconcile predictor: deployments.apps is forbidden"
    shown = LiveObjects(service(), None, events=(event("chat", "InternalError", words),))
    status, _ = assess(spec, shown, NOW)
    assert status.failure is not None
    assert status.failure.reason is Reason.INVALID_SPEC
    race = "Operation cannot be fulfilled: the object has been modified; please apply your changes"
    for harmless in (event("chat", "InternalError", race), event("chat", "InternalError", words, first=900, last=800)):
        assert assess(spec, LiveObjects(service(), None, events=(harmless,)), NOW)[0].failure is None
