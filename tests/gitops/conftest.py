"""Real git: bare repositories, remotes with hooks, clones."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from generator.gitops.broker import Change, CommitBroker, Limits, Proposal
from generator.gitops.message import CommitMessage
from generator.gitops.repository import Repository
from generator.gitops.snapshot import Snapshot
from generator.gitops.trees import TreeChange


@pytest.fixture(autouse=True)
def plain_git(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration of the machine's user reaches a test."""
    home = tmp_path_factory.mktemp("home")
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Tess\n\temail = tess@example.org\n[init]\n\tdefaultBranch = main\n"
    )
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def git(folder: Path, *arguments: str, check: bool = True) -> str:
    """Plain git, as a person would run it."""
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True)
    if check and done.returncode:
        raise AssertionError(f"git {arguments}: {done.stderr}")
    return done.stdout.rstrip("\n")


def put(path: str, text: str, request: str = "", subject: str = "a change") -> Change:
    """A change that writes one file."""
    return Change(request or f"request-{path}-{text.strip()}", lambda _: proposal({path: text}, subject=subject))


def proposal(writes: dict[str, str], deletes: set[str] | None = None, subject: str = "a change") -> Proposal:
    """A proposal with text files."""
    change = TreeChange({path: text.encode() for path, text in writes.items()}, frozenset(deletes or ()))
    return Proposal(change, CommitMessage(subject))


def count_up(path: str, request: str) -> Change:
    """A change that needs the newest content: it adds one to the number in a file."""

    def build(snapshot: Snapshot) -> Proposal:
        return proposal({path: str(int(snapshot.read(path) or b"0") + 1)})

    return Change(request, build)


def hook(bare: Path, name: str, script: str) -> None:
    """Give a bare repository a hook."""
    file = bare / "hooks" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def fsck(git_dir: Path) -> None:
    """What git itself thinks of the objects."""
    done = subprocess.run(
        ["git", "--git-dir", str(git_dir), "fsck", "--strict", "--full"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr


QUICK = Limits(lock_time=20.0, attempts=6, pause=0.01, linger=0.01)


@pytest.fixture
def bare(tmp_path: Path) -> Repository:
    """A repository without a remote: its own branch is the truth."""
    return Repository.init_bare(tmp_path / "bare.git")


@pytest.fixture
def broker(bare: Repository) -> CommitBroker:
    """A broker without a remote."""
    return CommitBroker(bare, "main", limits=QUICK)


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A remote with one commit on main."""
    path = tmp_path / "origin.git"
    repository = Repository.init_bare(path)
    CommitBroker(repository, "main", limits=QUICK).commit(put("environments/dev/endpoints/a.yaml", "a: 1\n"))
    return path


@pytest.fixture
def clone(tmp_path: Path, origin: Path) -> Path:
    """A person's clone of that remote."""
    git(tmp_path, "clone", "-q", str(origin), "clone")
    return tmp_path / "clone"
