"""Which requests a branch has carried out lately.

Owns: finding by its trailer a commit that is in already, so that asking twice commits once. Refuses: guessing by
content.
"""

from __future__ import annotations

from generator.gitops.message import find_request_ids
from generator.gitops.repository import Repository

_WINDOW = 2_000
"""Commits looked back at first use (some 15 ms). A request is repeated within minutes, or not at all."""


class RequestIndex:
    """Request id to commit, kept up with the branch's tip."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._tip: str | None = None
        self._commits: dict[str, str] = {}

    def follow(self, tip: str | None) -> None:
        """Read what is new up to `tip`; everything anew where the branch was set back."""
        if tip == self._tip:
            return
        since = self._tip
        if since is None or tip is None or not self._repository.is_ancestor(since, tip):
            self._commits.clear()
            since = None
        if tip is not None:
            for commit in self._repository.commits(since=since, until=tip, limit=_WINDOW):
                self._note(commit.id, commit.message)
        self._tip = tip

    def advance(self, made: dict[str, str], tip: str) -> None:
        """Add commits of our own without reading them back."""
        self._commits.update(made)
        self._tip = tip

    def find(self, request_id: str) -> str | None:
        """The commit that carried the request out, or None."""
        return self._commits.get(request_id)

    def _note(self, commit: str, message: str) -> None:
        for request_id in find_request_ids(message):
            self._commits.setdefault(request_id, commit)
