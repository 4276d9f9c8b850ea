"""What git tells about the past: commits, changed files, contents that a path had.

Owns: the one `git log` format and its parser. Refuses: what the changes mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import IO

from generator.errors import GitError, NotFound
from generator.gitops.message import CommitMessage, parse_message
from generator.gitops.paths import check_path, check_revision
from generator.gitops.process import run_git, start_git

_FIELDS = ("%H", "%P", "%an", "%ae", "%aI", "%B")
_NO_BLOB = "0" * 40


@dataclass(frozen=True)
class Commit:
    """One commit. `time` is the author's, with its zone; `message` is the text as it stands."""

    id: str
    parents: tuple[str, ...]
    author_name: str
    author_email: str
    time: datetime
    message: str

    @property
    def subject(self) -> str:
        """The first line."""
        return self._parsed.subject

    @property
    def body(self) -> str:
        """The text between subject and trailers."""
        return self._parsed.body

    @cached_property
    def trailers(self) -> dict[str, str]:
        """The trailers by key; where a key comes several times, its last value."""
        return dict(self._parsed.trailers)

    def trailer_values(self, key: str) -> tuple[str, ...]:
        """Every value of one key, in order."""
        return tuple(value for name, value in self._parsed.trailers if name == key)

    @cached_property
    def _parsed(self) -> CommitMessage:
        return parse_message(self.message)


@dataclass(frozen=True, slots=True)
class ChangedPath:
    """A file that differs. `status` is A, M, D or T; a blob is None where the file is not there.

    Modes are git's, such as `100644`; `000000` where the file is not there.
    """

    status: str
    path: str
    old_blob: str | None
    new_blob: str | None
    old_mode: str = "100644"
    new_mode: str = "100644"

    @property
    def is_file(self) -> bool:
        """Whether no symbolic link and no submodule is on either side."""
        return all(mode.startswith("100") or mode == "000000" for mode in (self.old_mode, self.new_mode))


def list_commits(git_dir: Path, path: str | None, since: str | None, until: str, limit: int | None) -> Iterator[Commit]:
    """Commits newest first, read as they come from one process. Raises NotFound for an unknown revision."""
    revisions = [check_revision(until), *([f"^{check_revision(since)}"] if since else [])]
    arguments = ["log", "-z", f"--format=tformat:{'%x00'.join(_FIELDS)}", *([f"-n{limit}"] if limit else [])]
    paths = [_check_folder(path)] if path else []
    with open_git(git_dir, [*arguments, "--end-of-options", *revisions, "--", *paths]) as stream:
        fields = split_nul(stream)
        for commit_id in fields:
            parents, name, email, time, message = (next(fields) for _ in _FIELDS[1:])
            yield Commit(commit_id, tuple(parents.split()), name, email, datetime.fromisoformat(time), message)


def list_changed_paths(git_dir: Path, old_tree: str, new_tree: str, folder: str) -> list[ChangedPath]:
    """Files that differ between two trees, in git's order."""
    arguments = ["--git-dir", str(git_dir), "diff-tree", "-r", "--raw", "-z", "--no-renames", "--no-abbrev"]
    paths = [_check_folder(folder)] if folder else []
    answer = run_git([*arguments, "--end-of-options", old_tree, new_tree, "--", *paths])
    if answer.code != 0:
        raise GitError(f"git could not compare two trees: {answer.stderr.strip()}")
    fields = iter(answer.stdout.decode("utf-8", "surrogateescape").split("\0"))
    return [parse_raw(header, next(fields)) for header in fields if header.startswith(":")]


def parse_raw(header: str, path: str) -> ChangedPath:
    """One record of git's raw difference: `:mode mode old new status` and the path."""
    old_mode, new_mode, old, new, status = header[1:].split(" ")
    blobs = (None if old == _NO_BLOB else old, None if new == _NO_BLOB else new)
    return ChangedPath(status[0], path, *blobs, old_mode, new_mode)


@contextmanager
def open_git(git_dir: Path, arguments: list[str]) -> Iterator[IO[bytes]]:
    """The output of a git process as a stream; the process ends with the block. Raises what git refused."""
    process = start_git(["--git-dir", str(git_dir), *arguments])
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise GitError("git was started without pipes")
    process.stdin.close()
    try:
        yield process.stdout
        said = process.stderr.read().decode("utf-8", "replace").strip()
        if process.wait() != 0:
            raise _explain_refusal(said)
    finally:
        process.stdout.close()
        process.stderr.close()
        process.kill()
        process.wait()


def split_nul(stream: IO[bytes]) -> Iterator[str]:
    """NUL-terminated fields of a stream, without holding all of it."""
    rest = b""
    while chunk := stream.read(1 << 16):
        *fields, rest = (rest + chunk).split(b"\0")
        for field in fields:
            yield field.decode("utf-8", "surrogateescape")
    if rest:
        yield rest.decode("utf-8", "surrogateescape")


def _check_folder(path: str) -> str:
    return "/".join(check_path(path.rstrip("/")))


def _explain_refusal(said: str) -> GitError | NotFound:
    if "unknown revision" in said or "bad revision" in said or "Invalid revision" in said or "bad object" in said:
        return NotFound("the repository has no such revision", hint="see the revisions with git log, or fetch first")
    return GitError(f"git could not read the history: {said}")
