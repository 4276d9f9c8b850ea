"""Bringing a clone to where its branch goes.

Owns: the order of journal, ref, files and index, so that a crash between any two is finished by the next run.
Refuses: moving a branch over work that stands in the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from generator.gitops.journal import Journal, JournalFile
from generator.gitops.refs import RefUpdate
from generator.gitops.remote import Remote
from generator.gitops.repository import Repository
from generator.gitops.worktree import WorkTree


@dataclass(frozen=True, slots=True)
class SyncReport:
    """How far the clone followed. `left_alone` are paths with other work in them; `reason` why nothing was moved.

    `unfinished`: the journal stays, and the next command goes on with it.
    """

    left_alone: tuple[str, ...] = ()
    reason: str = ""
    unfinished: bool = False


class Follower:
    """Moves one work tree along. Its caller holds the clone's lock."""

    def __init__(self, repository: Repository, work_tree: WorkTree) -> None:
        self.journal = JournalFile(work_tree.git_dir)
        self._repository = repository
        self._work_tree = work_tree

    def sync(self, old: str | None, new: str, taken: Mapping[str, str | None]) -> SyncReport:
        """Bring index and files from `old` to `new`; the branch has moved already.

        A file with other content stays as it is; where nothing else was staged for it, the index follows all the
        same, or the next plain `git commit` would undo what was just committed.
        """
        changed = self._repository.changed_paths(old, new)
        states = self._work_tree.read_states(old, changed, taken)
        free = [change for change in changed if states[change.path].is_free]
        index_only = [change for change in changed if states[change.path].is_edited_only]
        skipped = [change for change in free if states[change.path].is_skipped]
        self._work_tree.bring([change for change in free if not states[change.path].is_skipped], index_only, skipped)
        return SyncReport(tuple(sorted(path for path, state in states.items() if not state.is_free)))

    def advance(self, branch: str, old: str | None, new: str, taken: Mapping[str, str | None]) -> SyncReport:
        """Fast-forward the branch with index and files; nothing moves where anything is in the way."""
        if old == new:
            return SyncReport()
        if old is not None and not self._repository.is_ancestor(old, new):
            return SyncReport(reason=f"{branch} has commits of its own")
        states = self._work_tree.read_states(old, self._repository.changed_paths(old, new), taken)
        obstacles = tuple(sorted(path for path, state in states.items() if not state.is_free))
        if obstacles:
            return SyncReport(obstacles, "files with other changes are in the way")
        if self.journal.read() is None:
            self.journal.write(Journal(branch, old, new, dict(taken), awaits_remote=False))
        self._repository.refs.move([RefUpdate(f"refs/heads/{branch}", new, old)], "revstamp: fast-forward")
        report = self.sync(old, new, taken)
        self.journal.clear()
        return report

    def resume(self, branch: str, remote: Remote | None) -> SyncReport | None:
        """Finish what the journal tells; None where there is none.

        Raises RemoteUnavailable, and keeps the journal, where only the remote can say whether the commit is in.
        """
        journal = self.journal.read()
        if journal is None:
            return None
        report = SyncReport(reason="the commit that was interrupted had not been made")
        tip = self._repository.tip(journal.branch)
        if tip is not None and self._repository.is_ancestor(journal.new, tip):
            is_current = journal.branch == branch
            report = self.sync(journal.old, journal.new, journal.taken) if is_current else SyncReport()
        elif journal.awaits_remote and self._is_in(remote, journal.new) and journal.branch == branch:
            report = self.advance(branch, tip, journal.new, journal.taken)
        self.journal.clear()
        return report

    def _is_in(self, remote: Remote | None, commit: str) -> bool:
        tip = remote.fetch(self._repository) if remote else None
        return tip is not None and self._repository.is_ancestor(commit, tip)
