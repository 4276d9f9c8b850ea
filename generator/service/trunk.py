"""The branch where what is deployed stands, for whoever commits to it on others' behalf.

Owns: one way to its tip and onto it, from a person's clone or a bare mirror. Refuses: what is committed.
"""

from __future__ import annotations

from typing import Protocol

from generator.gitops.broker import CommitBroker, Limits
from generator.gitops.changes import Change, CommitResult
from generator.gitops.message import find_request_ids
from generator.gitops.remote import Remote
from generator.gitops.repository import Repository
from generator.gitops.snapshot import Snapshot
from generator.service.workspace import Workspace


class Trunk(Protocol):
    """A branch that can be read and committed to. May be shared by threads."""

    repository: Repository
    branch: str

    @property
    def remote(self) -> Remote | None:
        """Where the branch is pushed to; None for a local one."""
        ...

    def read_tip(self, *, refresh: bool = True) -> Snapshot:
        """The files of the branch; `refresh` asks the remote first."""
        ...

    def commit(self, change: Change) -> CommitResult:
        """Commit onto the branch, once however often the change is handed in."""
        ...

    def propose(self, change: Change, branch: str) -> CommitResult:
        """Commit onto a branch of its own that starts at the tip, for a pull request."""
        ...

    def read_branch(self, branch: str) -> str | None:
        """Where another branch is; None where it is gone."""
        ...


class ClonedTrunk:
    """The branch of a person's clone: the work tree follows what is committed."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.repository, self.branch = workspace.repository, workspace.delivery_branch

    @property
    def remote(self) -> Remote | None:
        """Where the branch is pushed to."""
        return self._workspace.clone.remote(self.branch)

    def read_tip(self, *, refresh: bool = True) -> Snapshot:
        """The files of the branch."""
        return self._workspace.read_tip(refresh=refresh)

    def commit(self, change: Change) -> CommitResult:
        """Commit onto the branch, and bring the clone to it."""
        return self._workspace.commit_change(change).result

    def propose(self, change: Change, branch: str) -> CommitResult:
        """Commit onto another branch; the one that is checked out stays."""
        return self._workspace.commit_change(change, branch).result

    def read_branch(self, branch: str) -> str | None:
        """Where another branch is."""
        remote = self._workspace.clone.remote(branch)
        return remote.fetch(self.repository) if remote else self.repository.tip(branch)


class MirroredTrunk:
    """The branch in a repository without a work tree of its own: a bare mirror, or a local bare repository."""

    def __init__(
        self, repository: Repository, branch: str, remote: Remote | None, limits: Limits | None = None
    ) -> None:
        self.repository, self.branch, self._limits = repository, branch, limits
        self._remote = remote
        self._broker = CommitBroker(repository, branch, remote, limits=limits)

    @property
    def remote(self) -> Remote | None:
        """Where the branch is pushed to."""
        return self._remote

    def read_tip(self, *, refresh: bool = True) -> Snapshot:
        """The files of the branch."""
        return self._broker.snapshot(refresh)

    def commit(self, change: Change) -> CommitResult:
        """Commit onto the branch."""
        return self._broker.commit(change)

    def propose(self, change: Change, branch: str) -> CommitResult:
        """Commit onto another branch."""
        start = self.read_tip().commit
        broker = CommitBroker(
            self.repository, branch, self._other(branch), limits=self._limits, choose_base=lambda tip: tip or start
        )
        return broker.commit(change)

    def read_branch(self, branch: str) -> str | None:
        """Where another branch is."""
        remote = self._other(branch)
        return remote.fetch(self.repository) if remote else self.repository.tip(branch)

    def _other(self, branch: str) -> Remote | None:
        remote = self.remote
        return Remote(remote.name_or_url, branch, remote.time_limit) if remote else None


def find_request(repository: Repository, since: str | None, until: str | None, request_id: str) -> str | None:
    """The commit between two that carries a request out, also one a forge has squashed; None where there is none."""
    if until is None or since == until:
        return None
    for commit in repository.commits(since=since, until=until):
        if request_id in find_request_ids(commit.message):
            return commit.id
    return None
