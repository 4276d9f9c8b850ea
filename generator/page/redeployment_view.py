"""One redeployment as its page shows it: two lanes, steps, budget, cause, what to do next.

Owns: what is shown, from the ledger's row and events and what is known of the endpoint. Refuses: words and HTML
(templates), reading (`reading`). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from generator.page.standing import Lanes, Standing, find_quiet, judge_redeployment, read_lanes
from generator.page.steps import Step, lay_out
from generator.render.pods import ENDPOINT
from generator.store.endpoints import EndpointState
from generator.store.redeployment import Event, Redeployment
from generator.store.states import State

_UNDER_WAY = (State.COMMITTED, State.APPLIED, State.PROGRESSING)


@dataclass(frozen=True, slots=True)
class Budget:
    """How long the present phase may take. `rolls_back`: what the environment does when it is spent."""

    since: datetime
    deadline: datetime
    rolls_back: bool

    def share(self, now: datetime) -> float:
        """How much of it is spent, from 0 to 1."""
        whole = (self.deadline - self.since).total_seconds()
        return 1.0 if whole <= 0 else min(1.0, max(0.0, (now - self.since).total_seconds() / whole))


@dataclass(frozen=True, slots=True)
class Cause:
    """Why it fails or waits: the word of the taxonomy, a sentence, the raw words, what to do."""

    reason: str
    sentence: str
    evidence: str
    hint: str


@dataclass(frozen=True, slots=True)
class RedeploymentView:
    """Everything that the page prints. `note` is what the phase says of itself, such as how many GPUs are free."""

    row: Redeployment
    standing: Standing
    lanes: Lanes
    steps: tuple[Step, ...]
    budget: Budget | None
    cause: Cause | None
    note: str
    actions: tuple[str, ...]
    logs: str
    events: tuple[Event, ...]
    last_event: int

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.row.state.is_final


def view_redeployment(
    row: Redeployment,
    events: Sequence[Event],
    state: EndpointState | None,
    usual: Mapping[str, float],
    now: datetime,
    *,
    rolls_back: bool = False,
) -> RedeploymentView:
    """The view at a moment. `usual`: seconds that earlier rollouts of the endpoint took in each step."""
    rollout = find_rollout(row, events, state)
    coming = row.revision if row.state in (*_UNDER_WAY, State.PROPOSED) else None
    return RedeploymentView(
        row,
        judge_redeployment(row, rollout),
        read_lanes(rollout, coming, find_quiet(state)),
        lay_out(row, events, now, usual),
        _find_budget(row, rollout, rolls_back=rolls_back),
        _find_cause(row, events, rollout),
        str(rollout["note"]) if rollout and row.state in _UNDER_WAY and rollout["revision"] == row.revision else "",
        _find_actions(row, state),
        _find_logs(row, rollout),
        tuple(events),
        events[-1].id if events else 0,
    )


def find_rollout(row: Redeployment, events: Sequence[Event], state: EndpointState | None) -> Mapping[str, Any] | None:
    """The assessment that goes with a redeployment: the present one while it runs, else the last that was its own."""
    if not row.state.is_final:
        return state.rollout if state else None
    if state is not None and state.rollout is not None and state.rollout["revision"] == row.revision:
        return state.rollout
    own = (event.data for event in reversed(events) if event.data.get("progress"))
    return next(own, None)


def _find_budget(row: Redeployment, rollout: Mapping[str, Any] | None, *, rolls_back: bool) -> Budget | None:
    if row.state not in _UNDER_WAY or rollout is None or rollout["revision"] != row.revision or not rollout["deadline"]:
        return None
    since, deadline = (datetime.fromisoformat(rollout[key]) for key in ("since", "deadline"))
    return Budget(since, deadline, rolls_back)


def _find_cause(row: Redeployment, events: Sequence[Event], rollout: Mapping[str, Any] | None) -> Cause | None:
    """What was judged, else what the present phase waits for."""
    told = [event.data["failure"] for event in events if event.data.get("failure")]
    failure = told[-1] if told else {}
    if row.state is State.FAILED or (row.failing and not row.state.is_final):
        evidence = str(failure.get("evidence", ""))
        return Cause(row.failure_reason or row.failing or "", row.message, evidence, row.hint)
    if row.state in _UNDER_WAY and rollout and rollout["revision"] == row.revision and rollout["failure"]:
        now = rollout["failure"]
        return Cause(now["reason"], now["cause"], now["evidence"], now["hint"])
    if row.state in (State.REFUSED, State.REJECTED):
        return Cause("", row.message, "", row.hint)
    return None


def _find_actions(row: Redeployment, state: EndpointState | None) -> tuple[str, ...]:
    """What a person may want to do next, the likeliest first: rollback, supersede, again, follow."""
    is_newest = state is None or row.revision is None or state.revision <= row.revision
    if row.state is State.SUPERSEDED:
        return ("follow",) if row.superseded_by else ()
    if row.state.is_final and not is_newest:
        return ()
    if row.state is State.FAILED:
        return ("rollback", "again") if row.committed_at else ("again",)
    if row.state is State.REFUSED:
        return ("again",)
    if not row.state.is_final:
        return ("rollback", "supersede") if row.failing else ("supersede", "rollback")
    return ("again", "rollback") if row.state is State.HEALTHY and row.revision else ()


def _find_logs(row: Redeployment, rollout: Mapping[str, Any] | None) -> str:
    """The command that prints what the newest pods say; empty where there are none."""
    if rollout is None or row.applied_at is None or not rollout["kind"]:
        return ""
    selector = f"{ENDPOINT}={row.endpoint}"
    previous = " --previous" if row.failing == "CrashLoop" or row.failure_reason == "CrashLoop" else ""
    return (
        f"kubectl --namespace {rollout['namespace']} logs --selector {selector} --all-containers --tail 100{previous}"
    )
