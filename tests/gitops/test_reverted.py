"""Contents that were taken back by hand are remembered, at a cost that follows what changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.gitops.broker import CommitBroker
from generator.gitops.repository import Repository
from tests.gitops.conftest import QUICK, count_up, git

STAMP = "environments/dev/stamps/a.yaml"


def lost(folder: Path, branch: str = "main") -> dict[str, list[str]]:
    """What must count besides the tip, as text, as a fresh process would find it."""
    repository = Repository.open(folder)
    found = repository.reverted(branch).find(repository.tip(branch), lambda path: "/stamps/" in path)
    return {path: sorted(repository.read_blob(blob).decode() for blob in blobs) for path, blobs in found.items()}


@pytest.fixture
def stamped(tmp_path: Path) -> Path:
    """A clone without a remote in which revstamp has counted to three."""
    git(tmp_path, "init", "-q", "stamped")
    broker = CommitBroker(Repository.open(tmp_path / "stamped"), "main", limits=QUICK)
    for number in range(3):
        broker.commit(count_up(STAMP, f"r-{number}"))
    git(tmp_path / "stamped", "reset", "-q", "--hard")
    return tmp_path / "stamped"


def test_commits_of_revstamp_take_nothing_back_and_are_not_walked(stamped: Path) -> None:
    assert git(stamped, "rev-parse", "refs/revstamp/verified/main") == git(stamped, "rev-parse", "main")
    assert lost(stamped) == {}


def test_a_first_look_at_a_long_history_finds_the_same(stamped: Path) -> None:
    git(stamped, "update-ref", "-d", "refs/revstamp/verified/main")
    assert lost(stamped) == {}
    git(stamped, "revert", "--no-edit", "HEAD")
    git(stamped, "update-ref", "-d", "refs/revstamp/verified/main")
    assert lost(stamped) == {STAMP: ["3"]}


def test_a_revert_by_hand_is_remembered_for_good(stamped: Path) -> None:
    git(stamped, "revert", "--no-edit", "HEAD")
    assert lost(stamped) == {STAMP: ["3"]}
    CommitBroker(Repository.open(stamped), "main", limits=QUICK).commit(count_up("other", "r-9"))
    assert lost(stamped) == {STAMP: ["3"]}


def test_two_reverts_in_a_row_are_remembered(stamped: Path) -> None:
    git(stamped, "revert", "--no-edit", "HEAD", "HEAD~1")
    assert git(stamped, "show", f"HEAD:{STAMP}") == "1"
    assert "3" in lost(stamped)[STAMP]


def test_a_deletion_by_hand_is_remembered(stamped: Path) -> None:
    git(stamped, "rm", "-q", STAMP)
    git(stamped, "commit", "-qm", "gone")
    assert lost(stamped) == {STAMP: ["3"]}


def test_a_branch_set_back_is_remembered(stamped: Path) -> None:
    assert lost(stamped) == {}
    git(stamped, "reset", "-q", "--hard", "HEAD~2")
    assert lost(stamped) == {STAMP: ["3"]}


def test_an_old_commit_picked_again_is_remembered(stamped: Path) -> None:
    git(stamped, "update-ref", "-d", "refs/revstamp/verified/main")
    git(stamped, "checkout", "-q", "HEAD~1", "--", STAMP)
    git(stamped, "commit", "-qC", "HEAD~1")
    assert "Revstamp-Request-Id" in git(stamped, "log", "-1", "--format=%B")
    assert lost(stamped) == {STAMP: ["3"]}


def test_a_merge_that_keeps_the_older_side_is_remembered(stamped: Path) -> None:
    git(stamped, "switch", "-qc", "topic", "HEAD~1")
    CommitBroker(Repository.open(stamped), "topic", limits=QUICK).commit(count_up("other", "t-1"))
    git(stamped, "reset", "-q", "--hard")
    git(stamped, "switch", "-q", "main")
    git(stamped, "merge", "-q", "--no-commit", "topic")
    git(stamped, "checkout", "-q", "topic", "--", STAMP)
    git(stamped, "commit", "-qm", "merge")
    assert lost(stamped) == {STAMP: ["3"]}


def test_a_merged_pull_request_takes_nothing_back(stamped: Path) -> None:
    git(stamped, "switch", "-qc", "topic")
    CommitBroker(Repository.open(stamped), "topic", limits=QUICK).commit(count_up(STAMP, "t-1"))
    git(stamped, "reset", "-q", "--hard")
    git(stamped, "switch", "-q", "main")
    git(stamped, "merge", "-q", "--no-ff", "-m", "merge", "topic")
    assert lost(stamped) == {}


def test_what_was_looked_at_is_not_looked_at_again(stamped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(stamped, "revert", "--no-edit", "HEAD")
    assert lost(stamped) == {STAMP: ["3"]}
    monkeypatch.setattr("generator.gitops.reverted._collect_steps", lambda *_: pytest.fail("walked"))
    assert lost(stamped) == {STAMP: ["3"]}


def test_the_broker_does_not_walk_its_own_commits(stamped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generator.gitops.reverted._collect_steps", lambda *_: pytest.fail("walked"))
    repository = Repository.open(stamped)
    broker = CommitBroker(repository, "main", limits=QUICK)
    for number in range(3):
        broker.commit(count_up(STAMP, f"again-{number}"))
        assert repository.reverted("main").find(repository.tip("main"), lambda _: True) == {}
