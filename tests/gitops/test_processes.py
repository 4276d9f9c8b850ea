"""Many processes on one git directory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from generator.gitops.broker import CommitBroker
from generator.gitops.repository import Repository
from tests.gitops.conftest import fsck, git

pytestmark = pytest.mark.sweep

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
from generator.gitops.broker import CommitBroker
from generator.gitops.remote import Remote
from generator.gitops.repository import Repository
from tests.gitops.conftest import count_up
path, number, remote = sys.argv[1:]
broker = CommitBroker(Repository.open(path), "main", Remote("origin", "main") if remote else None)
for turn in range(2):
    broker.commit(count_up("n", f"r-{number}-{turn}"))
"""


def run_processes(git_dir: Path, count: int, remote: str = "") -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(git_dir), str(number), remote],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(count)
    ]
    for process in running:
        _, stderr = process.communicate(timeout=300)
        assert process.returncode == 0, stderr


def test_24_processes_on_one_repository_lose_nothing(bare: Repository) -> None:
    run_processes(bare.git_dir, 24)
    assert CommitBroker(bare, "main").snapshot().read("n") == b"48"
    fsck(bare.git_dir)


def test_8_processes_on_one_mirror_lose_nothing(origin: Path, tmp_path: Path) -> None:
    mirror = Repository.clone_mirror(str(origin), tmp_path / "mirror.git")
    run_processes(mirror.git_dir, 8, remote="yes")
    assert git(origin, "show", "main:n") == "16"
    fsck(origin)


@pytest.mark.soak
def test_100_processes_on_one_mirror_lose_nothing(origin: Path, tmp_path: Path) -> None:
    mirror = Repository.clone_mirror(str(origin), tmp_path / "mirror.git")
    run_processes(mirror.git_dir, 100, remote="yes")
    assert git(origin, "show", "main:n") == "200"


@pytest.mark.soak
def test_100_processes_on_one_repository_lose_nothing(bare: Repository) -> None:
    run_processes(bare.git_dir, 100)
    assert CommitBroker(bare, "main").snapshot().read("n") == b"200"
    fsck(bare.git_dir)
