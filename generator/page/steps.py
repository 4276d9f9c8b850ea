"""How a redeployment went through its steps: time spent in each, what is usual, what is still to come.

Owns: which phase belongs to which step, and the arithmetic. Refuses: clocks (the moment is handed in), words, storage.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from generator.rollout.status import Phase
from generator.store.redeployment import Event, Redeployment
from generator.store.states import Kind, State

REQUESTED, COMMITTED, APPLIED = "requested", "committed", "applied"
CAPACITY, IMAGE, MODEL, READY, DRAINED = "capacity", "image", "model", "ready", "drained"
STEPS = (REQUESTED, COMMITTED, APPLIED, CAPACITY, IMAGE, MODEL, READY, DRAINED)
"""In the order in which a redeployment goes through them."""
WITHOUT_PODS = (REQUESTED, COMMITTED, APPLIED, DRAINED)
"""Of one that only takes pods away."""

STEP_OF: Mapping[str, str] = {
    Phase.NOT_APPLIED.value: COMMITTED,
    Phase.STARTING.value: APPLIED,
    Phase.WAITING_FOR_CAPACITY.value: CAPACITY,
    Phase.PULLING.value: IMAGE,
    Phase.DOWNLOADING.value: MODEL,
    Phase.LOADING.value: MODEL,
    Phase.WARMING.value: READY,
    Phase.DRAINING.value: DRAINED,
    Phase.LIVE.value: DRAINED,
    Phase.STOPPING.value: DRAINED,
    Phase.STOPPED.value: DRAINED,
}
"""A rollout's phase → the step that it is a part of."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A step began."""

    step: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `mark`: done, current, failed, todo. Seconds are None where nothing was seen or is known."""

    name: str
    mark: str
    seconds: float | None = None
    usual: float | None = None
    since: datetime | None = None


def find_marks(row: Redeployment, events: Sequence[Event]) -> tuple[Mark, ...]:
    """When each step began, in order; a step may begin again, as when a second pod starts."""
    marks = [Mark(REQUESTED, row.created_at)]
    if row.committed_at is not None:
        marks.append(Mark(COMMITTED, row.committed_at))
    if row.applied_at is not None:
        marks.append(Mark(APPLIED, row.applied_at))
    for event in events:
        step = STEP_OF.get(str(event.data.get("phase") or ""))
        if step is None or STEPS.index(step) < STEPS.index(APPLIED) or event.at < marks[-1].at:
            continue
        if step != marks[-1].step:
            marks.append(Mark(step, event.at))
    return tuple(marks)


def spend_time(marks: Sequence[Mark], end: datetime) -> dict[str, float]:
    """Seconds spent in each step that was seen."""
    found: dict[str, float] = {}
    for mark, after in zip(marks, [*(mark.at for mark in marks[1:]), end], strict=True):
        found[mark.step] = found.get(mark.step, 0.0) + max(0.0, (after - mark.at).total_seconds())
    return found


def find_usual(rollouts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The median of the seconds that earlier rollouts spent in each step."""
    spent: dict[str, list[float]] = {}
    for rollout in rollouts:
        for step, seconds in rollout.items():
            spent.setdefault(step, []).append(seconds)
    return {step: median(seconds) for step, seconds in spent.items()}


def has_pods(row: Redeployment) -> bool:
    """Whether it brings pods, rather than only taking some away."""
    return row.kind not in (Kind.STOP, Kind.DELETE)


def lay_out(row: Redeployment, events: Sequence[Event], now: datetime, usual: Mapping[str, float]) -> tuple[Step, ...]:
    """All steps of a redeployment, as they are at a moment."""
    marks = find_marks(row, events)
    ended = row.settled_at or (now if not row.state.is_final else marks[-1].at)
    spent, last = spend_time(marks, ended), marks[-1]
    names = STEPS if has_pods(row) else WITHOUT_PODS
    reached = names.index(last.step) if last.step in names else len(names) - 1
    found = []
    for place, name in enumerate(names):
        mark = _mark(row.state, place, reached)
        since = last.at if mark == "current" else None
        found.append(Step(name, mark, spent.get(name), usual.get(name), since))
    return tuple(found)


def _mark(state: State, place: int, reached: int) -> str:
    if state is State.HEALTHY or place < reached:
        return "done"
    if place > reached:
        return "todo"
    return "failed" if state.is_final else "current"
