"""The index of one work tree.

Owns: entering single paths so that a crash leaves the old index or the new one, and no lock that stays.
Refuses: working beside another git process.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from generator.errors import DirtyClone, GitError
from generator.gitops.history import ChangedPath, parse_raw
from generator.gitops.process import run_git
from generator.gitops.refs import NO_COMMIT
from generator.gitops.snapshot import EMPTY_TREE

_LOCK_MARK = b"revstamp\n"


class IndexFile:
    """The `index` in `git_dir`, which for a linked work tree is not the repository's."""

    def __init__(self, root: Path, git_dir: Path) -> None:
        self._root = root
        self._path = git_dir / "index"
        self._lock = git_dir / "index.lock"
        self._drafts = git_dir / "revstamp"

    def refuse_lock(self) -> None:
        """Raise DirtyClone where another git process holds the index; a lock left by our own crash is removed."""
        try:
            is_ours = self._lock.read_bytes() == _LOCK_MARK
        except FileNotFoundError:
            return
        if not is_ours:
            raise DirtyClone(
                f"another git process works in this clone: {self._lock} is there",
                hint="wait for it; if there is none, a crash left the file: delete it and run this again",
                retryable=True,
            )
        self._lock.unlink()

    def read_staged(self, commit: str | None) -> dict[str, str | None]:
        """Path to blob (None: removed) of the entries that differ from the commit."""
        options = ["--cached", "--raw", "-z", "--no-renames", "--no-abbrev"]
        answer = run_git(["diff-index", *options, commit or EMPTY_TREE, "--"], cwd=self._root)
        if answer.code != 0:
            raise GitError(f"git could not read the index: {answer.stderr.strip()}")
        fields = iter(answer.stdout.decode("utf-8", "surrogateescape").split("\0"))
        changes = [parse_raw(field, next(fields)) for field in fields if field.startswith(":")]
        return {change.path: change.new_blob for change in changes}

    def read_skipped(self) -> frozenset[str]:
        """Paths that a sparse checkout leaves out of the work tree."""
        if not (self._path.parent / "info" / "sparse-checkout").exists():
            return frozenset()
        answer = run_git(["ls-files", "-t", "-z"], cwd=self._root)
        lines = answer.stdout.decode("utf-8", "surrogateescape").split("\0")
        return frozenset(line[2:] for line in lines if line.startswith("S "))

    def enter(
        self, on_disk: Sequence[ChangedPath], by_id: Sequence[ChangedPath], skipped: Sequence[ChangedPath] = ()
    ) -> None:
        """Enter paths as they are on disk, and others by their new blob whatever the disk has.

        Those `skipped` are entered by their blob too, and stay out of the work tree.
        """
        with self._draft() as draft:
            entries = (f"{each.new_mode} {each.new_blob or NO_COMMIT}\t{each.path}\0" for each in (*by_id, *skipped))
            self._update(draft, "".join(entries), "--index-info")
            absent = "".join(f"{change.path}\0" for change in skipped if change.new_blob)
            if absent:
                self._update(draft, absent, "--skip-worktree", "--stdin")
            paths = "".join(f"{change.path}\0" for change in on_disk)
            self._update(draft, paths, "--add", "--remove", "--replace", "--stdin")

    @contextmanager
    def _draft(self) -> Iterator[Path]:
        """A copy of the index to work on, put in place at the end.

        A git command killed half way would leave an `index.lock` that nobody may touch; our own lock says whose it
        is, so the next run can remove it.
        """
        self.refuse_lock()
        draft = self._drafts / f"index-{secrets.token_hex(8)}"
        handle = os.open(self._lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            os.write(handle, _LOCK_MARK)
            for left_over in self._drafts.glob("index-*"):  # of a crash
                left_over.unlink(missing_ok=True)
            with suppress(FileNotFoundError):
                shutil.copy2(self._path, draft)
            yield draft
            draft.replace(self._path)
        finally:
            os.close(handle)
            self._lock.unlink(missing_ok=True)

    def _update(self, draft: Path, listing: str, *options: str) -> None:
        environment = {"GIT_INDEX_FILE": str(draft)}
        answer = run_git(["update-index", "-z", *options], stdin=listing.encode(), cwd=self._root, env=environment)
        if answer.code != 0:
            raise GitError(f"git could not enter files into the index: {answer.stderr.strip()}")
