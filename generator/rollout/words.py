"""A rollout in one line for people: what serves now, what is coming, how long it may take.

Owns: wording. Refuses: deciding anything. Two lanes, always: a failed update says that the old one still serves.
"""

from __future__ import annotations

from datetime import datetime

from generator.rollout.live import one_line
from generator.rollout.status import Phase, Reason, RolloutStatus, Verdict

_TRIED = (Reason.IMAGE_PULL, Reason.CRASH_LOOP, Reason.OUT_OF_MEMORY, Reason.DOWNLOAD_FAILED, Reason.EVICTED)


def say_status(status: RolloutStatus, now: datetime) -> str:
    """Such as `r42: loading the model, 1 of 2 ready, old r41 serving 2 (3 min 10 s of 30 min)`."""
    head = f"r{status.expectation.revision}: "
    if status.verdict is Verdict.FAILED:
        return head + _say_failed(status)
    if status.verdict is Verdict.SUPERSEDED:
        return head + f"superseded by a newer revision, {_say_serving(status)}"
    parts = [status.phase.value, *_say_lanes(status)]
    failure = status.failure
    if failure is not None:
        word = "failing" if status.verdict is Verdict.FAILING else ""
        named = failure.reason.value if status.verdict is not Verdict.PROGRESSING else ""
        cause = ", ".join(part for part in (word, named) if part)
        parts.append(f"{cause}: {failure.cause}" if cause else failure.cause)
    line = head + ", ".join(parts)
    if status.note and status.phase in (Phase.NOT_APPLIED, Phase.WAITING_FOR_CAPACITY, Phase.STARTING):
        line += f": {status.note}" if status.phase is Phase.NOT_APPLIED else f"; {status.note}"
    return one_line(line) + _say_time(status, now)


def say_duration(seconds: float) -> str:
    """Such as `45 s`, `3 min 10 s`, `30 min`, `2 h 5 min`."""
    whole = max(int(seconds), 0)
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if minutes:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{rest} s"


def _say_lanes(status: RolloutStatus) -> list[str]:
    progress = status.progress
    lanes = []
    if progress.wanted or progress.updated:
        lanes.append(f"{progress.ready} of {progress.wanted} ready")
    if progress.old_serving:
        lanes.append(f"old {_old(status)} serving {progress.old_serving}")
    elif not status.serving and progress.wanted and status.phase is not Phase.NOT_APPLIED:
        lanes.append("nothing serves")
    return lanes


def _say_failed(status: RolloutStatus) -> str:
    """The verdict, then what serves all the same."""
    failure = status.failure
    why = f"{failure.reason.value}: {failure.cause}" if failure else "no reason is known"
    return one_line(f"Update failed, {_say_serving(status)}: {why}")


def _say_serving(status: RolloutStatus) -> str:
    progress = status.progress
    if progress.old_serving:
        return f"{_old(status)} still serving {progress.old_serving}"
    if status.newest_live:
        return f"{progress.ready} of {progress.wanted} are ready by now"
    return f"{progress.ready} of {progress.wanted} serving" if status.serving else "nothing serves"


def _old(status: RolloutStatus) -> str:
    revision = status.progress.old_revision
    return f"r{revision}" if revision is not None else "pods"


def _say_time(status: RolloutStatus, now: datetime) -> str:
    """Time spent of the time that there is: for failures attempts, too."""
    if status.verdict.is_final or status.phase is Phase.NOT_APPLIED:
        return ""
    budgets, failure = status.expectation.budgets, status.failure
    if status.verdict is Verdict.FAILING and failure is not None:
        spent = f"{say_duration((now - failure.since).total_seconds())} of {say_duration(budgets.failing_seconds)}"
        tried = f"attempt {failure.attempts}, " if failure.reason in _TRIED and failure.attempts else ""
        return f" ({tried}{spent})"
    elapsed = say_duration((now - status.since).total_seconds())
    if status.deadline is None:
        return f" ({elapsed})"
    return f" ({elapsed} of {say_duration((status.deadline - status.since).total_seconds())})"
