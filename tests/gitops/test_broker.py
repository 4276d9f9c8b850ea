"""The broker, without and with a remote."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from generator.errors import ChangeConflict, PushRejected, RemoteUnavailable
from generator.gitops.broker import Change, CommitBroker, Proposal
from generator.gitops.remote import Remote
from generator.gitops.repository import Repository
from generator.gitops.snapshot import Snapshot
from tests.gitops.conftest import QUICK, count_up, fsck, git, hook, proposal, put


def mirror_broker(origin: Path, path: Path) -> CommitBroker:
    return CommitBroker(Repository.clone_mirror(str(origin), path), "main", Remote("origin", "main"), limits=QUICK)


def test_first_commit_makes_the_branch(broker: CommitBroker, bare: Repository) -> None:
    result = broker.commit(put("a/b.txt", "hello", request="r-1"))
    assert bare.tip("main") == result.commit
    assert bare.snapshot("main").read("a/b.txt") == b"hello"
    commit = next(bare.commits(until="main"))
    assert commit.trailers == {"Revstamp-Request-Id": "r-1"}
    fsck(bare.git_dir)


def test_no_difference_makes_no_commit(broker: CommitBroker, bare: Repository) -> None:
    first = broker.commit(put("a.txt", "same", request="r-1"))
    second = broker.commit(put("a.txt", "same", request="r-2"))
    third = broker.commit(Change("r-3", lambda _: None))
    assert (second.unchanged, third.unchanged) == (True, True)
    assert bare.tip("main") == first.commit


def test_the_same_request_is_carried_out_once(broker: CommitBroker, bare: Repository) -> None:
    first = broker.commit(count_up("n", "r-1"))
    again = broker.commit(count_up("n", "r-1"))
    elsewhere = CommitBroker(bare, "main", limits=QUICK).commit(count_up("n", "r-1"))
    assert first.commit == again.commit == elsewhere.commit
    assert bare.snapshot("main").read("n") == b"1"


def test_an_error_in_one_change_reaches_only_its_submitter(broker: CommitBroker) -> None:
    def refuse(_: object) -> None:
        raise ChangeConflict("somebody else changed it")

    futures = [broker.submit(put("a", "1")), broker.submit(Change("bad", refuse)), broker.submit(put("b", "1"))]
    assert [type(future.exception(10)) for future in futures] == [type(None), ChangeConflict, type(None)]
    assert broker.snapshot().read("b") == b"1"


def test_a_hundred_threads_lose_nothing(broker: CommitBroker, bare: Repository) -> None:
    with ThreadPoolExecutor(100) as pool:
        results = list(pool.map(lambda number: broker.commit(count_up("n", f"r-{number}")), range(100)))
    assert len({result.commit for result in results}) == 100
    assert bare.snapshot("main").read("n") == b"100"
    fsck(bare.git_dir)


def test_a_commit_is_told_only_when_the_remote_has_it(origin: Path, tmp_path: Path) -> None:
    broker = mirror_broker(origin, tmp_path / "mirror.git")
    result = broker.commit(put("b.txt", "1"))
    assert result.pushed
    assert git(origin, "rev-parse", "main") == result.commit == broker.repository.tip("main")


def test_what_waits_is_pushed_together(origin: Path, tmp_path: Path) -> None:
    hook(origin, "pre-receive", f"echo push >> {tmp_path}/pushes; sleep 0.3")
    broker = mirror_broker(origin, tmp_path / "mirror.git")
    futures = [broker.submit(count_up("n", f"r-{number}")) for number in range(100)]
    assert len({future.result(30).commit for future in futures}) == 100
    assert git(origin, "show", "main:n") == "100"
    assert len((tmp_path / "pushes").read_text().split()) <= 3


def test_a_lost_race_is_built_again_on_the_newer_tip(origin: Path, tmp_path: Path) -> None:
    ours = mirror_broker(origin, tmp_path / "ours.git")
    theirs = mirror_broker(origin, tmp_path / "theirs.git")
    ours.snapshot()
    theirs.commit(count_up("n", "theirs"))
    ours.commit(count_up("n", "ours"))
    assert git(origin, "show", "main:n") == "2"


def test_two_mirrors_that_race_lose_nothing(origin: Path, tmp_path: Path) -> None:
    brokers = [mirror_broker(origin, tmp_path / f"mirror-{number}.git") for number in range(2)]
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda number: brokers[number % 2].commit(count_up("n", f"r-{number}")), range(20)))
    assert git(origin, "show", "main:n") == "20"
    fsck(origin)


def test_a_refused_push_tells_every_waiter_and_moves_nothing(origin: Path, tmp_path: Path) -> None:
    broker = mirror_broker(origin, tmp_path / "mirror.git")
    before = broker.snapshot().commit
    hook(origin, "pre-receive", "echo 'GH006: Protected branch update failed' >&2; exit 1")
    futures = [broker.submit(put(f"{number}", "1")) for number in range(3)]
    errors = [future.exception(30) for future in futures]
    assert [type(error) for error in errors] == [PushRejected] * 3
    assert "GH006: Protected branch" in str(errors[0])
    assert broker.snapshot(refresh=True).commit == before == broker.repository.tip("main")


def test_the_same_request_after_a_lost_answer_commits_once(origin: Path, tmp_path: Path) -> None:
    first = mirror_broker(origin, tmp_path / "first.git").commit(count_up("n", "r-1"))
    again = mirror_broker(origin, tmp_path / "second.git").commit(count_up("n", "r-1"))
    assert again.commit == first.commit
    assert git(origin, "rev-list", "--count", "main") == "2"


def test_a_remote_set_back_on_purpose_stays_set_back(origin: Path, tmp_path: Path) -> None:
    broker = mirror_broker(origin, tmp_path / "mirror.git")
    broker.commit(put("wrong", "1"))
    git(origin, "update-ref", "refs/heads/main", "main~1")
    broker.commit(put("right", "1"))
    assert git(origin, "ls-tree", "--name-only", "main") == "environments\nright"


def test_a_branch_that_never_stands_still_gives_up_with_a_retryable_error(origin: Path, tmp_path: Path) -> None:
    broker = mirror_broker(origin, tmp_path / "mirror.git")
    broker.snapshot()
    hook(
        origin,
        "pre-receive",
        "unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n"
        f"echo push >> {tmp_path}/pushes\n"
        "git update-ref refs/heads/main $(git commit-tree main^{tree} -p main -m moved)",
    )
    error = broker.submit(put("a", "1")).exception(60)
    assert isinstance(error, RemoteUnavailable)
    assert error.retryable
    assert len((tmp_path / "pushes").read_text().split()) == QUICK.attempts
    assert broker.snapshot(refresh=True).read("a") is None


def test_a_new_branch_is_made_on_the_base_that_is_chosen(origin: Path, tmp_path: Path) -> None:
    mirror = Repository.clone_mirror(str(origin), tmp_path / "mirror.git")
    main = mirror.tip("main")
    hook(
        origin,
        "post-receive",
        "echo; echo 'Create a pull request for redeploy/a by visiting:'; echo 'https://forge/x/new/redeploy/a'",
    )
    broker = CommitBroker(mirror, "redeploy/a", Remote("origin", "redeploy/a"), choose_base=lambda tip: tip or main)
    result = broker.commit(put("a", "1"))
    assert result.parent == main
    assert result.link == "https://forge/x/new/redeploy/a"
    assert git(origin, "rev-parse", "main") == main


def test_an_empty_remote_gets_its_first_commit(tmp_path: Path) -> None:
    Repository.init_bare(tmp_path / "empty.git")
    broker = mirror_broker(tmp_path / "empty.git", tmp_path / "mirror.git")
    result = broker.commit(put("a", "1"))
    assert result.parent is None
    assert git(tmp_path / "empty.git", "rev-parse", "main") == result.commit


def test_a_remote_that_is_gone_is_a_retryable_error(origin: Path, tmp_path: Path) -> None:
    broker = mirror_broker(origin, tmp_path / "mirror.git")
    bad = Remote("http://user:secret@127.0.0.1:9/x.git", "main")
    with pytest.raises(RemoteUnavailable) as caught:
        CommitBroker(broker.repository, "main", bad, limits=QUICK).commit(put("a", "1"))
    assert caught.value.retryable
    assert "secret" not in str(caught.value.to_dict())


def test_a_waiter_that_gave_up_is_not_committed(broker: CommitBroker) -> None:
    started, release = threading.Event(), threading.Event()

    def build(_: Snapshot) -> Proposal:
        started.set()
        assert release.wait(10)
        return proposal({"a": "1"})

    first = broker.submit(Change("first", build))
    assert started.wait(10)
    late = broker.submit(put("b", "1"))
    assert late.cancel()
    release.set()
    assert first.result(10).commit
    assert broker.commit(put("c", "1")).commit
    assert broker.snapshot().read("b") is None
