"""Running git: list arguments, a clean environment, a time limit.

Owns: how a git process is started and ended. Refuses: shells, prompts, and what the answer means.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from generator.errors import GitError

_OTHER_REPOSITORY = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
)
"""Set while a hook runs; they would silently turn every command to the hook's repository."""


@dataclass(frozen=True, slots=True)
class GitOutput:
    """What a git process said. `timed_out` means it was ended by us and its effect is unknown."""

    code: int
    stdout: bytes
    stderr: str
    timed_out: bool = False

    @property
    def text(self) -> str:
        """Standard output as text without the final newline."""
        return self.stdout.decode("utf-8", "surrogateescape").rstrip("\n")

    @property
    def reason(self) -> str:
        """Why git gave up: the first line of its diagnostics, without the word `fatal`."""
        said = self.stderr.strip().split("\n")[0].removeprefix("fatal: ").removeprefix("error: ")
        return said or (f"it was ended by signal {-self.code}" if self.code < 0 else f"it ended with {self.code}")


def git_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of every git process: English words, no prompts, no lock taken by mere reading."""
    environment = {key: value for key, value in os.environ.items() if key not in _OTHER_REPOSITORY}
    environment.update(LC_ALL="C", GIT_TERMINAL_PROMPT="0", GIT_OPTIONAL_LOCKS="0", GIT_LITERAL_PATHSPECS="1")
    environment.update(extra or {})
    return environment


def start_git(
    arguments: list[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None, own_session: bool = False
) -> subprocess.Popen[bytes]:
    """Start git with pipes on all three streams. Raises GitError where git is not installed."""
    try:
        return subprocess.Popen(
            ["git", *arguments],
            cwd=cwd,
            env=git_environment(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=own_session,
        )
    except FileNotFoundError as error:
        if cwd is not None and not cwd.is_dir():
            raise GitError(f"{cwd} is not a folder") from error
        raise GitError("git was not found", hint="install git 2.34 or newer and make sure it is on PATH") from error


def run_git(
    arguments: list[str],
    *,
    stdin: bytes = b"",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> GitOutput:
    """Run git to its end; `timeout` is in seconds.

    A command with a time limit talks to a remote through helpers of its own (ssh, a credential helper), so it gets
    a session of its own and is ended together with them.
    """
    process = start_git(arguments, cwd=cwd, env=env, own_session=timeout is not None)
    try:
        stdout, stderr = process.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        _end_session(process)
        stdout, stderr = process.communicate()
        return GitOutput(process.returncode, stdout, stderr.decode("utf-8", "replace"), timed_out=True)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return GitOutput(process.returncode, stdout, stderr.decode("utf-8", "replace"))


def _end_session(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
