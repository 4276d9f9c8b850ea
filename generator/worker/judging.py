"""What a rollout means for the ledger and for the endpoint's row.

Owns: the next step of a redeployment by what the cluster shows, and the four words of the platform. Refuses: clocks,
databases, clusters. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from generator.rollout.status import Phase, RolloutStatus, Verdict
from generator.store.redeployment import Note, Redeployment
from generator.store.states import State


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done to a row: a move to `state` (None: none), columns, an event (None: none)."""

    state: State | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    note: Note | None = None


def next_step(row: Redeployment, status: RolloutStatus) -> Step | None:
    """The next step of a redeployment that is applied; None where there is nothing new.

    A status about another revision says nothing about this one.
    """
    if status.expectation.revision != row.revision:
        return None
    data = status.to_dict()
    if status.verdict is Verdict.HEALTHY:
        return Step(
            State.HEALTHY, {"phase": status.phase.value, "message": ""}, Note("healthy", _say_ready(status), data)
        )
    if status.verdict is Verdict.FAILED:
        return Step(State.FAILED, _failure_values(status), Note("failed", _say_failure(status), data))
    if row.state is State.APPLIED and status.phase is not Phase.NOT_APPLIED:
        values = {"phase": status.phase.value, "phase_since": status.since}
        return Step(State.PROGRESSING, values, Note("progressing", status.phase.value, data))
    return _within(row, status, data)


def _within(row: Redeployment, status: RolloutStatus, data: Mapping[str, Any]) -> Step | None:
    """Another phase, or something that is wrong already without being the verdict."""
    failing = status.failure.reason.value if status.failure and status.verdict is Verdict.FAILING else None
    values: dict[str, Any] = {"phase": status.phase.value, "phase_since": status.since, "failing": failing}
    if failing and failing != row.failing:
        words = {"message": status.failure.cause, "hint": status.failure.hint} if status.failure else {}
        return Step(None, values | words, Note("failing", _say_failure(status), data))
    if row.failing and not failing:
        return Step(None, values | {"message": "", "hint": ""}, Note("recovered", status.phase.value, data))
    if status.phase.value != row.phase:
        words_of_phase = f"{status.phase.value}: {status.note}" if status.note else status.phase.value
        return Step(None, values, Note("phase", words_of_phase, data))
    return None


def _failure_values(status: RolloutStatus) -> dict[str, Any]:
    failure = status.failure
    return {
        "phase": status.phase.value,
        "failure_reason": failure.reason.value if failure else "Unknown",
        "message": failure.cause if failure else "",
        "hint": failure.hint if failure else "",
    }


def _say_ready(status: RolloutStatus) -> str:
    progress = status.progress
    if status.phase is Phase.STOPPED:
        return "stopped: no pods are wanted, and there are none"
    return f"{progress.ready} of {progress.wanted} pods are ready"


def _say_failure(status: RolloutStatus) -> str:
    if status.failure is None:
        return status.phase.value
    serving = "something still serves" if status.serving else "nothing serves"
    return f"{status.failure.reason.value}: {status.failure.cause}; {serving}"


def judge_endpoint(status: RolloutStatus | None, *, is_running: bool) -> str:
    """`deploying`, `healthy`, `degraded` or `failed` (platform-contract: the status of a row).

    `is_running`: a redeployment has no verdict yet. A status of None is an endpoint with nothing to be told about.
    """
    if is_running:
        return "deploying"
    if status is None or status.phase is Phase.STOPPED or status.expectation.replicas == 0:
        return "healthy"
    if status.newest_live and status.progress.ready >= status.expectation.replicas:
        return "healthy"
    if status.serving:
        return "degraded"
    return "failed"
