"""Everything that can be wrong before a command is run: the machine, the clone, the repository's files.

Owns: the order of the checks, and those of the machine and the clone. Refuses: changing anything; a fetch moves only
the record of where the remote is. The files are looked through in `doctor_files`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from generator.errors import RevstampError
from generator.gitops.clone import Clone
from generator.gitops.identity import NOBODY
from generator.gitops.journal import JournalFile
from generator.gitops.process import run_git
from generator.service.doctor_files import check_files
from generator.service.finding import Finding, failure, guard
from generator.service.workspace import Workspace
from generator.settings import Settings

LEAST_PYTHON = (3, 11)
LEAST_GIT = (2, 34)
REMOTE_SECONDS = 15.0
"""How long the remote may take; who asks a doctor wants to know now."""

_IN_PROGRESS = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
}


def examine(folder: Path, settings: Settings, *, offline: bool = False, everything: bool = False) -> Iterator[Finding]:
    """All findings, as they are made. Without a repository only those of the machine."""
    yield _check_python(sys.version_info[:3])
    yield from guard("git", _check_git)
    try:
        workspace = Workspace.open(folder, settings)
    except RevstampError as error:
        yield failure("repository", error)
        return
    yield Finding("repository", "ok", str(workspace.root))
    clone = workspace.clone
    yield _check_identity(clone)
    yield from guard("work tree", lambda: _check_work_tree(clone))
    yield from guard("branch", lambda: _check_branch(workspace))
    yield from guard("remote", lambda: _check_remote(clone, settings, offline=offline))
    yield from check_files(workspace.fleet, everything=everything)


def _check_python(version: tuple[int, ...]) -> Finding:
    text = ".".join(map(str, version))
    if version >= LEAST_PYTHON:
        return Finding("python", "ok", text)
    least = ".".join(map(str, LEAST_PYTHON))
    return Finding("python", "failure", f"{text} is too old", f"install Python {least} or newer")


def _check_git() -> Iterator[Finding]:
    text = run_git(["version"]).text
    match = re.search(r"(\d+)\.(\d+)", text)
    version = (int(match[1]), int(match[2])) if match else (0, 0)
    said = text.removeprefix("git version ")
    if version >= LEAST_GIT:
        yield Finding("git", "ok", said)
    else:
        least = ".".join(map(str, LEAST_GIT))
        yield Finding("git", "failure", f"{said} is too old", f"install git {least} or newer")


def _check_identity(clone: Clone) -> Finding:
    author = clone.repository.author
    if author != NOBODY:
        return Finding("identity", "ok", str(author))
    fix = "git config user.name 'NAME' && git config user.email MAIL, or set REVSTAMP_ACTOR"
    return Finding("identity", "warning", f"git knows no author; commits would be by {NOBODY}", fix)


def _check_work_tree(clone: Clone) -> Iterator[Finding]:
    """Nothing under way, nothing unfinished; edits are no fault, but people want to know of them."""
    under_way = [what for name, what in _IN_PROGRESS.items() if (clone.git_dir / name).exists()]
    if under_way:
        yield Finding("work tree", "failure", f"a {under_way[0]} is in progress", "finish it or abort it with git")
    if JournalFile(clone.git_dir).read() is not None:
        yield Finding("work tree", "warning", "a commit was interrupted", "the next `revstamp commit` finishes it")
    answer = run_git(["status", "--porcelain", "-z", "--no-renames"], cwd=clone.root)
    changed = [record[3:] for record in answer.text.split("\0") if len(record) > 3]
    if changed:
        fix = "`revstamp diff` shows what they mean, `revstamp commit` commits them"
        yield Finding("work tree", "warning", f"{len(changed)} paths differ from the last commit", fix, tuple(changed))
    elif not under_way:
        yield Finding("work tree", "ok", "clean")


def _check_branch(workspace: Workspace) -> Iterator[Finding]:
    branch, delivery = workspace.clone.branch, workspace.delivery_branch
    if workspace.clone.head is None:
        yield Finding("branch", "warning", f"{branch} has no commit yet", "run `revstamp commit`")
    elif branch == delivery:
        yield Finding("branch", "ok", branch)
    else:
        message = f"{branch} is checked out; what is deployed stands on {delivery}"
        yield Finding("branch", "warning", message, f"fine for a pull request; else git switch {delivery}")


def _check_remote(clone: Clone, settings: Settings, *, offline: bool) -> Iterator[Finding]:
    remote = clone.remote(time_limit=min(settings.git_timeout_seconds, REMOTE_SECONDS))
    if remote is None:
        yield Finding("remote", "ok", "none: the local branch is the truth")
        return
    tip = remote.known_tip(clone.repository) if offline else remote.fetch(clone.repository)
    seen = f"{remote} as last seen" if offline else str(remote)
    head = clone.head
    if tip is None:
        fix = "the first `revstamp commit` makes it"
        yield Finding("remote", "warning", f"{remote.label} has no branch {remote.branch}", fix)
        return
    if head is None:
        yield Finding("remote", "warning", f"{seen} has commits, this clone none", "git pull")
        return
    counts = clone.repository.git("rev-list", "--left-right", "--count", f"{head}...{tip}").text.split()
    ahead, behind = (int(count) for count in counts) if len(counts) == 2 else (0, 0)
    yield _say_distance(seen, ahead, behind)


def _say_distance(seen: str, ahead: int, behind: int) -> Finding:
    if ahead and behind:
        message = f"the branch and {seen} have both moved on: {ahead} commits here, {behind} there"
        return Finding("remote", "failure", message, "git pull --rebase")
    if behind:
        return Finding("remote", "warning", f"{behind} commits behind {seen}", "git pull --ff-only")
    if ahead:
        return Finding("remote", "warning", f"{ahead} commits ahead of {seen}", "git push, or `revstamp commit`")
    return Finding("remote", "ok", f"even with {seen}")
