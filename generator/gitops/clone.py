"""A person's local clone.

Owns: which branch and remote a commit made here goes to, and leaving branch, index and work tree consistent, also
after a crash at any moment. Refuses: merging, forcing, and touching work that it was not told to take.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from generator.errors import DirtyClone, GitError, NotARepository, RemoteUnavailable, RevstampError, StorageFailed
from generator.gitops.broker import CommitBroker, Limits
from generator.gitops.changes import Change, CommitResult
from generator.gitops.edits import Edits, guard_change, read_edits
from generator.gitops.following import Follower, SyncReport
from generator.gitops.history import ChangedPath
from generator.gitops.journal import Journal
from generator.gitops.lock import hold_lock
from generator.gitops.process import run_git
from generator.gitops.remote import DEFAULT_TIME_LIMIT, Remote
from generator.gitops.repository import Repository, explain_unusable
from generator.gitops.worktree import WorkTree

_IN_PROGRESS = {"MERGE_HEAD": "merge", "CHERRY_PICK_HEAD": "cherry-pick", "REVERT_HEAD": "revert"}


@dataclass(frozen=True, slots=True)
class CloneResult:
    """What came of a commit made in a clone."""

    result: CommitResult
    sync: SyncReport


class Clone:
    """A work tree on a branch. `Clone.find` is the way to get one."""

    def __init__(
        self, root: Path, git_dir: Path, repository: Repository, time_limit: float = DEFAULT_TIME_LIMIT
    ) -> None:
        self.root = root
        self.time_limit = time_limit
        self.git_dir = git_dir
        self.repository = repository
        self.work_tree = WorkTree(root, git_dir)
        self._follower = Follower(repository, self.work_tree)

    @classmethod
    def find(cls, start: Path | str = ".", time_limit: float = DEFAULT_TIME_LIMIT) -> Clone:
        """The clone that a folder is in. Raises NotARepository outside of one, or in a bare repository.

        `time_limit` is in seconds, for each fetch and push.
        """
        if not Path(start).is_dir():
            raise NotARepository(f"{start} is not a folder")
        options = ["--path-format=absolute", "--is-bare-repository", "--git-dir", "--git-common-dir"]
        answer = run_git(["rev-parse", *options], cwd=Path(start))
        if answer.code != 0:
            raise explain_unusable(start, answer)
        bare, git_dir, common = answer.text.split("\n")
        top = run_git(["rev-parse", "--path-format=absolute", "--show-toplevel"], cwd=Path(start))
        if bare == "true" or top.code != 0:
            raise NotARepository(f"{start} has no work tree", hint="run this in a clone, not in a bare repository")
        return cls(Path(top.text), Path(git_dir), Repository.open(common), time_limit)

    @property
    def branch(self) -> str:
        """The branch that is checked out; it may have no commit yet. Raises DirtyClone for a detached HEAD."""
        answer = run_git(["symbolic-ref", "-q", "HEAD"], cwd=self.root)
        if answer.code != 0 or not answer.text.startswith("refs/heads/"):
            raise DirtyClone("HEAD is detached: no branch is checked out", hint="run git switch BRANCH first")
        return answer.text.removeprefix("refs/heads/")

    @property
    def is_detached(self) -> bool:
        """Whether a commit, not a branch, is checked out."""
        return run_git(["symbolic-ref", "-q", "HEAD"], cwd=self.root).code != 0

    @property
    def head(self) -> str | None:
        """The commit that is checked out; None where the branch has none yet."""
        return self.repository.tip(self.branch)

    @cached_property
    def remote_name(self) -> str | None:
        """The upstream's remote, else origin, else the only one; None where there is none."""
        upstream = self.repository.read_setting(f"branch.{self.branch}.remote")
        if upstream:
            return None if upstream == "." else upstream
        names = self.repository.git("remote").text.split()
        if "origin" in names or len(names) == 1:
            return "origin" if "origin" in names else names[0]
        if names:
            hint = f"run git branch --set-upstream-to=REMOTE/{self.branch} first"
            raise GitError(f"{self.branch} has no upstream and there are several remotes", hint=hint)
        return None

    def remote(self, branch: str | None = None, time_limit: float | None = None) -> Remote | None:
        """The remote's branch that commits go to: the upstream, or one of the given name."""
        if self.remote_name is None:
            return None
        merge = self.repository.read_setting(f"branch.{self.branch}.merge") if branch is None else None
        name = branch or (merge or self.branch).removeprefix("refs/heads/")
        is_name = not re.search(
            r":|\.\.|^[./]", self.remote_name
        )  # `git push -u URL` sets a URL, which no ref can follow
        tracking = f"refs/remotes/{self.remote_name}/{name}" if is_name else ""
        return Remote(self.remote_name, name, time_limit or self.time_limit, tracking)

    def edits(self, folders: Sequence[str] = ()) -> Edits:
        """What the person changed below the folders. Finishes first what a crash left unfinished."""
        self.resume()
        return read_edits(self.repository, self.work_tree, self.head, folders)

    def commit(self, change: Change, edits: Edits | None = None, limits: Limits | None = None) -> CloneResult:
        """Commit onto the branch (the remote's where there is one) and bring the clone to it.

        `edits` are paths that the change takes from the work tree; somebody else's change of one of them is a
        ChangeConflict. Whatever is raised, nothing has moved; only after RemoteUnavailable may the remote turn out
        to have the commit, which the next run finds out from the journal.
        """
        with self._held():
            branch, remote = self.branch, self.remote()
            self._follower.resume(branch, remote)
            old, taken = self.head, dict(edits.blobs) if edits else {}
            broker = CommitBroker(
                self.repository,
                branch,
                remote,
                limits=limits,
                choose_base=None if remote is None else self.choose_base,
                before_publish=lambda _, new: self._follower.journal.write(
                    Journal(branch, old, new, taken, remote is not None)
                ),
            )
            try:
                result = broker.commit(guard_change(self.repository, change, edits))
            except RevstampError as error:
                if not isinstance(error, RemoteUnavailable):
                    self._follower.journal.clear()
                raise
            return CloneResult(result, self._follow(branch, old, result.tip, taken))

    def _follow(self, branch: str, old: str | None, tip: str | None, taken: Mapping[str, str | None]) -> SyncReport:
        """Bring the clone to a commit that is made. That this fails does not unmake it; the next run goes on."""
        report = SyncReport()
        try:
            if tip and self.remote() is not None:
                report = self._follower.advance(branch, old, tip, taken)
            elif tip and tip != old:
                report = self._follower.sync(old, tip, taken)
        except OSError as error:
            return SyncReport(reason=str(StorageFailed.from_os(error)), unfinished=True)
        self._follower.journal.clear()
        return report

    def commit_elsewhere(
        self, branch: str, change: Change, edits: Edits | None = None, limits: Limits | None = None
    ) -> CloneResult:
        """Commit onto a branch of its own, for review; it starts where a commit on the present one would.

        It is pushed where there is a remote, and the result carries the link that a forge answers. The branch that is
        checked out stays; edits that are safe on the other one leave the work tree.
        """
        if branch == self.branch:
            return self.commit(change, edits, limits)
        with self._held():
            self._follower.resume(self.branch, self.remote())
            upstream, head = self.remote(), self.head
            if upstream is None:
                self._refuse_checked_out(branch)
            start = self.choose_base(upstream.fetch(self.repository)) if upstream else head
            broker = CommitBroker(
                self.repository, branch, self.remote(branch), limits=limits, choose_base=lambda tip: tip or start
            )
            result = broker.commit(guard_change(self.repository, change, edits))
            report = SyncReport()
            if edits and result.commit and head:
                report = self._follower.sync(result.commit, head, edits.blobs)
            return CloneResult(result, report)

    def sync(self, old: str | None, new: str, taken: Mapping[str, str | None]) -> SyncReport:
        """Bring index and work tree from `old` to `new` where they hold nothing else; the branch has moved."""
        with self._held():
            return self._follower.sync(old, new, taken)

    def restore(self, paths: Sequence[str]) -> tuple[str, ...]:
        """Bring files back to what HEAD has; returns those that it has, the others stay as they are."""
        with self._held():
            snapshot = self.repository.snapshot(self.head)
            blobs = {path: blob for path in paths if (blob := snapshot.blob_id(path)) is not None}
            self.work_tree.bring([ChangedPath("M", path, None, blob) for path, blob in blobs.items()])
            return tuple(blobs)

    def resume(self) -> SyncReport | None:
        """Finish what a crash left unfinished; None where there was nothing. Asks the remote where it must."""
        if self._follower.journal.read() is None:
            return None
        with self._held():
            return self._follower.resume(self.branch, self.remote())

    def choose_base(self, tip: str | None) -> str | None:
        """The remote's tip, or the local branch where it is ahead of it."""
        local = self.head
        if local is None or tip is None or local == tip:
            return tip or local
        if self.repository.is_ancestor(local, tip):
            return tip
        if self.repository.is_ancestor(tip, local):
            return local
        raise DirtyClone(
            f"{self.branch} and its remote have both moved on", hint="run git pull --rebase, then run this again"
        )

    def _refuse_checked_out(self, branch: str) -> None:
        """A branch must not move below another work tree: its files would look like a change that undoes the commit."""
        listing = self.repository.git("worktree", "list", "--porcelain").text
        for block in listing.split("\n\n"):
            lines = block.split("\n")
            if f"branch refs/heads/{branch}" in lines:
                place = lines[0].removeprefix("worktree ")
                raise DirtyClone(f"{branch} is checked out in {place}", hint=f"run this there: -C {place}")

    @contextmanager
    def _held(self) -> Iterator[None]:
        with hold_lock(self.git_dir / "revstamp" / "clone.lock", 60.0, "somebody else is committing in this clone"):
            self.work_tree.index.refuse_lock()
            for name, what in _IN_PROGRESS.items():
                if (self.git_dir / name).exists():
                    raise DirtyClone(f"a {what} is in progress in this clone", hint=f"finish or abort the {what} first")
            yield
