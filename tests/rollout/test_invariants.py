"""What must hold whatever a cluster shows: invariants over made-up objects, and over whole rollouts."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from generator.rollout.assess import assess
from generator.rollout.status import LiveObjects, Memory, Phase, PhaseBudgets, Verdict
from generator.rollout.words import say_status
from tests.cluster.assessment import trim
from tests.rollout.factory import (
    NOW,
    Body,
    condition,
    container,
    deployment,
    event,
    expectation,
    pod,
    replica_set,
    service,
    unschedulable,
)

pytestmark = pytest.mark.sweep

REASONS = (
    "ImagePullBackOff", "ErrImagePull", "CrashLoopBackOff", "CreateContainerConfigError", "ContainerCreating",
    "PodInitializing",
)  # fmt: skip
seconds_ago = some.integers(0, 4000)
states = some.sampled_from(("running", "ended", *REASONS))
messages = some.sampled_from(("", "not found", "CUDA out of memory", "exceeded quota: x", "line one\nline  two"))


@some.composite
def statuses(draw: some.DrawFn) -> Body:
    """One container's status."""
    more: dict[str, Any] = {
        "began": draw(seconds_ago),
        "message": draw(messages),
        "restarts": draw(some.integers(0, 6)),
    }
    if draw(some.booleans()):
        more["last"] = (
            draw(some.sampled_from(("Error", "OOMKilled"))),
            draw(some.sampled_from((0, 1, 137))),
            draw(messages),
        )
        more["finished"], more["last_began"] = draw(seconds_ago), draw(seconds_ago)
    return container(draw(states), started=draw(some.booleans()), **more)


@some.composite
def pods(draw: some.DrawFn, name: str) -> Body:
    """Of either revision, or of none."""
    revision = draw(some.sampled_from((1, 2, 2, 2, None)))
    more: dict[str, Any] = {"scheduled": draw(seconds_ago), "turned": draw(seconds_ago), "created": 4000}
    if draw(some.integers(0, 4)) == 0:
        more["scheduled"] = unschedulable(draw(seconds_ago))
    if draw(some.integers(0, 3)) == 0:
        more["init"] = {**draw(statuses()), "name": "storage-initializer"}
    extra = []
    if draw(some.integers(0, 5)) == 0:
        extra.append(condition("DisruptionTarget", "True", draw(seconds_ago), "EvictionByEvictionAPI"))
    return pod(
        name, revision, ready=draw(some.booleans()), terminating=draw(some.integers(0, 3)) == 0, conditions=extra,
        owner=f"chat-r{revision or 1}", phase=draw(some.sampled_from(("Running", "Running", "Pending", "Failed"))),
        statuses=draw(some.sampled_from((None, "made"))) and [draw(statuses())], **more,
    )  # fmt: skip


@some.composite
def worlds(draw: some.DrawFn) -> LiveObjects:
    """All objects of one endpoint, consistent or not; most of them of a revision that is applied."""
    count = some.integers(0, 3)
    body = None
    if draw(some.integers(0, 9)) < 9:
        body = deployment(
            draw(some.sampled_from((2, 2, 2, 2, 2, 2, 1, 3))),
            draw(some.sampled_from((1, 2, 0, 3))),
            observed=draw(some.integers(0, 4)) < 4,
            counts=draw(some.none() | some.tuples(count, count, count)),
            written=draw(some.none() | seconds_ago),
            conditions=draw(refusals()),
        )
    sets = [replica_set(2, replicas=draw(count), conditions=draw(refusals())), replica_set(1)]
    sets = sets[: draw(some.sampled_from((2, 2, 1, 0)))]
    fine = [pod(f"chat-fine-{number}", ready=True) for number in range(draw(some.sampled_from((0, 0, 1, 2))))]
    made = (*fine, *(draw(pods(f"chat-{number}")) for number in range(draw(some.sampled_from((0, 1, 2, 3))))))
    told = some.builds(
        event,
        some.sampled_from([f"chat-{number}" for number in range(4)]),
        some.sampled_from(("Failed", "BackOff", "FailedMount", "Unhealthy")),
        some.sampled_from(("Failed to pull image", "Back-off restarting", "probe failed")),
        first=seconds_ago,
    )
    events = tuple(draw(some.lists(told, max_size=3)))
    return LiveObjects(body, body, tuple(sets), made, events)


def refusals() -> some.SearchStrategy[list[Body]]:
    """Conditions of a ReplicaSet."""
    return some.lists(
        some.builds(
            condition, some.just("ReplicaFailure"), some.just("True"), seconds_ago, some.just("FailedCreate"), messages
        ),
        max_size=1,
    )


def is_ready(body: Body) -> bool:
    """Serves, and is not going to end."""
    found = {item["type"]: item["status"] for item in body["status"]["conditions"]}
    return (
        found["Ready"] == "True" and "deletionTimestamp" not in body["metadata"] and body["status"]["phase"] != "Failed"
    )


def revision_of(body: Body) -> str | None:
    """What its annotation says."""
    found: str | None = body["metadata"]["annotations"].get("revstamp.io/revision")
    return found


@given(worlds(), some.integers(0, 3))
def test_healthy_only_where_ready_pods_carry_the_revision_and_no_old_one_serves(
    world: LiveObjects, wanted: int
) -> None:
    """Nor is the newest called live, and "something serves" is what the pods say."""
    status, _ = assess(expectation(replicas=wanted), world, NOW)
    ready = [body for body in world.pods if is_ready(body)]
    old = [body for body in ready if revision_of(body) != "2"]
    assert status.serving is bool(ready)
    if status.verdict is Verdict.HEALTHY:
        assert status.newest_live
        assert len([body for body in ready if revision_of(body) == "2"]) >= wanted
    if old:
        assert status.verdict is not Verdict.HEALTHY
        assert not status.newest_live


@given(worlds(), some.integers(0, 3), some.integers(0, 5000))
def test_trimming_changes_no_answer(world: LiveObjects, wanted: int, later: int) -> None:
    """Nor what is remembered."""
    spec = expectation(replicas=wanted)
    whole, memory = assess(spec, world, NOW)
    assert (whole, memory) == assess(spec, trim(world), NOW)
    moment = NOW + timedelta(seconds=later)
    assert assess(spec, world, moment, memory) == assess(spec, trim(world), moment, memory)


@given(some.lists(worlds(), min_size=1, max_size=6), some.integers(1, 2000))
def test_a_final_verdict_stays_whatever_comes(seen: list[LiveObjects], pause: int) -> None:
    """And phases go on."""
    memory, verdict, moment = Memory(), None, NOW
    for world in seen:
        status, memory = assess(expectation(), world, moment, memory)
        if verdict is not None:
            assert status.verdict is verdict
        verdict = status.verdict if status.verdict.is_final else None
        moment += timedelta(seconds=pause)


@given(worlds(), some.integers(0, 3))
def test_the_same_question_has_the_same_answer(world: LiveObjects, wanted: int) -> None:
    """Asked again with what is remembered, at the same moment."""
    spec = expectation(replicas=wanted)
    first, memory = assess(spec, world, NOW)
    again, _ = assess(spec, world, NOW, memory)
    assert (first.phase, first.verdict, first.failure, first.since) == (
        again.phase,
        again.verdict,
        again.failure,
        again.since,
    )


@given(worlds(), some.integers(0, 3))
def test_every_answer_can_be_written_and_said(world: LiveObjects, wanted: int) -> None:
    """As JSON and as one line."""
    status, _ = assess(expectation(replicas=wanted), world, NOW)
    json.dumps(status.to_dict())
    line = say_status(status, NOW)
    assert line.startswith("r2: ")
    assert "\n" not in line
    assert status.since <= NOW
    if status.failure is not None:
        assert len(status.failure.evidence) <= 1000
        assert status.failure.since <= NOW


fresh = some.integers(0, 100)


@given(worlds(), fresh)
def test_nothing_has_failed_before_a_budget_is_spent(world: LiveObjects, later: int) -> None:
    """Objects of the last 4,000 seconds, with budgets of 4,200 and a hundred seconds more."""
    patient = PhaseBudgets(4200, 4200, 4200, 4200, 4200, 4200, attempts=1, failing_seconds=4200)
    spec = expectation(budgets=patient)
    _, memory = assess(spec, world, NOW)
    status, _ = assess(spec, world, NOW + timedelta(seconds=later), memory)
    assert status.verdict is not Verdict.FAILED


@given(worlds())
def test_failing_needs_its_time_even_when_nothing_else_is_asked(world: LiveObjects) -> None:
    """Phases have no end here; attempts are spent at once, the time is not."""
    patient = PhaseBudgets(9000, 9000, 9000, 9000, 9000, 9000, attempts=0, failing_seconds=9000)
    _, memory = assess(expectation(budgets=patient), world, NOW)
    status, memory = assess(expectation(budgets=patient), world, NOW + timedelta(seconds=4000), memory)
    assert status.verdict is not Verdict.FAILED


@given(worlds(), some.sampled_from(("Standard", "Knative")), some.booleans())
def test_an_inference_service_is_trimmed_without_a_change_too(world: LiveObjects, mode: str, stopped: bool) -> None:
    """With a child Deployment, and whatever its status says."""
    said = {
        "modelStatus": {"transitionStatus": "InvalidSpec", "lastFailureInfo": {"reason": "x", "message": "y" * 3000}}
    }
    annotations = {"serving.kserve.io/stop": "true"} if stopped else {}
    body = service(mode=mode, status=said, annotations=annotations)
    shown = LiveObjects(body, world.deployment, world.replica_sets, world.pods, world.events)
    spec = expectation(kind="InferenceService", replicas=0 if stopped else 2)
    whole, memory = assess(spec, shown, NOW)
    assert (whole, memory) == assess(spec, trim(shown), NOW)
    assert whole.phase is not Phase.NOT_APPLIED


@given(some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=5),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(
        some.sampled_from(("metadata", "spec", "status", "annotations", "conditions", "template", "containers",
                           "containerStatuses", "state", "waiting", "running", "name", "type", "replicas", "phase",
                           "deletionTimestamp", "startedAt", "restartCount", "revstamp.io/revision")),
        inner, max_size=6),
    max_leaves=30,
))  # fmt: skip
def test_no_object_is_too_odd_to_be_assessed(odd: Any) -> None:
    """A field that is of another type is as good as not there."""
    body = odd if isinstance(odd, dict) else {"metadata": odd}
    shown = LiveObjects(body, body, (body,), (body,), (body,))
    whole, _ = assess(expectation(), shown, NOW)
    assert whole.verdict is not Verdict.HEALTHY
