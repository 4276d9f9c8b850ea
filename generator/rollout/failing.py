"""From signs to failures: since when, how often, and whether that is enough for a verdict.

Owns: what is remembered between two assessments, so that an attempt is counted once. Refuses: finding signs, phases.
Rule: pulls and crashes become a verdict after attempts and time, both; what somebody may mend, after the time; GPUs
and quotas by the budget of their phase. A sign that goes away is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from generator.rollout.live import newest, oldest
from generator.rollout.pod_failures import find_eviction
from generator.rollout.signs import Patience, Sign, make_sign
from generator.rollout.status import Failure, Memory, PhaseBudgets, Reason
from generator.rollout.workload import Pods

_FAMILY = {Reason.OUT_OF_MEMORY: Reason.CRASH_LOOP, Reason.LOAD_TIMEOUT: Reason.CRASH_LOOP}
"""Ends of one container that take turns: one after the other is still the same failing."""
_PULL_AGAIN = "ErrImagePull"
_PULL_PAUSE = 10.0
"""Seconds of a kubelet's first pause between two pulls; each next one is twice as long."""
_MOST_EVICTIONS = 50


@dataclass(frozen=True, slots=True)
class Judged:
    """One failure, and whether its attempts and time are spent."""

    sign: Sign
    failure: Failure
    is_spent: bool

    @property
    def is_hard(self) -> bool:
        """Whether it is more than waiting."""
        return self.sign.patience is not Patience.PHASE


@dataclass(frozen=True, slots=True)
class Tracked:
    """All failures, the gravest first, and what has to be remembered."""

    judged: tuple[Judged, ...] = ()
    failing_since: Mapping[str, datetime] = field(default_factory=dict)
    attempts: Mapping[str, int] = field(default_factory=dict)
    pulls: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """Why a container last waited for its image, and how many pulls were seen to fail."""


def judge_signs(
    signs: Sequence[Sign], pods: Pods, memory: Memory, budgets: PhaseBudgets, now: datetime, floor: datetime | None
) -> Tracked:
    """`floor`: nothing is held against a revision that was before it."""
    pulls = count_pulls(signs, memory.details.get("pulls") or {})
    since: dict[str, datetime] = {}
    attempts: dict[str, int] = {}
    for sign in signs:
        family = family_of(sign.reason)
        began = memory.failing_since.get(family) or min(newest(sign.since, floor) or now, now)
        since[family] = min(began, since.get(family, began))
        seen = pulls.get(sign.key, ("", 0))[1] if sign.reason is Reason.IMAGE_PULL else 0
        before = memory.attempts.get(family, 0)
        attempts[family] = max(sign.attempts, seen, before, attempts.get(family, 0), 1)
    judged = [_judge(sign, since, attempts, budgets, now) for sign in signs]
    judged.sort(key=lambda item: (not item.is_spent, not item.is_hard, item.failure.since, item.sign.key))
    if not since.get(Reason.CRASH_LOOP.value):
        _keep_recent_crash(pods, memory, budgets, now, since, attempts)
    return Tracked(tuple(judged), since, attempts, pulls)


def family_of(reason: Reason) -> str:
    """Under which name it is remembered."""
    return _FAMILY.get(reason, reason).value


def _judge(
    sign: Sign, since: Mapping[str, datetime], attempts: Mapping[str, int], budgets: PhaseBudgets, now: datetime
) -> Judged:
    family = family_of(sign.reason)
    began = since[family]
    elapsed = (now - began).total_seconds()
    tried = attempts[family]
    if sign.reason is Reason.IMAGE_PULL:
        tried = max(tried, estimate_pulls(elapsed))
    is_spent = {
        Patience.NONE: True,
        Patience.PHASE: False,
        Patience.TIME: elapsed >= budgets.failing_seconds,
        Patience.ATTEMPTS: elapsed >= budgets.failing_seconds and tried >= budgets.attempts,
    }[sign.patience]
    return Judged(sign, Failure(sign.reason, sign.cause, sign.evidence, sign.hint, began, tried), is_spent)


def count_pulls(signs: Iterable[Sign], before: Mapping[str, tuple[str, int]]) -> dict[str, tuple[str, int]]:
    """A kubelet shows each pull that fails as ErrImagePull, and then ImagePullBackOff until the next."""
    found: dict[str, tuple[str, int]] = {}
    for sign in signs:
        if sign.reason is Reason.IMAGE_PULL:
            last, count = before.get(sign.key, ("", 0))
            is_next = count == 0 or (sign.waiting == _PULL_AGAIN and last != _PULL_AGAIN)
            found[sign.key] = (sign.waiting, count + is_next)
    return found


def estimate_pulls(elapsed: float) -> int:
    """How many pulls a kubelet has made in so many seconds, by its pauses of 10, 20, 40 ... 300 s."""
    count, pause, at = 1, _PULL_PAUSE, _PULL_PAUSE
    while at <= elapsed and count < 1000:
        count, pause = count + 1, min(pause * 2, 300.0)
        at += pause
    return count


def _keep_recent_crash(
    pods: Pods,
    memory: Memory,
    budgets: PhaseBudgets,
    now: datetime,
    since: dict[str, datetime],
    attempts: dict[str, int],
) -> None:
    """A server that is ready for a moment between two crashes has not recovered."""
    family = Reason.CRASH_LOOP.value
    began = memory.failing_since.get(family)
    if began is None:
        return
    ends = [
        container.ended.finished_at
        for pod in pods.active
        for container in (*pod.init_containers, *pod.containers)
        if container.restarts > 0 and container.ended is not None
    ]
    last = newest(*ends)
    if last is not None and now - last <= timedelta(seconds=budgets.failing_seconds):
        since[family] = began
        attempts[family] = memory.attempts.get(family, 1)


def remember_evictions(pods: Pods, memory: Memory, now: datetime) -> dict[str, tuple[str, str, datetime]]:
    """Pods of the new revision that the cluster took away, by uid: name, words, when. They vanish from the cluster."""
    found: dict[str, Any] = dict(memory.details.get("evictions") or {})
    for pod in pods.new:
        eviction = find_eviction(pod)
        if eviction is not None and pod.uid not in found:
            found[pod.uid] = (pod.name, eviction[0], eviction[1] or now)
    return dict(sorted(found.items(), key=lambda item: item[1][2])[-_MOST_EVICTIONS:])


def find_evictions(
    evictions: Mapping[str, tuple[str, str, datetime]], budgets: PhaseBudgets, now: datetime
) -> list[Sign]:
    """A sign while the last one is recent: one that the rollout gets over is forgotten."""
    moments = [moment for _, _, moment in evictions.values()]
    last = newest(*moments)
    if last is None or now - last > timedelta(seconds=budgets.failing_seconds):
        return []
    name, words, _ = max(evictions.values(), key=lambda item: item[2])
    since, count = oldest(*moments), len(moments)
    return [make_sign(Reason.EVICTED, f"pod {name} was taken away by the cluster", words, since=since, attempts=count)]
