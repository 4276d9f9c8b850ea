"""A sign: one thing that Kubernetes shows to be wrong now.

Owns: its shape, and how known words turn it into a cause and a hint. Refuses: finding signs, and judging them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from generator.rollout.causes import HINTS, find_cause
from generator.rollout.live import one_line
from generator.rollout.status import Reason


class Patience(Enum):
    """What has to be spent before a sign is a verdict; design of failing against failed."""

    ATTEMPTS = "attempts and time"
    """Pulls, crashes, evictions: they may go well the next time."""
    TIME = "time"
    """What somebody may mend meanwhile: a Secret, a volume, a policy."""
    PHASE = "the phase's budget"
    """GPUs and quotas: waiting is a state of its own."""
    NONE = "nothing"
    """A budget is spent already."""


@dataclass(frozen=True, slots=True)
class Sign:
    """`since` is as early as Kubernetes knows; `attempts` as many as it counts. `key` names pod and container."""

    reason: Reason
    cause: str
    evidence: str
    hint: str
    patience: Patience
    since: datetime | None = None
    attempts: int = 0
    key: str = ""
    waiting: str = ""
    """Why the container waits, where it does: an attempt shows as a change of it."""


def make_sign(
    reason: Reason,
    what: str,
    *words: str,
    patience: Patience = Patience.ATTEMPTS,
    since: datetime | None = None,
    attempts: int = 0,
    key: str = "",
    waiting: str = "",
) -> Sign:
    """`what` is a sentence about an object without its end; `words` are raw, those that know more first."""
    evidence = one_line(*words)
    known = find_cause(reason, evidence)
    if known is not None and known.reason is not None:
        reason = known.reason
    cause = f"{what}: {known.words}" if known else what
    hint = known.hint if known else HINTS[reason]
    return Sign(reason, cause, evidence or what, hint, patience, since, attempts, key, waiting)
