"""A branch of a remote: fetching it and pushing to it.

Owns: the only two commands that talk to another machine, their time limit, and the answer to "is it in?".
Refuses: force, tags, prompts, and URLs with credentials in anything it says.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass

from generator.errors import GitError, InvalidInput
from generator.gitops.paths import check_branch, has_control
from generator.gitops.process import GitOutput, run_git
from generator.gitops.remote_words import (
    explain_failure,
    explain_rejection,
    find_link,
    is_moved,
    list_remote_lines,
    mask_credentials,
)
from generator.gitops.repository import Repository

DEFAULT_TIME_LIMIT = 60.0
"""Seconds for one fetch or push; a forge under load takes a few, a dead network takes for ever."""

_RACED = re.compile(r"cannot lock ref '[^']*': (is at [0-9a-f]+ but expected|reference already exists)")
"""Another fetch into the same repository moved the ref first, between this one's look at it and its write."""
_RACES = 10
"""Fetches that may come first in a row; the ref stands where they say."""
_NO_BRANCH = re.compile(r"couldn't find remote ref|no such ref was fetched")
_VERDICT = re.compile(r"^(?P<flag>[ +*=!-])\t(?P<refs>[^\t]*)\t(?P<summary>.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class PushResult:
    """How a push ended. `moved`: the branch is not where it was expected; fetch and build again."""

    moved: bool
    messages: tuple[str, ...] = ()
    link: str | None = None


@dataclass(frozen=True)
class Remote:
    """One branch of one remote, by a name that git knows or by URL. Raises InvalidInput for neither.

    `tracking` is the ref that remembers where the branch was last seen; a clone gives its own
    `refs/remotes/<name>/<branch>`.
    """

    name_or_url: str
    branch: str
    time_limit: float = DEFAULT_TIME_LIMIT
    tracking: str = ""

    def __post_init__(self) -> None:
        check_url(self.name_or_url)
        check_branch(self.branch)
        if not self.tracking:
            object.__setattr__(self, "tracking", f"refs/revstamp/remote/{self.branch}")

    @property
    def label(self) -> str:
        """The name or URL as it may be shown."""
        return mask_credentials(self.name_or_url)

    def __str__(self) -> str:
        return f"{self.label} {self.branch}"

    def __repr__(self) -> str:
        return f"Remote({str(self)!r})"

    def known_tip(self, repository: Repository) -> str | None:
        """Where the branch was when it was last fetched or pushed."""
        return repository.refs.read(self.tracking)

    def fetch(self, repository: Repository) -> str | None:
        """Fetch the branch and return its tip; None where the remote has no such branch, or nothing at all.

        Raises RemoteUnavailable, AuthenticationFailed or NotARepository.
        """
        options = ["--quiet", "--no-tags", "--no-auto-maintenance", "--no-recurse-submodules", "--no-write-fetch-head"]
        refspecs = [f"+refs/heads/{self.branch}:{ref}" for ref in self._list_followers(repository)]
        for _ in range(_RACES):
            answer = self._run(repository, ["fetch", *options], refspecs)
            if answer.code == 0 or answer.timed_out or not _RACED.search(answer.stderr):
                break
        if answer.code == 0:
            return self.known_tip(repository)
        if _NO_BRANCH.search(answer.stderr) and not answer.timed_out:
            repository.refs.record(self._list_followers(repository), None)
            return None
        raise explain_failure(answer, self.time_limit)

    def push(self, repository: Repository, commit: str, expected: str | None) -> PushResult:
        """Push a commit that descends from `expected`, the remote's tip as last seen (None: no such branch).

        The lease makes the remote's ref a compare-and-swap. It can never discard a commit, since what replaces
        `expected` contains it; without the lease a branch that somebody had set back on purpose would be brought
        forward again unseen. Raises PushRejected, AuthenticationFailed, RemoteUnavailable.
        """
        lease = f"--force-with-lease=refs/heads/{self.branch}:{expected or ''}"
        options = ["--porcelain", "--no-follow-tags", "--recurse-submodules=no", "--no-signed", lease]
        answer = self._run(repository, ["push", *options], [f"{commit}:refs/heads/{self.branch}"])
        messages = list_remote_lines(answer.stderr)
        verdict = _VERDICT.search(answer.stdout.decode("utf-8", "replace"))
        if answer.code == 0:
            with suppress(GitError):  # it is in; what we remember of it is set right by the next fetch
                repository.refs.record(self._list_followers(repository), commit)
            return PushResult(False, messages, find_link(messages))
        if verdict and verdict["flag"] == "!" and not answer.timed_out and "remote failure" not in verdict["summary"]:
            if is_moved(verdict["summary"]) or (is_moved(answer.stderr) and "declined" not in verdict["summary"]):
                return PushResult(True, messages)
            raise explain_rejection(verdict["summary"], messages)
        if is_moved(answer.stderr) and not answer.timed_out:
            return PushResult(True, messages)
        return self._settle_unclear(repository, commit, answer, messages)

    def _list_followers(self, repository: Repository) -> list[str]:
        """The refs that follow the remote's branch; in a mirror the branch of the same name is one of them."""
        return [self.tracking, *([f"refs/heads/{self.branch}"] if repository.is_mirror else [])]

    def _settle_unclear(
        self, repository: Repository, commit: str, answer: GitOutput, messages: tuple[str, ...]
    ) -> PushResult:
        """The connection ended before the verdict: the remote's branch says whether the commit is in."""
        failure = explain_failure(answer, self.time_limit)
        try:
            tip = self.fetch(repository)
        except GitError as error:
            raise failure from error
        if tip is not None and repository.is_ancestor(commit, tip):
            return PushResult(False, messages, find_link(messages))
        raise failure

    def _run(self, repository: Repository, command: list[str], refspecs: list[str]) -> GitOutput:
        arguments, environment = remote_command(repository, *command)
        git_dir = repository.git_dir  # a relative URL counts from the work tree, as it does for a person
        return run_git(
            [*arguments, "--", self.name_or_url, *refspecs],
            cwd=git_dir.parent if git_dir.name == ".git" else git_dir,
            env=environment,
            timeout=self.time_limit,
        )


def check_url(name_or_url: str) -> str:
    """The remote itself. Raises InvalidInput for an option, a command in disguise, or more than one line."""
    if not name_or_url or name_or_url.startswith("-") or has_control(name_or_url) or "::" in name_or_url.split("/")[0]:
        raise InvalidInput(
            f"{mask_credentials(name_or_url)!r} cannot be a remote",
            hint="give an https or ssh URL, a path, or the name of a configured remote",
        )
    return name_or_url


def remote_command(repository: Repository, *command: str) -> tuple[list[str], dict[str, str]]:
    """Arguments and environment of a command that may open a connection: it asks nobody and runs no helper URL."""
    ssh = os.environ.get("GIT_SSH_COMMAND") or repository.read_setting("core.sshCommand") or "ssh"
    environment = {"GIT_ASKPASS": "", "SSH_ASKPASS": "", "GCM_INTERACTIVE": "never"}
    if "GIT_SSH" not in os.environ:
        environment["GIT_SSH_COMMAND"] = f"{ssh} -o BatchMode=yes"
    git_dir = str(repository.git_dir)
    return ["-c", "protocol.ext.allow=never", "-c", "core.askPass=", "--git-dir", git_dir, *command], environment
