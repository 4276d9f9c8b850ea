"""Remotes over HTTP: credentials, slow and failing forges, connections that break at any moment."""

from __future__ import annotations

import base64
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from generator.errors import AuthenticationFailed, GitError, NotARepository, PushRejected, RemoteUnavailable
from generator.gitops.broker import CommitBroker
from generator.gitops.remote import Remote
from generator.gitops.repository import Repository
from tests.gitops.conftest import QUICK, count_up, fsck, git, hook, put
from tests.testbed.faults import Delay
from tests.testbed.git_faults import (
    BROKEN,
    BUSY,
    FORBIDDEN,
    GITEA_PROTECTED,
    GITHUB_PROTECTED,
    GITLAB_PROTECTED,
    UNAUTHORIZED,
    Answer,
    CutAnswer,
    CutRequest,
    Refuse,
)
from tests.testbed.git_server import GitServer

pytestmark = pytest.mark.sweep

HELPER = "!f() { test \"$1\" = get && printf 'username=%s\\npassword=%s\\n' ann '{password}'; }; f"


@pytest.fixture
def broker(git_server: GitServer, origin: Path, tmp_path: Path) -> CommitBroker:
    """A broker whose mirror knows its remote by URL with credentials."""
    mirror = Repository.clone_mirror(git_server.url(origin.name, "ann"), tmp_path / "mirror.git")
    return CommitBroker(mirror, "main", Remote("origin", "main"), limits=QUICK)


def told(error: BaseException) -> str:
    """All that a person or a log gets to see of an error and its causes."""
    seen = str(error.to_dict()) if isinstance(error, GitError) else str(error)
    return seen + (told(error.__cause__) if error.__cause__ else "")


def with_helper(repository: Repository, password: str) -> Repository:
    """A mirror with a credential helper, as a pipeline sets it up."""
    repository.git("config", "credential.helper", HELPER.replace("{password}", password))
    return repository


def test_a_password_in_the_url_pushes(broker: CommitBroker, origin: Path) -> None:
    result = broker.commit(put("b", "1"))
    assert git(origin, "rev-parse", "main") == result.commit


def test_a_credential_helper_is_asked(git_server: GitServer, origin: Path, bare: Repository) -> None:
    remote = Remote(git_server.url(origin.name), "main")
    result = CommitBroker(with_helper(bare, "right word"), "main", remote, limits=QUICK).commit(put("b", "1"))
    assert git(origin, "rev-parse", "main") == result.commit


def test_a_token_is_a_password_of_anybody(git_server: GitServer, origin: Path, bare: Repository) -> None:
    remote = Remote(git_server.url(origin.name, "x-access-token", "a-token"), "main")
    result = CommitBroker(bare, "main", remote, limits=QUICK).commit(put("b", "1"))
    assert git(origin, "rev-parse", "main") == result.commit


@pytest.mark.parametrize("way", ["url", "helper", "none"])
def test_wrong_credentials_are_said_and_never_shown(
    git_server: GitServer, origin: Path, bare: Repository, way: str
) -> None:
    if way == "helper":
        with_helper(bare, "wr0ng")
    url = git_server.url(origin.name, "ann", "wr0ng") if way == "url" else git_server.url(origin.name)
    with pytest.raises(AuthenticationFailed) as caught:
        CommitBroker(bare, "main", Remote(url, "main"), limits=QUICK).commit(put("b", "1"))
    assert "wr0ng" not in told(caught.value)
    assert "ann" not in told(caught.value)


def test_who_may_only_read_is_told_so(git_server: GitServer, origin: Path, bare: Repository) -> None:
    remote = Remote(git_server.url(origin.name, "reader"), "main")
    before = git(origin, "rev-parse", "main")
    with pytest.raises(AuthenticationFailed, match="403") as caught:
        CommitBroker(bare, "main", remote, limits=QUICK).commit(put("b", "1"))
    assert "right to write" in caught.value.hint
    assert git(origin, "rev-parse", "main") == before


def test_a_repository_that_is_not_there_is_told_so(git_server: GitServer, bare: Repository) -> None:
    with pytest.raises(NotARepository) as caught:
        Remote(git_server.url("other.git", "ann"), "main").fetch(bare)
    assert "right word" not in told(caught.value)
    assert "right%20word" not in told(caught.value)


def test_what_waits_behind_a_slow_push_goes_in_one(git_server: GitServer, broker: CommitBroker, origin: Path) -> None:
    held = git_server.hold("push")
    first = broker.submit(count_up("n", "r-first"))
    held.wait_for_arrival()
    others = [broker.submit(count_up("n", f"r-{number}")) for number in range(99)]
    held.release()
    assert len({future.result(60).commit for future in [first, *others]}) == 100
    assert git(origin, "show", "main:n") == "100"
    assert git_server.count("push") == 2


def test_slow_fetches_and_pushes_of_two_mirrors_lose_nothing(
    git_server: GitServer, origin: Path, tmp_path: Path
) -> None:
    for moment in ("fetch", "push-open", "push"):
        git_server.next(moment, Delay(0.02), times=None)  # type: ignore[arg-type]
    url = git_server.url(origin.name, "ann")
    brokers = [
        CommitBroker(Repository.clone_mirror(url, tmp_path / name), "main", Remote("origin", "main"))
        for name in ("one.git", "two.git")
    ]
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda number: brokers[number % 2].commit(count_up("n", f"r-{number}")), range(20)))
    assert git(origin, "show", "main:n") == "20"
    fsck(origin)


@pytest.mark.parametrize("words", [GITHUB_PROTECTED, GITLAB_PROTECTED, GITEA_PROTECTED, Refuse(("No secrets here.",))])
def test_a_forge_that_refuses_is_quoted_and_nothing_moves(
    git_server: GitServer, broker: CommitBroker, origin: Path, words: Refuse
) -> None:
    before = git(origin, "rev-parse", "main")
    git_server.next("push", words)
    with pytest.raises(PushRejected) as caught:
        broker.commit(put("b", "1"))
    assert all(message in str(caught.value) for message in (words.reason, *words.messages))
    assert not caught.value.retryable
    assert git(origin, "rev-parse", "main") == before == broker.snapshot(refresh=True).commit


def test_the_refusal_that_is_played_is_the_one_of_a_real_hook(
    git_server: GitServer, origin: Path, clone: Path, tmp_path: Path
) -> None:
    """The server's own answer is held against git's."""
    git(clone, "commit", "-q", "--allow-empty", "-m", "more")
    push = ["push", git_server.url(origin.name, "ann"), "main"]
    git_server.next("push", Refuse(("Not today.", "Tomorrow.")))
    played = git(clone, "-c", "advice.pushUpdateRejected=false", *push, "--porcelain", check=False)
    hook(origin, "pre-receive", "echo Not today.; echo Tomorrow.; exit 1")
    real = git(clone, "-c", "advice.pushUpdateRejected=false", *push, "--porcelain", check=False)
    assert played == real
    assert "pre-receive hook declined" in real


@pytest.mark.parametrize("moment", ["fetch", "push-open", "push"])
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (UNAUTHORIZED, AuthenticationFailed),
        (FORBIDDEN, AuthenticationFailed),
        (Answer(404, "Not Found"), NotARepository),
        (Answer(429, "Too Many Requests", {"Retry-After": "1"}), RemoteUnavailable),
        (BROKEN, RemoteUnavailable),
        (Answer(502, "Bad Gateway"), RemoteUnavailable),
        (BUSY, RemoteUnavailable),
    ],
    ids=lambda value: str(getattr(value, "status", getattr(value, "__name__", ""))),
)
def test_each_failure_at_each_moment_is_told_by_its_cause_and_the_same_request_mends_it(
    git_server: GitServer, broker: CommitBroker, origin: Path, moment: Any, answer: object, error: type[GitError]
) -> None:
    if moment != "fetch":
        broker.snapshot()
    git_server.next(moment, answer, times=None)
    with pytest.raises(error) as caught:
        broker.commit(count_up("n", "r-1"))
    assert type(caught.value) is error
    assert caught.value.retryable is (error is RemoteUnavailable)
    assert "right" not in told(caught.value).replace("its right to write", "")
    git_server.clear()
    result = broker.commit(count_up("n", "r-1"))
    assert git(origin, "show", "main:n") == "1"
    assert git(origin, "rev-parse", "main") == result.commit


@pytest.mark.parametrize("moment", ["fetch", "push-open", "push"])
def test_a_connection_that_keeps_breaking_is_said_and_the_same_request_mends_it(
    git_server: GitServer, broker: CommitBroker, origin: Path, moment: Any
) -> None:
    """Where it breaks while git logs in, git blames the credentials; the hint says that it may be wrong."""
    if moment != "fetch":
        broker.snapshot()
    git_server.next(moment, CutRequest(), times=None)
    with pytest.raises((RemoteUnavailable, AuthenticationFailed)) as caught:
        broker.commit(count_up("n", "r-1"))
    assert caught.value.retryable or "the connection breaks" in caught.value.hint
    assert moment != "push" or caught.value.retryable
    git_server.clear()
    result = broker.commit(count_up("n", "r-1"))
    assert git(origin, "rev-parse", "main") == result.commit
    assert git(origin, "show", "main:n") == "1"


@pytest.mark.parametrize("after", [None, 0, 5, 40])
def test_a_push_whose_answer_breaks_off_is_looked_up_and_done_once(
    git_server: GitServer, broker: CommitBroker, origin: Path, after: int | None
) -> None:
    git_server.next("push", CutAnswer(after))
    result = broker.commit(count_up("n", "r-1"))
    assert git(origin, "rev-parse", "main") == result.commit
    assert broker.commit(count_up("n", "r-1")).commit == result.commit
    assert git(origin, "show", "main:n") == "1"


def test_a_push_whose_answer_and_look_up_both_break_is_retryable_and_done_once(
    git_server: GitServer, broker: CommitBroker, origin: Path
) -> None:
    broker.snapshot()
    git_server.next("push", CutAnswer())
    git_server.next("fetch", BUSY)
    with pytest.raises(RemoteUnavailable) as caught:
        broker.commit(count_up("n", "r-1"))
    assert caught.value.retryable
    assert git(origin, "show", "main:n") == "1"
    result = broker.commit(count_up("n", "r-1"))
    assert git(origin, "rev-parse", "main") == result.commit
    assert git(origin, "show", "main:n") == "1"


@pytest.mark.parametrize("after", [0, 5, 40])
def test_a_fetch_that_breaks_off_is_retryable(
    git_server: GitServer, origin: Path, bare: Repository, after: int
) -> None:
    git_server.next("fetch", CutAnswer(after), times=None)
    remote = Remote(git_server.url(origin.name, "ann"), "main")
    with pytest.raises(RemoteUnavailable):
        remote.fetch(bare)
    git_server.clear()
    assert remote.fetch(bare) == git(origin, "rev-parse", "main")


def test_a_large_push_arrives_whole(git_server: GitServer, broker: CommitBroker, origin: Path) -> None:
    """Beyond a megabyte git sends chunks, after a probe for the credentials."""
    text = base64.b64encode(random.Random(1).randbytes(1_200_000)).decode()
    broker.commit(put("large", text))
    assert git(origin, "show", "main:large") == text
    assert git_server.count("push") == 1
    fsck(origin)
