"""A person's work tree: what differs from HEAD, and bringing single paths to a new commit.

Owns: reading edits, writing files and index entries so that a crash leaves each either old or new. Refuses: links,
anything that is not a regular file, and every path that holds work it was not told about.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from generator.errors import DirtyClone, GitError, InvalidInput
from generator.gitops.history import ChangedPath, parse_raw
from generator.gitops.paths import check_path
from generator.gitops.process import GitOutput, run_git
from generator.gitops.refs import NO_COMMIT
from generator.gitops.repository import Repository
from generator.gitops.snapshot import EMPTY_TREE
from generator.gitops.trees import TreeChange

LARGEST_FILE = 5_000_000
"""Bytes of one edited file; endpoint files are a few kilobytes, so more than this is a mistake."""

_FILES_AT_ONCE = 500
"""Files read from git in one go: a few megabytes."""

_LOCK_MARK = b"revstamp\n"
_UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Edits:
    """What the work tree has and `head` does not. `blobs` are its ids, `base_blobs` those of `head`, or None."""

    head: str | None
    change: TreeChange
    base_blobs: Mapping[str, str | None]
    blobs: Mapping[str, str | None]

    def __bool__(self) -> bool:
        return bool(self.change)


@dataclass(frozen=True, slots=True)
class PathState:
    """Whether file and index entry hold nothing but what is known: the old, the new, or what was taken."""

    file_is_free: bool
    index_is_free: bool

    @property
    def is_free(self) -> bool:
        """Whether the path can be brought to the new commit."""
        return self.file_is_free and self.index_is_free

    @property
    def is_edited_only(self) -> bool:
        """Whether the file has other content, none of it staged."""
        return self.index_is_free and not self.file_is_free


class WorkTree:
    """The files below `root`, with the index in `git_dir` (a linked work tree has one of its own)."""

    def __init__(self, root: Path, git_dir: Path, repository: Repository) -> None:
        self.root = root
        self.git_dir = git_dir
        self._repository = repository

    def git(self, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> GitOutput:
        """Run git in the work tree. Raises GitError where git refuses."""
        answer = run_git(list(arguments), stdin=stdin, cwd=self.root, env=env)
        if answer.code != 0:
            raise GitError(f"git {arguments[0]} failed in {self.root}: {answer.stderr.strip()}")
        return answer

    def list_changes(self, folders: Sequence[str] = ()) -> list[str]:
        """Paths that differ from HEAD in index or work tree, untracked files included, ignored ones not.

        Raises DirtyClone for a path in the middle of a merge.
        """
        options = ["--porcelain=v2", "-z", "--untracked-files=all", "--no-renames"]
        answer = self.git("status", *options, "--", *folders)
        paths: dict[str, None] = {}
        for record in answer.stdout.decode("utf-8", "surrogateescape").split("\0"):
            kind, _, rest = record.partition(" ")
            if kind == "u":
                path = rest.split(" ", 9)[9]
                raise DirtyClone(f"{path} has a merge conflict", hint="Resolve it, then run this again.")
            if kind == "1":
                paths[rest.split(" ", 7)[7]] = None
            elif kind == "?":
                paths[rest] = None
        return list(paths)

    def read_edits(self, head: str | None, folders: Sequence[str]) -> Edits:
        """The content on disk where it differs from HEAD, staged or not. Raises InvalidInput naming a bad path."""
        snapshot = self._repository.snapshot(head)
        changed = self.list_changes(folders)
        present = [path for path in changed if self._is_editable(path)]
        blobs: dict[str, str | None] = dict.fromkeys(changed)
        blobs.update(self._hash_files(present, store=True))
        base = {path: snapshot.blob_id(path) for path in changed}
        edited = {path: blob for path, blob in blobs.items() if blob != base[path]}
        writes = {path: self._repository.read_blob(blob) for path, blob in edited.items() if blob}
        deletes = frozenset(path for path, blob in edited.items() if blob is None)
        return Edits(head, TreeChange(writes, deletes), {path: base[path] for path in edited}, edited)

    def read_states(
        self, old: str | None, changed: Sequence[ChangedPath], taken: Mapping[str, str | None]
    ) -> dict[str, PathState]:
        """What stands in the way of bringing the changed paths from `old` to the new commit."""
        staged = self._read_staged(old)
        on_disk = self._hash_present(change.path for change in changed)
        states = {}
        for change in changed:
            path = change.path
            known = {change.old_blob, change.new_blob, taken.get(path, change.old_blob)}
            index_is_free = path in taken or path not in staged or staged[path] in known
            states[path] = PathState(on_disk[path] in known, change.is_file and index_is_free)
        return states

    def bring(self, changed: Sequence[ChangedPath], index_only: Sequence[ChangedPath] = ()) -> None:
        """Write the new content of the changed paths and enter them into the index. Can be repeated after a crash."""
        self._write_files([change for change in changed if change.new_blob])
        for change in changed:
            if change.new_blob is None:
                self._remove_file(change.path)
        if changed or index_only:
            self._update_index(changed, index_only)

    def refuse_index_lock(self) -> None:
        """Raise DirtyClone where another git process holds the index; a lock left by our own crash is removed."""
        lock = self.git_dir / "index.lock"
        try:
            is_ours = lock.read_bytes() == _LOCK_MARK
        except FileNotFoundError:
            return
        if not is_ours:
            raise DirtyClone(
                f"another git process works in this clone: {lock} is there",
                hint="Wait for it; if there is none, a crash left the file: delete it and run this again.",
            )
        lock.unlink()

    def _is_editable(self, path: str) -> bool:
        if path.endswith("/"):
            raise InvalidInput(f"{path} is a repository of its own; it cannot be committed here")
        segments = check_path(path)
        for depth in range(1, len(segments)):
            if (self.root / Path(*segments[:depth])).is_symlink():
                folder = "/".join(segments[:depth])
                raise InvalidInput(f"{path} is below the symbolic link {folder}; links are not followed")
        try:
            found = (self.root / path).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        if stat.S_ISDIR(found.st_mode):
            return False
        if not stat.S_ISREG(found.st_mode):
            kind = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "not a regular file"
            raise InvalidInput(f"{path} is {kind}; only regular files are committed")
        if found.st_size > LARGEST_FILE:
            raise InvalidInput(f"{path} has {found.st_size:,} bytes; files over {LARGEST_FILE:,} are not committed")
        return True

    def _hash_files(self, paths: Sequence[str], store: bool = False) -> dict[str, str]:
        """Blob ids of files as git would store them, line ends and filters included."""
        if not paths:
            return {}
        listing = "".join(f"{path}\n" for path in paths).encode("utf-8", "surrogateescape")
        options = ["-w"] if store else []
        answer = self.git("hash-object", *options, "--stdin-paths", stdin=listing)
        return dict(zip(paths, answer.text.split("\n"), strict=True))

    def _hash_present(self, paths: Iterable[str]) -> dict[str, str | None]:
        """Blob id per path; None where nothing is there, a word that equals no id where it is no plain file."""
        states: dict[str, str | None] = {}
        for path in paths:
            try:
                states[path] = "" if self._is_editable(path) else None
                if states[path] is None and (self.root / path).is_dir():
                    states[path] = _UNREADABLE
            except InvalidInput:
                states[path] = _UNREADABLE
        return states | self._hash_files([path for path, state in states.items() if state == ""])

    def _read_staged(self, commit: str | None) -> dict[str, str | None]:
        """Index entries that differ from the commit."""
        options = ["--cached", "--raw", "-z", "--no-renames", "--no-abbrev"]
        answer = self.git("diff-index", *options, commit or EMPTY_TREE, "--")
        fields = iter(answer.stdout.decode("utf-8", "surrogateescape").split("\0"))
        changes = [parse_raw(field, next(fields)) for field in fields if field.startswith(":")]
        return {change.path: change.new_blob for change in changes}

    def _write_files(self, changed: Sequence[ChangedPath]) -> None:
        """Line ends and filters as configured, in one process for many files.

        The size that git prints before a filtered content is the size before the filter, so the end of each is
        told by a name that no object has.
        """
        end = secrets.token_hex(16)
        for start in range(0, len(changed), _FILES_AT_ONCE):
            part = changed[start : start + _FILES_AT_ONCE]
            listing = "".join(f"{change.new_blob} {change.path}\n{end} end\n" for change in part).encode()
            output = self.git("cat-file", "--batch", "--filters", stdin=listing).stdout
            pieces = output.split(f"\n{end} missing\n".encode())
            for change, piece in zip(part, pieces, strict=False):
                self._write_file(change, piece.partition(b"\n")[2])

    def _write_file(self, change: ChangedPath, content: bytes) -> None:
        """By way of a draft, so that a crash leaves the old content or the new, never a part of it."""
        target = self.root / change.path
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.revstamp")
        draft.unlink(missing_ok=True)
        draft.write_bytes(content)
        if change.new_mode == "100755":
            draft.chmod(draft.stat().st_mode | 0o111)
        draft.replace(target)

    def _remove_file(self, path: str) -> None:
        with suppress(FileNotFoundError, NotADirectoryError):
            (self.root / path).unlink()
        for folder in PurePosixPath(path).parents:
            if folder.name:
                with suppress(OSError):
                    (self.root / folder).rmdir()

    def _update_index(self, changed: Sequence[ChangedPath], index_only: Sequence[ChangedPath]) -> None:
        """Enter files into a copy of the index and put the copy in place.

        A git command killed half way would leave an `index.lock` that nobody may touch; our own lock says whose it
        is, so the next run can remove it.
        """
        self.refuse_index_lock()
        index, lock = self.git_dir / "index", self.git_dir / "index.lock"
        copy = self.git_dir / "revstamp" / f"index-{secrets.token_hex(8)}"
        handle = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            os.write(handle, _LOCK_MARK)
            for left_over in copy.parent.glob("index-*"):  # of a crash
                left_over.unlink(missing_ok=True)
            with suppress(FileNotFoundError):
                shutil.copy2(index, copy)
            environment = {"GIT_INDEX_FILE": str(copy)}
            entries = "".join(
                f"{change.new_mode} {change.new_blob or NO_COMMIT}\t{change.path}\0" for change in index_only
            )
            self.git("update-index", "-z", "--index-info", stdin=entries.encode(), env=environment)
            paths = "".join(f"{change.path}\0" for change in changed)
            options = ["--add", "--remove", "--replace", "-z", "--stdin"]
            self.git("update-index", *options, stdin=paths.encode(), env=environment)
            copy.replace(index)
        finally:
            os.close(handle)
            lock.unlink()
