"""Ends a commit at its first step, then at its second, and so on, and looks at what the next run makes of it.

Run as a script, because each attempt is a fork and a fork wants a process without threads. A step is the start of a
git process, or a file that is renamed or removed; the process ends right before or right after it, as by `kill -9`.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from generator.gitops.broker import Change, Limits, Proposal
from generator.gitops.clone import Clone
from generator.gitops.message import CommitMessage
from generator.gitops.snapshot import Snapshot
from generator.gitops.trees import TreeChange

FILE, MADE, GONE = "environments/dev/endpoints/a.yaml", "environments/dev/manifests/a.yaml", "environments/dev/old.yaml"
CRASHED, DONE = 9, 0


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def make_template(folder: Path, with_remote: bool) -> None:
    git(folder, "init", "-q", "-b", "main", "clone")
    clone = folder / "clone"
    for path in (FILE, GONE):
        (clone / path).parent.mkdir(parents=True, exist_ok=True)
        (clone / path).write_text("a: 1\n")
    git(clone, "add", "-A")
    git(clone, "commit", "-qm", "start")
    if with_remote:
        git(folder, "clone", "-q", "--bare", "clone", "origin.git")
        git(clone, "remote", "add", "origin", "../origin.git")
        git(clone, "fetch", "-q")
        git(clone, "branch", "-q", "--set-upstream-to=origin/main")
    (clone / FILE).write_text("a: 2\n")


def commit(folder: Path, request: str) -> None:
    clone = Clone.find(folder)
    edits = clone.edits(("environments",))

    def build(snapshot: Snapshot) -> Proposal:
        source = edits.change.writes.get(FILE) or snapshot.read(FILE) or b""
        made = TreeChange({MADE: b"made from " + source}, frozenset({GONE}))
        return Proposal(edits.change.merged(made), CommitMessage("the edits"))

    clone.commit(Change(request, build), edits, Limits(pause=0.01, linger=0.0))


def end_at(step: int, when: str) -> None:
    """Arrange for this process to end at its n-th step."""
    counter = itertools.count(1)

    def patch(owner: object, name: str) -> None:
        original: Callable[..., object] = getattr(owner, name)

        def stepping(*args: object, **kwargs: object) -> object:
            count = next(counter)
            if count == step and when == "before":
                os._exit(CRASHED)
            try:
                return original(*args, **kwargs)
            finally:
                if count == step:
                    os._exit(CRASHED)

        setattr(owner, name, stepping)

    patch(subprocess.Popen, "__init__")
    for name in ("replace", "rename", "unlink"):
        patch(os, name)


def in_child(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(DONE)
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            sys.stderr.flush()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def check(folder: Path, with_remote: bool) -> list[str]:
    """What is wrong after the second run."""
    clone = folder / "clone"
    truth = folder / "origin.git" if with_remote else clone
    found = {
        "commits": (git(truth, "rev-list", "--count", "main"), "2"),
        "file": (git(truth, "show", f"main:{FILE}"), "a: 2"),
        "made": (git(truth, "show", f"main:{MADE}"), "made from a: 2"),
        "status": (git(clone, "status", "--porcelain"), ""),
        "head": (git(clone, "rev-parse", "HEAD"), git(truth, "rev-parse", "main")),
        "journal": (str((clone / ".git/revstamp/sync.json").exists()), "False"),
        "on disk": (str((clone / GONE).exists()), "False"),
    }
    git(clone, "fsck", "--strict", "--full")
    return [f"{what}: {value!r}" for what, (value, expected) in found.items() if value != expected]


def sweep(folder: Path, with_remote: bool, when: str, stride: int) -> int:
    """The last step that was tried. Ends the script at the first that leaves anything wrong."""
    template = folder / "template"
    template.mkdir(parents=True)
    make_template(template, with_remote)
    for step in itertools.count(1, stride):
        attempt = folder / f"{when}-{step}"
        shutil.copytree(template, attempt, symlinks=True)

        def crash(step: int = step, attempt: Path = attempt) -> None:
            end_at(step, when)
            commit(attempt / "clone", "first")

        ended = in_child(crash)
        again = in_child(lambda attempt=attempt: commit(attempt / "clone", "second"))  # type: ignore[misc]
        wrong = check(attempt, with_remote) if again == DONE else [f"the next run failed: {again}"]
        if wrong or ended not in (CRASHED, DONE):
            sys.exit(f"{when} step {step}: ended {ended}; {wrong}")
        if ended == DONE:
            return step - 1
        shutil.rmtree(attempt)
    raise AssertionError("unreachable")


if __name__ == "__main__":
    tried = sweep(Path(sys.argv[1]), sys.argv[2] == "remote", sys.argv[3], int(sys.argv[4]))
    sys.stdout.write(str(tried))
