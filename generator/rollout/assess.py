"""The truth about one rollout, from live objects.

Owns: bringing phases, signs, budgets and memory together into one answer. Refuses: the clock, and looking for objects.

Rules: healthy only when ready pods carry the pod revision, the controllers have counted them, and the old ones are
gone or terminating. Failed only when a budget is spent. The first final verdict about a revision stays; phase,
progress, `newest_live` and `serving` go on following the truth. `ProgressDeadlineExceeded` is no failure: KServe fixes
it at 600 s, and a large model takes longer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from generator.rollout.controller_failures import find_invalid, find_refusals
from generator.rollout.deadlines import choose_since, find_expired, find_floor
from generator.rollout.events import EventIndex
from generator.rollout.failing import Judged, Tracked, find_evictions, judge_signs, remember_evictions
from generator.rollout.live import one_line, read_uid
from generator.rollout.notes import write_note
from generator.rollout.phases import Place
from generator.rollout.pod_failures import find_pod_signs
from generator.rollout.progress import count_pods, find_rollout_place, list_places
from generator.rollout.signs import Sign
from generator.rollout.status import (
    Expectation,
    Failure,
    LiveObjects,
    Memory,
    Phase,
    RolloutStatus,
    Verdict,
)
from generator.rollout.workload import Pods, Workload, read_workload, sort_pods

COMPLETE = (Phase.LIVE, Phase.STOPPED)
NOTHING_KNOWN = Memory()


def assess(
    expectation: Expectation, live: LiveObjects, now: datetime, memory: Memory = NOTHING_KNOWN
) -> tuple[RolloutStatus, Memory]:
    """How the rollout stands at this moment, and what the next assessment has to be given.

    `now` is aware. `memory` of another revision is not used. No errors: what cannot be read counts as not there.
    """
    memory = memory if _is_about(memory, expectation) else NOTHING_KNOWN
    workload = read_workload(expectation, live)
    pods, events = sort_pods(expectation, workload, live), EventIndex(live.events)
    evictions = remember_evictions(pods, memory, now)
    signs = list_signs(expectation, live, workload, pods, events, now)
    places = list_places(expectation, pods) if workload.is_applied else []
    place = find_rollout_place(expectation, live, workload, pods, places, signs)
    if place.phase not in COMPLETE:
        signs += find_evictions(evictions, expectation.budgets, now)
    floor = find_floor(expectation, workload, memory, now)
    tracked = judge_signs(signs, pods, memory, expectation.budgets, now, floor)
    since = choose_since(place, memory, now)
    note = write_note(expectation, workload, place, pods)
    warnings = {pod.name: events.last_warning(pod.uid) for pod in pods.active}
    warnings[expectation.workload] = one_line(note, _find_warning(live, workload, events))
    expired = find_expired([replace(place, since=since), *places], tracked, warnings, floor, now)
    verdict, failure = decide_verdict(workload, place, tracked, expired, memory)
    deadline = _find_deadline(place, since, floor) if not verdict.is_final else None
    status = RolloutStatus(
        expectation=expectation,
        phase=place.phase,
        verdict=verdict,
        progress=count_pods(workload, pods),
        since=since,
        deadline=deadline,
        newest_live=is_newest_live(workload, place, pods),
        serving=any(pod.is_ready for pod in (*pods.new, *pods.old)),
        failure=failure,
        note=note,
    )
    return status, _remember(status, tracked, {"evictions": evictions, "floor": floor})


def _remember(status: RolloutStatus, tracked: Tracked, more: Mapping[str, Any]) -> Memory:
    """What the next assessment is given; the failure of a verdict is kept to be told as long as the verdict is."""
    failure = status.failure if status.verdict is Verdict.FAILED else None
    details = {"pulls": tracked.pulls, "failure": failure, **more}
    return Memory(
        revision=status.expectation.revision,
        pod_revision=status.expectation.pod_revision,
        phase=status.phase,
        phase_since=status.since,
        failing_since=tracked.failing_since,
        attempts=tracked.attempts,
        details={name: value for name, value in details.items() if value},
        verdict=status.verdict if status.verdict.is_final else None,
    )


def _is_about(memory: Memory, expectation: Expectation) -> bool:
    return memory.pod_revision == expectation.pod_revision and memory.revision in (0, expectation.revision)


def _find_warning(live: LiveObjects, workload: Workload, events: EventIndex) -> str:
    """The cluster's last words about the workload or what was made of it."""
    bodies = (workload.replica_set, workload.deployment, live.workload)
    return next((words for body in bodies if (words := events.last_warning(read_uid(body)))), "")


def list_signs(
    expectation: Expectation, live: LiveObjects, workload: Workload, pods: Pods, events: EventIndex, now: datetime
) -> list[Sign]:
    """Everything that is wrong with the new revision; nothing where it is not applied or no pods are wanted."""
    if not workload.is_applied or workload.is_stopped:
        return []
    signs = list(find_invalid(expectation, workload, live, events))
    signs += find_refusals(workload, pods, events, now)
    for pod in pods.active:
        signs += find_pod_signs(pod, events, expectation.budgets, now)
    return signs


def decide_verdict(
    workload: Workload, place: Place, tracked: Tracked, expired: Judged | None, memory: Memory
) -> tuple[Verdict, Failure | None]:
    """A final verdict stays. Of several failures the one that decides comes first."""
    first = tracked.judged[0] if tracked.judged else None
    shown = first.failure if first else None
    if memory.verdict is Verdict.FAILED:
        return memory.verdict, memory.details.get("failure") or shown
    if memory.verdict is not None and memory.verdict.is_final:
        return memory.verdict, shown
    if workload.is_superseded:
        return Verdict.SUPERSEDED, None
    if place.phase in COMPLETE:
        return Verdict.HEALTHY, None
    if first is not None and first.is_spent:
        return Verdict.FAILED, shown
    if expired is not None:
        return Verdict.FAILED, expired.failure
    hard = next((item for item in tracked.judged if item.is_hard), None)
    return (Verdict.FAILING, hard.failure) if hard else (Verdict.PROGRESSING, shown)


def is_newest_live(workload: Workload, place: Place, pods: Pods) -> bool:
    """Whether ready pods carry the pod revision and no others are left but terminating ones; none where none should."""
    if place.phase in (Phase.STOPPED, Phase.STOPPING):
        return not pods.lingering and not pods.active
    if not workload.is_applied or not workload.is_made or pods.lingering:
        return False
    return bool(pods.ready) or place.phase is Phase.LIVE


def _find_deadline(place: Place, since: datetime, floor: datetime | None) -> datetime | None:
    began: Sequence[datetime] = [moment for moment in (since, floor) if moment is not None]
    return max(began) + timedelta(seconds=place.budget) if place.budget is not None else None
