"""Refs of one git directory: reading them cheaply, moving them by compare-and-swap.

Owns: the only places where a ref changes. Refuses: force; a ref moves from what the caller has seen or not at all.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from generator.errors import ChangeConflict, GitError
from generator.gitops.direct_refs import RefUpdate, move_directly
from generator.gitops.process import GitOutput, run_git

NO_COMMIT = "0" * 40
_LOST = re.compile(r"but expected|reference already exists|unable to resolve reference|reference is missing")
_LOCKED = re.compile(r"Unable to create '(?P<lock>[^']*)'")
_HEX = re.compile(r"[0-9a-f]{40}")


class RefMoved(ChangeConflict):
    """Somebody else moved the ref first. The broker answers by building again; nobody else should meet it."""

    default_retryable = True


class RefStore:
    """The refs of a git directory."""

    def __init__(self, git_dir: Path) -> None:
        self._git_dir = git_dir

    def read(self, ref: str) -> str | None:
        """What the full ref name points to, or None.

        A ref's own file is always newer than the packed list, so where it is there no process is needed.
        """
        try:
            content = (self._git_dir / ref).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            content = ""
        if _HEX.fullmatch(content):
            return content
        answer = run_git(["--git-dir", str(self._git_dir), "rev-parse", "-q", "--verify", "--end-of-options", ref])
        return answer.text if answer.code == 0 and _HEX.fullmatch(answer.text) else None

    def move(self, updates: Sequence[RefUpdate], reason: str) -> None:
        """Move all of them or none. Raises RefMoved where one is not where it was expected."""
        if self._can_move_directly and move_directly(self._git_dir, updates):
            return
        commands = "".join(
            f"update {update.ref}\0{update.new or NO_COMMIT}\0{update.old or NO_COMMIT}\0" for update in updates
        )
        arguments = ["--git-dir", str(self._git_dir), "update-ref", "-m", reason, "--stdin", "-z"]
        answer = run_git(arguments, stdin=commands.encode())
        if answer.code != 0:
            raise _explain_failure(answer)

    @cached_property
    def _can_move_directly(self) -> bool:
        """Whether git would do nothing but write the file: no reflog, no hook, no other ref storage."""
        keys = r"^(core\.(bare|logallrefupdates|hookspath)|extensions\.refstorage)$"
        answer = run_git(["--git-dir", str(self._git_dir), "config", "--get-regexp", keys])
        hook = self._git_dir / "hooks" / "reference-transaction"
        return answer.text == "core.bare true" and not hook.exists()

    def record(self, refs: Sequence[str], commit: str | None) -> None:
        """Set refs that only remember what a remote has (None: they are deleted), wherever they were before."""
        verb = "delete {}\0\0" if commit is None else f"update {{}}\0{commit}\0\0"
        commands = "".join(verb.format(ref) for ref in refs)
        arguments = ["--git-dir", str(self._git_dir), "update-ref", "-m", "revstamp: seen", "--stdin", "-z"]
        answer = run_git(arguments, stdin=commands.encode())
        if answer.code != 0:
            raise _explain_failure(answer)

    def remove_stale_locks(self, refs: Sequence[str], age: float = 10.0) -> None:
        """Remove what a killed git left beside these refs; `age` in seconds, a thousand times what git holds one.

        Only for refs that nobody but the caller moves, and while it holds the lock that says so.
        """
        for ref in refs:
            lock = self._git_dir / f"{ref}.lock"
            with suppress(OSError):
                if time.time() - lock.stat().st_mtime > age:
                    lock.unlink()


def _explain_failure(answer: GitOutput) -> GitError:
    said = answer.stderr.strip()
    if _LOST.search(said):
        return RefMoved("the branch was moved by somebody else", hint="try again")
    locked = _LOCKED.search(said)
    if locked:
        return GitError(
            f"git holds a lock: {locked['lock']}",
            hint="wait for the other git process; if there is none, a crash left the file: delete it and try again",
            retryable=True,
        )
    return GitError(f"git could not move the branch: {said}")


__all__ = ["NO_COMMIT", "RefMoved", "RefStore", "RefUpdate"]
