"""The files of a person's work tree.

Owns: reading and writing them as git would, so that a crash leaves each either old or new; telling which of them
hold work. Refuses: links, and anything that is not a regular file.
"""

from __future__ import annotations

import secrets
import stat
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from generator.errors import GitError, InvalidInput
from generator.gitops.history import ChangedPath
from generator.gitops.index import IndexFile
from generator.gitops.paths import check_path
from generator.gitops.process import GitOutput, run_git

LARGEST_FILE = 5_000_000
"""Bytes of one edited file; endpoint files are a few kilobytes, so more than this is a mistake."""

_FILES_AT_ONCE = 500
"""Files read from git in one go: a few megabytes."""

_UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class PathState:
    """Whether file and index entry hold nothing but what is known: the old, the new, or what was taken.

    `is_skipped`: a sparse checkout leaves the file out of the work tree.
    """

    file_is_free: bool
    index_is_free: bool
    is_skipped: bool = False

    @property
    def is_free(self) -> bool:
        """Whether the path can be brought to the new commit."""
        return self.file_is_free and self.index_is_free

    @property
    def is_edited_only(self) -> bool:
        """Whether the file has other content, none of it staged."""
        return self.index_is_free and not self.file_is_free


class WorkTree:
    """The files below `root`, with what git keeps about them in `git_dir`."""

    def __init__(self, root: Path, git_dir: Path) -> None:
        self.root = root
        self.git_dir = git_dir
        self.index = IndexFile(root, git_dir)

    def git(self, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> GitOutput:
        """Run git in the work tree. Raises GitError where git refuses."""
        answer = run_git(list(arguments), stdin=stdin, cwd=self.root, env=env)
        if answer.code != 0:
            raise GitError(f"git {arguments[0]} failed in {self.root}: {answer.stderr.strip()}")
        return answer

    def read_states(
        self, old: str | None, changed: Sequence[ChangedPath], taken: Mapping[str, str | None]
    ) -> dict[str, PathState]:
        """What stands in the way of bringing the changed paths from `old` to the new commit."""
        staged, skipped = self.index.read_staged(old), self.index.read_skipped()
        on_disk = self._hash_present(change.path for change in changed)
        states = {}
        for change in changed:
            path = change.path
            known = {change.old_blob, change.new_blob, taken.get(path, change.old_blob)}
            index_is_free = path in taken or path not in staged or staged[path] in known
            is_skipped = path in skipped and on_disk[path] is None
            file_is_free = is_skipped or on_disk[path] in known
            states[path] = PathState(file_is_free, change.is_file and index_is_free, is_skipped)
        return states

    def bring(
        self,
        changed: Sequence[ChangedPath],
        index_only: Sequence[ChangedPath] = (),
        skipped: Sequence[ChangedPath] = (),
    ) -> None:
        """Write the new content of the changed paths and enter them into the index. Can be repeated after a crash."""
        for change in changed:  # removed first: a file may give way to a folder of its name
            if change.new_blob is None:
                self._remove_file(change.path)
        self._write_files([change for change in changed if change.new_blob])
        if changed or index_only or skipped:
            self.index.enter(changed, index_only, skipped)

    def is_file(self, path: str) -> bool:
        """Whether a regular file is there. Raises InvalidInput for a link, a device, a repository, a huge file."""
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

    def hash_files(self, paths: Sequence[str], store: bool = False) -> dict[str, str]:
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
                states[path] = "" if self.is_file(path) else None
                if states[path] is None and (self.root / path).is_dir():
                    states[path] = _UNREADABLE
            except InvalidInput:
                states[path] = _UNREADABLE
        return states | self.hash_files([path for path, state in states.items() if state == ""])

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
        try:
            draft.write_bytes(content)
            if change.new_mode == "100755":
                draft.chmod(draft.stat().st_mode | 0o111)
            draft.replace(target)
        except OSError:
            draft.unlink(missing_ok=True)
            raise

    def _remove_file(self, path: str) -> None:
        with suppress(FileNotFoundError, NotADirectoryError):
            (self.root / path).unlink()
        for folder in PurePosixPath(path).parents:
            if folder.name:
                with suppress(OSError):
                    (self.root / folder).rmdir()
