"""What a person changed in a work tree.

Owns: finding the paths that differ from HEAD and reading them; noticing that somebody else changed the same.
Refuses: merges in progress, and whatever WorkTree refuses to read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from generator.errors import ChangeConflict, DirtyClone
from generator.gitops.changes import Change, Proposal
from generator.gitops.repository import Repository
from generator.gitops.snapshot import Snapshot
from generator.gitops.trees import TreeChange
from generator.gitops.worktree import WorkTree


@dataclass(frozen=True, slots=True)
class Edits:
    """What the work tree has and `head` does not. `blobs` are its ids, `base_blobs` those of `head`, or None."""

    head: str | None
    change: TreeChange
    base_blobs: Mapping[str, str | None]
    blobs: Mapping[str, str | None]

    def __bool__(self) -> bool:
        return bool(self.change)

    def set_aside(self, is_aside: Callable[[str], bool]) -> Edits:
        """The same without paths that are not to be committed; `blobs` keeps them: they may be overwritten."""
        writes = {path: data for path, data in self.change.writes.items() if not is_aside(path)}
        deletes = frozenset(path for path in self.change.deletes if not is_aside(path))
        base = {path: blob for path, blob in self.base_blobs.items() if not is_aside(path)}
        return replace(self, change=TreeChange(writes, deletes), base_blobs=base)


def read_edits(repository: Repository, work_tree: WorkTree, head: str | None, folders: Sequence[str]) -> Edits:
    """The content on disk where it differs from `head`, staged or not. Raises InvalidInput naming a bad path."""
    snapshot = repository.snapshot(head)
    changed = list_changes(work_tree, folders)
    present = [path for path in changed if work_tree.is_file(path)]
    blobs: dict[str, str | None] = {**dict.fromkeys(changed), **work_tree.hash_files(present, store=True)}
    base = {path: snapshot.blob_id(path) for path in changed}
    edited = {path: blob for path, blob in blobs.items() if blob != base[path]}
    writes = {path: repository.read_blob(blob) for path, blob in edited.items() if blob}
    deletes = frozenset(path for path, blob in edited.items() if blob is None)
    return Edits(head, TreeChange(writes, deletes), {path: base[path] for path in edited}, edited)


def list_changes(work_tree: WorkTree, folders: Sequence[str] = ()) -> list[str]:
    """Paths that differ from HEAD in index or work tree, untracked files included, ignored ones not.

    Raises DirtyClone for a path in the middle of a merge.
    """
    options = ["--porcelain=v2", "-z", "--untracked-files=all", "--no-renames"]
    answer = work_tree.git("status", *options, "--", *folders)
    paths: dict[str, None] = {}
    for record in answer.stdout.decode("utf-8", "surrogateescape").split("\0"):
        kind, _, rest = record.partition(" ")
        if kind == "u":
            path = rest.split(" ", 9)[9]
            raise DirtyClone(f"{path} has a merge conflict", hint="resolve it, then run this again")
        if kind == "1":
            paths[rest.split(" ", 7)[7]] = None
        elif kind == "?":
            paths[rest] = None
    return list(paths)


def guard_change(repository: Repository, change: Change, edits: Edits | None) -> Change:
    """The same change, which raises ChangeConflict on a tip where somebody else has changed an edited file."""
    if edits is None:
        return change

    def build(snapshot: Snapshot) -> Proposal | None:
        for path, base in edits.base_blobs.items():
            if snapshot.commit is not None and snapshot.blob_id(path) not in (base, edits.blobs[path]):
                raise _name_foreign_change(repository, path, edits.head, snapshot.commit)
        return change.build(snapshot)

    return replace(change, build=build)


def _name_foreign_change(repository: Repository, path: str, head: str | None, tip: str) -> ChangeConflict:
    commit = next(repository.commits(path, since=head, until=tip, limit=1), None)
    by = f"{commit.id[:10]} by {commit.author_name}: {commit.subject}" if commit else tip[:10]
    return ChangeConflict(
        f"{path} was changed by somebody else in {by}",
        hint="run git stash, git pull and git stash pop; look at the file, then run this again",
        details={"file": path, "commit": commit.id if commit else tip},
    )
