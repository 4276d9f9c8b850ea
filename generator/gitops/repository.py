"""A git directory as an object store and a set of refs.

Owns: opening or making it, reading snapshots, writing trees and commits, moving branches by compare-and-swap.
Refuses: the index, work trees, remotes, and what files mean. One instance may be shared by threads: objects are
immutable, caches have locks, refs move by compare-and-swap, and gitdb is called under a lock of the process.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from generator.errors import GitError, InvalidInput, NotARepository, NotFound
from generator.gitops.cache import BoundedCache
from generator.gitops.history import ChangedPath, Commit, list_changed_paths, list_commits
from generator.gitops.identity import Actor, read_identity
from generator.gitops.message import CommitMessage
from generator.gitops.objects import ObjectStore
from generator.gitops.paths import check_branch, check_revision
from generator.gitops.process import GitOutput, run_git
from generator.gitops.refs import RefStore
from generator.gitops.snapshot import EMPTY_TREE, Snapshot
from generator.gitops.trees import Tree, TreeChange, TreeWriter, parse_tree

if TYPE_CHECKING:
    from generator.gitops.reverted import RevertedPaths

MIRROR_SETTING = "revstamp.mirror"
"""Set in the git configuration of a mirror as the last step of making it."""

_CACHED_ENTRIES = 200_000
"""Tree entries kept parsed, about 200 bytes each: all shard folders of 100,000 endpoints, or some 40 MB at most."""
_CACHED_BYTES = 4 * 1024 * 1024
"""Blobs kept: those of the few endpoints that are being planned."""


class Repository:
    """A bare mirror, or the git directory that a clone and its work trees share."""

    def __init__(self, git_dir: Path) -> None:
        self.git_dir = git_dir
        self.objects = ObjectStore(git_dir)
        self.refs = RefStore(git_dir)
        self._trees: BoundedCache[Tree] = BoundedCache(_CACHED_ENTRIES, lambda tree: 4 + len(tree))
        self._blobs: BoundedCache[bytes] = BoundedCache(_CACHED_BYTES, lambda data: 100 + len(data))
        self._tree_of_commit: BoundedCache[str] = BoundedCache(10_000)
        self._reverted: dict[str, RevertedPaths] = {}

    @classmethod
    def open(cls, path: Path | str) -> Repository:
        """The repository at this very path: bare, a work tree, or a `.git`. Raises NotARepository."""
        folder = Path(path).absolute()
        if (folder / ".git").exists():
            where = ["-C", str(folder)]
        elif (folder / "HEAD").is_file():
            where = ["--git-dir", str(folder)]
        else:  # not a folder above it either: an empty folder inside somebody's clone is no repository
            raise NotARepository(f"{path} is not a git repository", hint="give the path of a clone or of a bare mirror")
        answer = run_git([*where, "rev-parse", "--path-format=absolute", "--git-common-dir", "--show-object-format"])
        if answer.code != 0:
            raise explain_unusable(path, answer)
        git_dir, object_format = answer.text.split("\n")
        if object_format != "sha1":
            raise GitError(f"{path} stores its objects by {object_format}; only sha1 is known here")
        return cls(Path(git_dir))

    @classmethod
    def init_bare(cls, path: Path | str, branch: str = "main") -> Repository:
        """A new bare repository, or the one that is there already."""
        answer = run_git(["init", "-q", "--bare", f"--initial-branch={check_branch(branch)}", "--", str(path)])
        if answer.code != 0:
            raise GitError(f"no repository could be made at {path}: {answer.stderr.strip()}")
        return cls.open(path)

    @classmethod
    def clone_mirror(cls, url: str, path: Path | str, time_limit: float = 600.0) -> Repository:
        """A bare mirror of a remote's branches; the one that is there already where it is whole."""
        from generator.gitops.mirror import make_mirror

        return make_mirror(url, Path(path), time_limit)

    @cached_property
    def is_bare(self) -> bool:
        """Whether no work tree belongs to it."""
        return self.read_setting("core.bare") == "true"

    @cached_property
    def is_mirror(self) -> bool:
        """Whether it was made by clone_mirror, so that its branches only ever repeat the remote's."""
        return self.read_setting(MIRROR_SETTING) == "true"

    @property
    def is_shallow(self) -> bool:
        """Whether older commits were not fetched."""
        return (self.git_dir / "shallow").exists()

    @cached_property
    def author(self) -> Actor:
        """The author that git is configured with here."""
        return read_identity(self.git_dir)

    @cached_property
    def committer(self) -> Actor:
        """The committer that git is configured with here."""
        return read_identity(self.git_dir, "COMMITTER")

    def git(self, *arguments: str, stdin: bytes = b"", timeout: float | None = None) -> GitOutput:
        """Run git on this git directory; the answer is not judged."""
        return run_git(["--git-dir", str(self.git_dir), *arguments], stdin=stdin, timeout=timeout)

    def read_setting(self, key: str) -> str | None:
        """One value of git's configuration, or None."""
        answer = self.git("config", "--get", "--", key)
        return answer.text if answer.code == 0 else None

    def tip(self, branch: str) -> str | None:
        """The commit that the local branch points to; None where the branch is not there yet."""
        return self.refs.read(f"refs/heads/{check_branch(branch)}")

    def resolve(self, rev: str) -> str:
        """The commit that a revision names. Raises NotFound, or InvalidInput for what could be an option."""
        answer = self.git("rev-parse", "-q", "--verify", "--end-of-options", f"{check_revision(rev)}^{{commit}}")
        if answer.code != 0:
            raise NotFound(f"the repository has no commit {rev}", hint="see the revisions with git log, or fetch first")
        return answer.text

    def snapshot(self, rev: str | None) -> Snapshot:
        """The files of a commit; of nothing at all for None."""
        if rev is None:
            return Snapshot(self, None, EMPTY_TREE)
        known = self._tree_of_commit.get(rev)
        if known:
            return Snapshot(self, rev, known)
        commit = self.resolve(rev)
        kind, data = self.objects.read(commit)
        tree = data[5:45].decode("ascii")
        if kind != "commit":
            raise NotFound(f"{rev} is a {kind}, not a commit")
        self._tree_of_commit.put(commit, tree)
        return Snapshot(self, commit, tree)

    def read_blob(self, blob_id: str) -> bytes:
        """The content of a blob. Raises NotFound. One plan asks for the same few blobs several times."""
        known = self._blobs.get(blob_id)
        if known is not None:
            return known
        kind, data = self.objects.read(blob_id)
        if kind != "blob":
            raise NotFound(f"{blob_id} is a {kind}, not a file's content")
        self._blobs.put(blob_id, data)
        return data

    def read_tree(self, tree_id: str) -> Tree:
        """The entries of a tree, parsed once."""
        known = self._trees.get(tree_id)
        if known is not None:
            return known
        kind, data = ("tree", b"") if tree_id == EMPTY_TREE else self.objects.read(tree_id)
        if kind != "tree":
            raise NotFound(f"{tree_id} is a {kind}, not a folder")
        entries = parse_tree(data)
        self._trees.put(tree_id, entries)
        return entries

    def read_ahead(self, object_ids: Iterable[str]) -> None:
        """Have blobs and trees in the caches before they are asked for; what is not there is told of then."""
        ids = dict.fromkeys(object_ids)
        unknown = [each for each in ids if self._trees.get(each) is None and self._blobs.get(each) is None]
        for object_id, kind, data in self.objects.read_many(unknown):
            if kind == "blob":
                self._blobs.put(object_id, data)
            elif kind == "tree":
                self._trees.put(object_id, parse_tree(data))

    def write_tree(self, base_tree: str | None, change: TreeChange) -> str:
        """The tree with the change applied; only trees along changed paths are read and written."""
        writer = TreeWriter(self.read_tree, self._keep_tree, lambda data: self.objects.write("blob", data))
        return writer.apply(base_tree, change)

    def write_commit(
        self,
        tree: str,
        parents: Sequence[str],
        message: CommitMessage,
        author: Actor | None = None,
        time: datetime | None = None,
    ) -> str:
        """Write a commit object; no ref moves. `time` must be aware; it defaults to now."""
        moment = time or datetime.now(UTC)
        if moment.tzinfo is None:
            raise InvalidInput("the time of a commit needs a time zone")
        stamp = f"{int(moment.timestamp())} {moment.strftime('%z')[:5]}"
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [
            f"author {author or self.author} {stamp}",
            f"committer {self.committer} {stamp}",
            "",
            message.render(),
        ]
        commit = self.objects.write("commit", "\n".join(lines).encode())
        self._tree_of_commit.put(commit, tree)
        return commit

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `newer` contains `older`; a commit contains itself."""
        return older == newer or self.git("merge-base", "--is-ancestor", older, newer).code == 0

    def commits(
        self, path: str | None = None, since: str | None = None, until: str = "HEAD", limit: int | None = None
    ) -> Iterator[Commit]:
        """Newest first: what `until` contains and `since` does not, of a file or folder where one is given."""
        return list_commits(self.git_dir, path, since, until, limit)

    def changed_paths(self, old: str | None, new: str | None, folder: str = "") -> list[ChangedPath]:
        """Which files differ between two commits (None: no files at all), below a folder or everywhere."""
        trees = (self.snapshot(old).tree, self.snapshot(new).tree)
        return list_changed_paths(self.git_dir, *trees, folder)

    def reverted(self, branch: str) -> RevertedPaths:
        """The record of contents that were taken back by hand on a branch; one per branch and instance."""
        from generator.gitops.reverted import RevertedPaths

        return self._reverted.setdefault(branch, RevertedPaths(self, check_branch(branch)))

    def _keep_tree(self, entries: Tree, data: bytes) -> str:
        tree_id = self.objects.write("tree", data)
        self._trees.put(tree_id, entries)  # the next commit starts from it
        return tree_id


def explain_unusable(folder: Path | str, answer: GitOutput) -> NotARepository:
    """Why git does not take a folder for a repository: there is none, or it belongs to somebody else."""
    command = re.search(r"git config --global --add safe\.directory .+", answer.stderr)
    if command:
        return NotARepository(
            f"{folder} is in a repository that belongs to another user, so git does not open it",
            hint=f"where you trust its owner: {command[0].strip()}",
        )
    if "not a git repository" in answer.stderr:
        return NotARepository(f"{folder} is not in a git repository")
    return NotARepository(f"git cannot use {folder}: {answer.reason}", hint="`git status` there says more")
