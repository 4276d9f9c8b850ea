"""A GitOps repository as a person has it: a clone, its branch, its remote.

Owns: which tree is the base of the next change, and how the clone looks afterwards. Refuses: what a change means.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from generator.errors import InternalError, NotARepository, NotFound, Refused
from generator.gitops.broker import Limits
from generator.gitops.changes import Change, CommitResult
from generator.gitops.clone import Clone, CloneResult
from generator.gitops.edits import Edits
from generator.gitops.following import SyncReport
from generator.gitops.message import ENDPOINT
from generator.gitops.process import run_git
from generator.gitops.repository import Repository
from generator.gitops.snapshot import Snapshot
from generator.service.committed_files import SnapshotTree, fleet_at
from generator.service.fleet import EndpointRef, Fleet, name_of
from generator.service.layout import ENVIRONMENTS, REPOSITORY_FILE, TEMPLATES, is_generated_path
from generator.service.tree import FileTree, FolderTree
from generator.settings import Settings

if TYPE_CHECKING:  # what plans and renders takes long to import, and whoever only reads does without
    from generator.service.check import Base
    from generator.service.commit import Author
    from generator.service.edits import EditedEndpoint, EditsChange
    from generator.service.operations import Operation
    from generator.service.plan import EndpointPlan

PEOPLE_FILES = (REPOSITORY_FILE, ENVIRONMENTS, TEMPLATES, ".revstamp")
"""What `revstamp commit` takes along; whatever else differs in the clone is none of its business."""


@dataclass(frozen=True, slots=True)
class HandEdited:
    """Files that somebody changed where only revstamp writes: those brought back, and those that are not its own."""

    restored: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Committed:
    """What came of a commit: git's side of it, and the plan of the operation or what became of the edits."""

    result: CommitResult
    sync: SyncReport
    branch: str
    plan: EndpointPlan | None = None
    endpoints: tuple[EditedEndpoint, ...] = ()
    plans: tuple[EndpointPlan, ...] = ()
    hand_edited: HandEdited = HandEdited()


class Workspace:
    """One clone of one GitOps repository."""

    def __init__(self, clone: Clone, settings: Settings) -> None:
        self.clone = clone
        self.settings = settings

    @classmethod
    def open(cls, folder: str | Path, settings: Settings) -> Workspace:
        """The repository that holds the folder. NotARepository where there is none, or no revstamp.yaml in it."""
        workspace = cls(Clone.find(Path(folder), settings.git_timeout_seconds), settings)
        if not (workspace.root / REPOSITORY_FILE).exists():
            raise NotARepository(
                f"{workspace.root} has no {REPOSITORY_FILE}",
                hint="run `revstamp init FOLDER` to make a GitOps repository",
            )
        return workspace

    @property
    def root(self) -> Path:
        """The top folder of the work tree."""
        return self.clone.root

    @property
    def repository(self) -> Repository:
        """The clone's git directory."""
        return self.clone.repository

    @cached_property
    def files(self) -> FileTree:
        """The work tree as it is on disk, edits included."""
        return FolderTree(self.root)

    @cached_property
    def fleet(self) -> Fleet:
        """What the work tree says, edits included."""
        return Fleet(self.files)

    def snapshot(self, rev: str) -> Snapshot:
        """A commit by any name that git knows."""
        return self.repository.snapshot(self.repository.resolve(rev))

    @property
    def delivery_branch(self) -> str:
        """The branch where what is deployed stands."""
        return self.fleet.settings.spec.branch

    def read_tip(self, *, refresh: bool = True) -> Snapshot:
        """What the next change would be made on: the remote's branch where there is one, else the local one.

        Who only looks (no `refresh`) may do so on a detached HEAD too, as continuous integration checks it out.
        """
        if not refresh and self.clone.is_detached:
            return self.snapshot("HEAD")
        remote = self.clone.remote()
        if remote is None:
            return self.repository.snapshot(self.clone.head)
        tip = remote.fetch(self.repository) if refresh else remote.known_tip(self.repository)
        return self.repository.snapshot(self.clone.choose_base(tip))

    def read_base(self, branch: str) -> Snapshot | None:
        """What revisions count from, where `branch` is not the delivery branch; None where it is, or there is none."""
        delivery = self.delivery_branch
        if branch == delivery:
            return None
        remote = self.clone.remote(delivery)
        tip = remote.fetch(self.repository) if remote else self.repository.tip(delivery)
        return self.repository.snapshot(tip) if tip is not None else None

    def commit_operation(self, operation: Operation, author: Author, branch: str | None = None) -> Committed:
        """Carry an operation out on the clone's branch, or on one of its own for a pull request."""
        from generator.service.commit import OperationChange

        target = branch or self.clone.branch
        change = OperationChange(self.repository, self.delivery_branch, operation, author, self.read_base(target))
        done = self._commit(change.change(), branch, None)
        if change.plan is None and done.result.commit is not None:
            self._refuse_other_endpoint(operation, author, done.result.commit)
        return Committed(done.result, done.sync, target, plan=change.plan)

    def commit_change(self, change: Change, branch: str | None = None) -> Committed:
        """Carry out a change that is about no single endpoint."""
        done = self._commit(change, branch, None)
        return Committed(done.result, done.sync, branch or self.clone.branch)

    def _refuse_other_endpoint(self, operation: Operation, author: Author, commit: str) -> None:
        """A request id that was carried out before must have been for this endpoint."""
        found = next(self.repository.commits(until=commit, limit=1))
        names = found.trailer_values(ENDPOINT)
        target = str(operation.target).rpartition("/")[2]
        wanted = {target, name_of(target)}
        if target and names and not wanted & set(names):
            raise Refused(
                f"the request id {author.request_id} was carried out before, for {', '.join(names)}, in {commit[:10]}",
                hint="give every request an id of its own",
            )

    def commit_edits(
        self,
        author: Author,
        branch: str | None = None,
        *,
        everything: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Committed:
        """Commit a person's edits with what they render to."""
        from generator.service.edits import EditsChange

        target = branch or self.clone.branch
        edits = self.clone.edits(PEOPLE_FILES)
        generated = [path for path in edits.blobs if is_generated_path(path)]
        edits = edits.set_aside(is_generated_path)
        base = self.read_base(target)
        change = EditsChange(self.repository, self.delivery_branch, edits.change, author, everything, base, progress)
        done = self._commit(change.change(), branch, edits)
        return Committed(
            done.result,
            done.sync,
            target,
            endpoints=tuple(change.endpoints),
            plans=tuple(change.plans),
            hand_edited=self._restore(generated),
        )

    def _restore(self, generated: list[str]) -> HandEdited:
        """Rendered files follow from their sources: an edit of one is not committed, and does not stay either."""
        restored = self.clone.restore(generated) if generated else ()
        left = (path for path in generated if path not in restored)
        return HandEdited(restored, tuple(path for path in left if (self.root / path).exists()))

    def _commit(self, change: Change, branch: str | None, edits: Edits | None) -> CloneResult:
        limits = Limits(lock_time=self.settings.lock_timeout_seconds)
        if branch is None or branch == self.clone.branch:
            return self.clone.commit(change, edits, limits)
        return self.clone.commit_elsewhere(branch, change, edits, limits)

    def plan_operation(self, operation: Operation, author: Author, branch: str | None = None) -> EndpointPlan:
        """What an operation would do, with nothing touched."""
        from generator.service.commit import OperationChange

        target = branch or self.clone.branch
        change = OperationChange(self.repository, self.delivery_branch, operation, author, self.read_base(target))
        change.build(self.read_tip())
        if change.plan is None:
            raise InternalError("the operation was built without a plan")
        return change.plan

    def plan_edits(
        self,
        author: Author,
        branch: str | None = None,
        *,
        everything: bool = False,
        most_plans: int = 100,
        progress: Callable[[int, int], None] | None = None,
    ) -> EditsChange:
        """What a commit of the person's edits would do, with nothing touched."""
        from generator.service.edits import EditsChange

        edits = self.clone.edits(PEOPLE_FILES).set_aside(is_generated_path)
        base = self.read_base(branch or self.clone.branch)
        change = EditsChange(
            self.repository, self.delivery_branch, edits.change, author, everything, base, progress, most_plans
        )
        change.build(self.read_tip())
        return change

    def find_past_endpoint(self, tip: Snapshot, text: str) -> EndpointRef:
        """The endpoint that is meant, also one that is gone but left its stamp (as ENVIRONMENT/NAME)."""
        fleet = fleet_at(tip) if tip.commit else self.fleet
        return fleet.find_past_endpoint(text)

    def head_tree(self) -> FileTree:
        """The files of the commit that is checked out."""
        return SnapshotTree(self.repository.snapshot(self.clone.head))


def find_base(folder: Path, delivery: str, rev: str | None) -> Base | None:
    """What a checked-out branch is to be compared with; None on the delivery branch itself, or without commits."""
    from generator.service.check import Base

    clone = Clone.find(folder)
    repository, head = clone.repository, run_git(["rev-parse", "--verify", "-q", "HEAD"], cwd=folder).text
    if not head:
        return None
    remotes = sorted(repository.git("remote").text.split(), key=lambda name: name != "origin")
    for name in (
        (rev,) if rev else (*(f"refs/remotes/{remote}/{delivery}" for remote in remotes), f"refs/heads/{delivery}")
    ):
        try:
            tip = repository.resolve(name)
        except NotFound:
            if rev:
                raise
            continue
        fork = repository.git("merge-base", head, tip).text
        if rev is None and tip == head:
            return None
        shown = name.removeprefix("refs/remotes/").removeprefix("refs/heads/")
        return Base(fleet_at(repository.snapshot(fork or None)), fleet_at(repository.snapshot(tip)), shown)
    return None
