"""Where a rollout stands, since when and until when, by Kubernetes' own times."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from generator.rollout.assess import assess
from generator.rollout.status import LiveObjects, Memory, Phase, PhaseBudgets, Reason, Verdict
from tests.rollout.factory import (
    NOW,
    Body,
    condition,
    container,
    deployment,
    expectation,
    live,
    pod,
    replica_set,
    unschedulable,
)

ROLLING = deployment(counts=(3, 1, 2))
OLD = [pod("chat-r1-a", 1, ready=True), pod("chat-r1-b", 1, ready=True)]
NEW = [pod("chat-r2-a", ready=True), pod("chat-r2-b", ready=True)]


def loading(name: str = "chat-r2-a", began: float = 60, **more: object) -> Body:
    """A pod whose server has run for so many seconds."""
    return pod(name, statuses=[container(began=began)], **more)  # type: ignore[arg-type]


WAITS = [container("ContainerCreating")]
DOWNLOADS = pod(statuses=[container("PodInitializing")], init=container(name="storage-initializer", began=33))
INIT_DONE = container("ended", name="storage-initializer", exit_code=0, reason="Completed", finished=20)


@pytest.mark.parametrize(
    ("behind", "phase", "since", "budget"),
    [
        (pod(scheduled=unschedulable(50), statuses=[]), Phase.WAITING_FOR_CAPACITY, 50, "capacity_seconds"),
        (pod(statuses=WAITS), Phase.PULLING, 85, "pull_seconds"),
        (pod(statuses=[]), Phase.PULLING, 85, "pull_seconds"),
        (DOWNLOADS, Phase.DOWNLOADING, 33, "download_seconds"),
        (pod(statuses=WAITS, init=INIT_DONE), Phase.PULLING, 20, "pull_seconds"),
        (loading(began=60), Phase.LOADING, 60, "load_seconds"),
        (pod(statuses=[container(began=60, started=True)]), Phase.WARMING, 60, "load_seconds"),
    ],
)
def test_a_phase_has_its_own_beginning_and_budget(behind: Body, phase: Phase, since: float, budget: str) -> None:
    """An empty memory is enough."""
    budgets = PhaseBudgets(
        capacity_seconds=1801, download_seconds=1802, load_seconds=1803, drain_seconds=81, pull_seconds=1804
    )
    status, _ = assess(expectation(budgets=budgets), live(ROLLING, [behind, *OLD]), NOW)
    assert status.phase is phase
    assert status.since == NOW - timedelta(seconds=since)
    assert status.deadline == status.since + timedelta(seconds=getattr(budgets, budget))
    assert status.verdict is Verdict.PROGRESSING
    assert status.serving
    assert not status.newest_live


def test_the_pod_that_is_furthest_behind_gives_the_phase() -> None:
    """One warms, one loads, one has no place."""
    waiting = pod("chat-r2-c", scheduled=unschedulable(), statuses=[])
    pods = [pod("chat-r2-a", statuses=[container(started=True)]), loading("chat-r2-b"), waiting]
    assert assess(expectation(replicas=3), live(ROLLING, pods), NOW)[0].phase is Phase.WAITING_FOR_CAPACITY
    assert assess(expectation(replicas=3), live(ROLLING, pods[:2]), NOW)[0].phase is Phase.LOADING


def test_of_two_in_the_same_phase_the_one_that_began_first_counts() -> None:
    """Its deadline comes first."""
    status, _ = assess(expectation(), live(ROLLING, [loading("a", 30), loading("b", 70)]), NOW)
    assert status.since == NOW - timedelta(seconds=70)


def test_a_pod_further_ahead_fails_by_its_own_budget() -> None:
    """Another pod that has only begun does not give it more time."""
    pods = [pod("chat-r2-b", statuses=WAITS), loading("chat-r2-a", 1801, scheduled=4000)]
    status, _ = assess(expectation(), live(ROLLING, pods), NOW)
    assert status.phase is Phase.PULLING
    assert status.verdict is Verdict.FAILED
    assert status.failure is not None
    assert status.failure.reason is Reason.LOAD_TIMEOUT
    assert "chat-r2-a" in status.failure.cause


def test_a_patient_startup_probe_wins_over_the_load_budget() -> None:
    """What the kubelet allows is no failure; a probe that is less patient changes nothing."""
    spec = {"startupProbe": {"periodSeconds": 10, "failureThreshold": 400, "initialDelaySeconds": 5}}
    slow = loading(began=2000, scheduled=3000, container_spec=spec)
    status, _ = assess(expectation(), live(ROLLING, [slow, *OLD]), NOW)
    assert status.verdict is Verdict.PROGRESSING
    assert status.deadline == status.since + timedelta(seconds=4005)
    hasty = loading(container_spec={"startupProbe": {"periodSeconds": 1, "failureThreshold": 5}})
    status, _ = assess(expectation(), live(ROLLING, [hasty, *OLD]), NOW)
    assert status.deadline == status.since + timedelta(seconds=1800)


def test_without_a_startup_probe_a_server_loads_until_it_is_ready_for_the_first_time() -> None:
    """Kubernetes calls it started at once."""
    bare = pod(statuses=[container(started=True, began=60)], container_spec={"startupProbe": None})
    assert assess(expectation(), live(ROLLING, [bare]), NOW)[0].phase is Phase.LOADING
    lost = pod(statuses=[container(started=True, began=60)], container_spec={"startupProbe": None}, turned=10)
    status, _ = assess(expectation(), live(ROLLING, [lost]), NOW)
    assert (status.phase, status.since) == (Phase.WARMING, NOW - timedelta(seconds=10))


def test_a_restart_loads_anew() -> None:
    """The budget counts from the run that is under way; how often it may is a matter of attempts."""
    again = pod(statuses=[container(began=20, restarts=1, last=("Error", 1, ""), finished=30)], scheduled=3000)
    status, _ = assess(expectation(), live(ROLLING, [again]), NOW)
    assert (status.phase, status.verdict) == (Phase.LOADING, Verdict.FAILING)
    assert status.since == NOW - timedelta(seconds=20)


def test_a_sidecar_that_runs_is_no_download() -> None:
    """Init containers with restartPolicy Always go on beside the server."""
    body = pod(init=container(name="storage-initializer", ready=True, started=True))
    body["spec"]["initContainers"][0]["restartPolicy"] = "Always"
    assert assess(expectation(), live(ROLLING, [body]), NOW)[0].phase is Phase.LOADING


@pytest.mark.parametrize(
    ("body", "pods", "phase"),
    [
        (deployment(1), OLD, Phase.NOT_APPLIED),
        (None, OLD, Phase.NOT_APPLIED),
        (deployment(observed=False), OLD, Phase.STARTING),
        (deployment(counts=(2, 0, 2)), OLD, Phase.STARTING),
        (deployment(counts=(3, 2, 3)), [*NEW, OLD[0]], Phase.DRAINING),
        (deployment(counts=(2, 2, 1)), NEW, Phase.WARMING),
        (deployment(observed=False), NEW, Phase.STARTING),
        (deployment(), NEW, Phase.LIVE),
    ],
)
def test_phases_before_and_after_those_of_pods(body: Body | None, pods: list[Body], phase: Phase) -> None:
    """What the controllers have and have not done."""
    status, _ = assess(expectation(), live(body, pods), NOW)
    assert status.phase is phase
    assert (status.verdict is Verdict.HEALTHY) is (phase is Phase.LIVE)


def test_draining_has_the_budget_of_the_pods_end() -> None:
    """And fails by its own name."""
    spec = expectation()
    status, memory = assess(spec, live(deployment(counts=(3, 2, 3)), [*NEW, OLD[0]]), NOW)
    assert status.deadline == NOW + timedelta(seconds=40)  # ready 40 s ago, 80 s of budget
    later = NOW + timedelta(seconds=41)
    failed, _ = assess(spec, live(deployment(counts=(3, 2, 3)), [*NEW, OLD[0]]), later, memory)
    assert failed.failure is not None
    assert failed.failure.reason is Reason.DRAIN_TIMEOUT


def test_a_silent_controller_is_named_after_the_start_budget() -> None:
    """Nothing says when it began but the time of the write."""
    body = deployment(counts=(2, 0, 2), written=119)
    sets = [replica_set(1)]
    status, memory = assess(expectation(), live(body, OLD, replica_sets=sets), NOW)
    assert (status.phase, status.verdict) == (Phase.STARTING, Verdict.PROGRESSING)
    failed, _ = assess(expectation(), live(body, OLD, replica_sets=sets), NOW + timedelta(seconds=1), memory)
    assert failed.failure is not None
    assert failed.failure.reason is Reason.CONTROLLER_SILENT
    assert failed.serving


def test_an_old_object_without_times_gets_its_start_budget_from_the_first_look() -> None:
    """Its creation says nothing about the present revision."""
    body = deployment(counts=(2, 0, 2), written=None)
    status, memory = assess(expectation(), live(body, OLD, replica_sets=[replica_set(1)]), NOW)
    assert status.since == NOW
    later = NOW + timedelta(seconds=60)
    assert assess(expectation(), live(body, OLD, replica_sets=[]), later, memory)[0].since == NOW


def test_a_pod_that_vanishes_for_a_moment_is_no_silent_controller() -> None:
    """The start budget begins when the pod is missed, not when the object was written."""
    body = deployment(counts=(2, 2, 1), written=5000)
    _, memory = assess(expectation(), live(body, [NEW[0], loading("b")]), NOW)
    status, _ = assess(expectation(), live(body, [NEW[0]]), NOW + timedelta(seconds=5), memory)
    assert (status.phase, status.verdict) == (Phase.STARTING, Verdict.PROGRESSING)
    assert status.since == NOW + timedelta(seconds=5)


def test_a_stop_goes_by_the_pods() -> None:
    """Stopping while there is one, even a terminating one; then healthy at none."""
    spec = expectation(replicas=0)
    body = deployment(replicas=0)
    ending = [pod("chat-r2-a", ready=True, terminating=True)]
    status, _ = assess(spec, live(body, ending), NOW)
    assert (status.phase, status.verdict, status.serving) == (Phase.STOPPING, Verdict.PROGRESSING, False)
    status, _ = assess(spec, live(body), NOW)
    assert (status.phase, status.verdict, status.newest_live) == (Phase.STOPPED, Verdict.HEALTHY, True)
    status, _ = assess(spec, live(deployment(replicas=2)), NOW)
    assert status.phase is Phase.STOPPING  # somebody has scaled it up


def test_nothing_deployed_is_healthy_once_the_pods_are_gone() -> None:
    """An external model, a deleted endpoint."""
    spec = expectation(kind="", workload="", replicas=0)
    assert assess(spec, LiveObjects(), NOW)[0].verdict is Verdict.HEALTHY
    assert assess(spec, LiveObjects(pods=tuple(NEW)), NOW)[0].phase is Phase.STOPPING


def test_an_object_that_is_being_deleted_is_not_applied() -> None:
    """Its pods are about to go."""
    body = deployment()
    body["metadata"]["deletionTimestamp"] = "2026-03-01T11:59:00Z"
    status, _ = assess(expectation(), live(body, NEW), NOW)
    assert status.phase is Phase.NOT_APPLIED
    assert not status.newest_live
    assert "being deleted" in status.note


def test_a_gated_pod_waits_for_capacity_without_being_a_failure() -> None:
    """A queue such as Kueue's holds it back."""
    gated = pod(scheduled=condition("PodScheduled", "False", 50, "SchedulingGated", "Scheduling is blocked"))
    status, _ = assess(expectation(), live(ROLLING, [gated]), NOW)
    assert (status.phase, status.failure) == (Phase.WAITING_FOR_CAPACITY, None)
    assert "Scheduling is blocked" in status.note


def test_since_is_never_in_the_future() -> None:
    """The cluster's clock may be ahead."""
    status, _ = assess(expectation(), live(ROLLING, [loading(began=-30)]), NOW)
    assert status.since == NOW


def test_a_revision_that_changes_no_pods_is_measured_from_its_own_apply() -> None:
    """Pods that wait since long before have the whole budget again."""
    waiting = pod(scheduled=unschedulable(5000), created=5000, statuses=[])
    spec = replace(expectation(), applied_at=NOW - timedelta(seconds=10))
    status, _ = assess(spec, live(ROLLING, [waiting]), NOW)
    assert status.verdict is Verdict.PROGRESSING
    assert status.deadline == NOW + timedelta(seconds=1790)
    assert assess(expectation(), live(ROLLING, [waiting]), NOW)[0].verdict is Verdict.FAILED


def test_a_rollout_that_was_complete_once_is_not_called_failed_at_first_look() -> None:
    """After a restart of revstamp, a pod that has since lost its node waits with a whole budget."""
    done = condition("Progressing", "True", 90000, "NewReplicaSetAvailable", 'ReplicaSet "chat-r2" has progressed.')
    body = deployment(counts=(2, 2, 1), conditions=[done])
    waiting = pod("chat-r2-b", scheduled=unschedulable(5000), created=5000, statuses=[])
    status, memory = assess(expectation(), live(body, [NEW[0], waiting]), NOW)
    assert status.verdict is Verdict.PROGRESSING
    later = NOW + timedelta(seconds=1800)
    assert assess(expectation(), live(body, [NEW[0], waiting]), later, memory)[0].verdict is Verdict.FAILED


def test_memory_of_another_revision_is_not_used() -> None:
    """A new revision starts afresh, also one with the same pods."""
    failed = Memory(revision=1, pod_revision=2, verdict=Verdict.FAILED, phase=Phase.LOADING)
    assert assess(expectation(), live(deployment(), NEW), NOW, failed)[0].verdict is Verdict.HEALTHY


def test_a_pause_before_pods_count_as_available_is_warming() -> None:
    """minReadySeconds: the next step of the roll waits for it, and no budget ends meanwhile."""
    body = deployment(counts=(3, 1, 2), minReadySeconds=600)
    ready = pod("chat-r2-a", ready=True, turned=500)
    status, _ = assess(expectation(), live(body, [ready, *OLD]), NOW)
    assert (status.phase, status.verdict) == (Phase.WARMING, Verdict.PROGRESSING)
    last = deployment(counts=(3, 2, 2), minReadySeconds=600)
    status, _ = assess(expectation(), live(last, [ready, NEW[1], OLD[0]]), NOW)
    assert (status.phase, status.verdict) == (Phase.WARMING, Verdict.PROGRESSING)


def test_what_keeps_the_controllers_silent_is_in_the_evidence() -> None:
    """Paused by somebody."""
    body = deployment(counts=(2, 0, 2), written=130, paused=True)
    failed, _ = assess(expectation(), live(body, OLD, replica_sets=[replica_set(1)]), NOW)
    assert failed.failure is not None
    assert failed.failure.reason is Reason.CONTROLLER_SILENT
    assert "paused" in failed.failure.evidence
