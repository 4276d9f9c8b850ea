"""Commands against a remote that asks for a password: what works, what is said, and what is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.driver import Person
from tests.fleet_repository import git
from tests.testbed.git_faults import BUSY, FORBIDDEN, GITHUB_PROTECTED, CutAnswer
from tests.testbed.git_server import GitServer

pytestmark = pytest.mark.sweep

SECRETS = ("right word", "right%20word", "wr0ng")


@pytest.fixture
def ann(git_server: GitServer, remote: Path, tmp_path: Path) -> Person:
    """A clone whose remote has ann's password in its URL."""
    git(tmp_path, "clone", "--quiet", git_server.url(remote.name, "ann"), "ann")
    return Person(tmp_path / "ann")


def check_silent(person: Person, *words: str) -> str:
    """All that a command says as text and as JSON, which holds no secret."""
    answers = [person.type(*words), person.type(*words, "--output", "json")]
    said = "".join(answer.out + answer.err for answer in answers)
    assert not any(secret in said for secret in SECRETS), said
    return said


def test_a_redeploy_is_pushed_with_the_password_of_the_url(ann: Person, remote: Path) -> None:
    """The answer names the remote, not the password."""
    said = check_silent(ann, "redeploy", "prod/chat")
    assert "pushed" in said
    assert git(remote, "rev-parse", "main") == ann.head


def test_a_wrong_password_is_said_by_every_command_that_asks_the_remote_and_never_shown(
    ann: Person, git_server: GitServer, remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where somebody looks for a bug."""
    monkeypatch.setenv("REVSTAMP_DEBUG", "1")
    before = git(remote, "rev-parse", "main")
    ann.git("remote", "set-url", "origin", git_server.url(remote.name, "ann", "wr0ng"))
    assert ann.fail("redeploy", "prod/chat")["error"] == "authentication-failed"
    for words in (("redeploy", "prod/chat"), ("commit",), ("diff",), ("doctor",), ("scale", "prod/chat", "--min", "2")):
        check_silent(ann, *words)
    assert git(remote, "rev-parse", "main") == before
    ann.check_sound()


@pytest.mark.parametrize("branch", ["main", "other"])
def test_a_branch_whose_remote_is_a_url_pushes_there_and_the_url_is_shown_without_its_password(
    ann: Person, git_server: GitServer, remote: Path, branch: str
) -> None:
    """git takes a URL in place of a remote's name, and `git push -u URL` sets it so."""
    ann.git("config", "branch.main.remote", git_server.url(remote.name, "ann"))
    ann.git("config", "branch.main.merge", f"refs/heads/{branch}")
    check_silent(ann, "doctor")
    answer = ann.do("redeploy", "prod/chat")
    assert f"pushed to http://***@127.0.0.1:{git_server.port}/{remote.name}" in answer.out
    assert git(remote, "rev-parse", branch) == ann.head
    for words in (("redeploy", "prod/chat"), ("log", "prod/chat"), ("doctor",)):
        check_silent(ann, *words)
    ann.check_sound()


def test_what_a_forge_says_reaches_the_person_and_the_same_command_mends_it(
    ann: Person, git_server: GitServer, remote: Path
) -> None:
    """A protected branch, missing rights, an outage: each by its name, with nothing left behind."""
    for fault, error in (
        (GITHUB_PROTECTED, "push-rejected"),
        (FORBIDDEN, "authentication-failed"),
        (BUSY, "remote-unavailable"),
    ):
        git_server.next("push", fault, times=None)
        assert ann.fail("redeploy", "prod/chat")["error"] == error
        git_server.clear()
    ann.do("redeploy", "prod/chat")
    assert ann.revision("prod/chat") == 2
    assert git(remote, "rev-parse", "main") == ann.head
    ann.check_sound()


def test_a_lost_answer_is_no_second_redeploy(ann: Person, git_server: GitServer, remote: Path) -> None:
    """The push went in and the connection broke; the command looks it up."""
    before = git(remote, "rev-parse", "main")
    git_server.next("push", CutAnswer())
    assert ann.ask("redeploy", "prod/chat")["pushed"] is True
    assert git(remote, "rev-parse", "main~1") == before
    assert ann.revision("prod/chat") == 2
    ann.check_sound()
