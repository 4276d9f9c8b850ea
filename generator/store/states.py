"""The states of a redeployment, and what may follow what.

Owns: the one table of transitions; the database's triggers are written from it. Refuses: storage. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """Where a redeployment stands."""

    REFUSED = "refused"
    """The plan said no, or another one runs; nothing was touched."""
    PENDING = "pending"
    """Accepted; its commit is still to be made."""
    PROPOSED = "proposed"
    """Its commit waits on a branch of its own to be merged."""
    REJECTED = "rejected"
    """That branch was closed without a merge."""
    COMMITTED = "committed"
    """The remote has acknowledged the commit (without a remote: the local branch has moved)."""
    APPLIED = "applied"
    """The cluster carries what the commit says, or something newer that contains it."""
    PROGRESSING = "progressing"
    """Pods of the revision were seen."""
    HEALTHY = "healthy"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    """A newer one took its place before it had a verdict."""

    @property
    def is_final(self) -> bool:
        """Whether nothing follows."""
        return not TRANSITIONS[self]

    @property
    def holds_lock(self) -> bool:
        """Whether no other redeployment of the endpoint may run meanwhile."""
        return self in LOCKING


class Kind(StrEnum):
    """What was asked for."""

    REDEPLOY = "redeploy"
    ROLLBACK = "rollback"
    PROMOTE = "promote"
    CREATE = "create"
    SCALE = "scale"
    STOP = "stop"
    DELETE = "delete"
    BY_HAND = "by-hand"
    """A commit that was found in git: a person's edit, a merged pull request, another tool."""

    @property
    def may_interrupt(self) -> bool:
        """Whether it takes the place of one that runs without being told to: it must never have to wait."""
        return self in (Kind.ROLLBACK, Kind.STOP, Kind.DELETE, Kind.BY_HAND)


INITIAL: Mapping[State, tuple[Kind, ...]] = {
    State.REFUSED: tuple(Kind),
    State.PENDING: tuple(Kind),
    State.SUPERSEDED: (Kind.BY_HAND,),
}
"""How a row may begin, and for which kinds: a commit found in git may have been overtaken before it was found."""

TRANSITIONS: Mapping[State, tuple[State, ...]] = {
    State.REFUSED: (),
    State.PENDING: (State.PROPOSED, State.COMMITTED, State.FAILED, State.HEALTHY),
    State.PROPOSED: (State.COMMITTED, State.REJECTED, State.SUPERSEDED),
    State.REJECTED: (),
    State.COMMITTED: (State.APPLIED, State.FAILED, State.SUPERSEDED),
    State.APPLIED: (State.PROGRESSING, State.HEALTHY, State.FAILED, State.SUPERSEDED),
    State.PROGRESSING: (State.HEALTHY, State.FAILED, State.SUPERSEDED),
    State.HEALTHY: (),
    State.FAILED: (),
    State.SUPERSEDED: (),
}
"""design.md, "The ledger's states"."""

LOCKING = (State.PENDING, State.COMMITTED, State.APPLIED, State.PROGRESSING)
"""At most one redeployment of an endpoint is in one of these; proposed ones have a lock of their own."""


def may_follow(before: State, after: State) -> bool:
    """Whether a redeployment may go from one state to another; staying is no step."""
    return after in TRANSITIONS[before]
