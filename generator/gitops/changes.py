"""What is handed to the broker and what comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from generator.errors import InvalidInput
from generator.gitops.identity import Actor
from generator.gitops.message import CommitMessage
from generator.gitops.paths import has_control
from generator.gitops.snapshot import Snapshot
from generator.gitops.trees import TreeChange


@dataclass(frozen=True, slots=True)
class Proposal:
    """One commit, as it would be on the snapshot it was built from. `author` defaults to git's configured one."""

    change: TreeChange
    message: CommitMessage
    author: Actor | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A wish that is carried out exactly once, whatever the branch's tip is by then.

    `build` is called again whenever the commit has to move to a newer tip; None means there is nothing to do.
    Whatever it raises reaches only whoever submitted this change. A commit in the branch's recent history that
    carries `request_id` in its trailers counts as this change carried out.
    """

    request_id: str
    build: Callable[[Snapshot], Proposal | None]

    def __post_init__(self) -> None:
        if not self.request_id.strip() or self.request_id.startswith("-") or has_control(self.request_id):
            raise InvalidInput(f"{self.request_id!r} cannot be the id of a request")


@dataclass(frozen=True, slots=True)
class CommitResult:
    """What came of a change.

    `commit` is None where there was nothing to do, and `parent` what it was built on; `tip` is the branch with the
    whole batch in it; `pushed` whether a remote acknowledged it. `messages` and `link` are the remote's words.
    """

    commit: str | None
    parent: str | None
    tip: str | None
    pushed: bool
    link: str | None = None
    messages: tuple[str, ...] = ()

    @property
    def unchanged(self) -> bool:
        """Whether there was nothing to do."""
        return self.commit is None
