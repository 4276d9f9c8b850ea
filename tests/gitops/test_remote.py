"""What remotes say, and what is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.errors import AuthenticationFailed, InvalidInput, NotARepository, PushRejected, RemoteUnavailable
from generator.gitops.process import GitOutput
from generator.gitops.remote import Remote
from generator.gitops.remote_words import explain_failure, explain_rejection, find_link, is_moved, mask_credentials
from generator.gitops.repository import Repository
from tests.gitops.conftest import git, hook, put


@pytest.mark.parametrize(
    "words",
    [
        "[rejected] (non-fast-forward)",
        "[rejected] (fetch first)",
        "[rejected] (stale info)",
        "[remote rejected] (cannot lock ref 'refs/heads/main': is at 1 but expected 2)",
        "[remote rejected] (failed to update ref)",
        "[remote rejected] (incorrect old value provided)",
        "[remote rejected] (reference already exists)",
        "[remote rejected] (Reference update failed: 409 Conflict)",
    ],
)
def test_a_lost_race_is_told_in_many_words(words: str) -> None:
    assert is_moved(words)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("fatal: Authentication failed for 'https://x/y.git/'", AuthenticationFailed),
        ("fatal: could not read Username for 'https://x': terminal prompts disabled", AuthenticationFailed),
        ("git@x: Permission denied (publickey).\nfatal: Could not read from remote repository.", AuthenticationFailed),
        ("Host key verification failed.\nfatal: Could not read from remote repository.", AuthenticationFailed),
        ("remote: Permission to a/b.git denied to c.\nfatal: unable to access: error: 403", AuthenticationFailed),
        ("remote: Repository not found.\nfatal: repository 'https://x/' not found", NotARepository),
        ("fatal: '/x' does not appear to be a git repository", NotARepository),
        ("fatal: unable to access 'https://x/': Could not resolve host: x", RemoteUnavailable),
        ("ssh: connect to host x port 22: Connection refused", RemoteUnavailable),
        ("error: RPC failed; HTTP 502 curl 22\nfatal: early EOF", RemoteUnavailable),
        ("fatal: the remote end hung up unexpectedly", RemoteUnavailable),
    ],
)
def test_a_failure_is_told_by_its_cause(words: str, error: type[Exception]) -> None:
    assert type(explain_failure(GitOutput(128, b"", words), 60)) is error


def test_a_refusal_passes_on_the_words_of_the_remote() -> None:
    error = explain_rejection("[remote rejected] main -> main (protected branch hook declined)", ("GH006: Protected.",))
    assert type(error) is PushRejected
    assert "GH006" in str(error)


@pytest.mark.parametrize(
    "url", ["https://user:pa%40ss@h/x", "https://token@h/x", "ssh://git:x@h:22/y", "https://h/x?private_token=abc"]
)
def test_no_credential_is_ever_shown(url: str) -> None:
    masked = mask_credentials(f"fatal: unable to access '{url}': no")
    assert not any(secret in masked for secret in ("pa%40ss", "token@", "git:x", "abc"))
    assert "token" not in repr(Remote("https://token@h/x", "main"))


@pytest.mark.parametrize("url", ["-oProxyCommand=x", "ext::sh -c id", "a\nb", ""])
def test_a_remote_that_could_run_a_command_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        Remote(url, "main")


def test_the_link_of_a_forge_is_found() -> None:
    assert find_link(("Create a merge request:", "  https://gitlab/x/-/new?a=b")) == "https://gitlab/x/-/new?a=b"
    assert find_link(("no link",)) is None


def test_a_branch_that_is_not_there_has_no_tip(origin: Path, bare: Repository) -> None:
    assert Remote(str(origin), "other").fetch(bare) is None
    assert Remote(str(origin), "main").fetch(bare) == git(origin, "rev-parse", "main")


def test_a_branch_that_vanished_is_forgotten(origin: Path, bare: Repository) -> None:
    remote = Remote(str(origin), "main")
    remote.fetch(bare)
    git(origin, "update-ref", "-d", "refs/heads/main")
    assert remote.fetch(bare) is None
    assert remote.known_tip(bare) is None


def write_next(bare: Repository, base: str | None) -> str:
    """A commit on top of the remote's tip."""
    snapshot = bare.snapshot(base)
    proposal = put("x", "1").build(snapshot)
    assert proposal is not None
    return bare.write_commit(snapshot.tree, [str(base)], proposal.message)


@pytest.mark.parametrize(
    ("name", "script"),
    [("reference-transaction", '[ "$1" = committed ] && kill -9 $PPID; exit 0'), ("post-receive", "kill -9 $PPID")],
    ids=["before", "during"],
)
def test_a_push_whose_answer_got_lost_is_looked_up(origin: Path, bare: Repository, name: str, script: str) -> None:
    """The remote has moved its branch and is killed: before it says so, or in the middle of its answer."""
    remote = Remote(str(origin), "main")
    base = remote.fetch(bare)
    hook(origin, name, script)
    new = write_next(bare, base)
    assert not remote.push(bare, new, base).moved
    assert git(origin, "rev-parse", "main") == new


@pytest.mark.sweep
def test_a_push_whose_answer_does_not_come_in_time_is_looked_up(origin: Path, bare: Repository) -> None:
    """The remote has moved its branch and says nothing more."""
    base = Remote(str(origin), "main").fetch(bare)
    hook(origin, "post-receive", "touch done; sleep 60")
    new = write_next(bare, base)
    assert not Remote(str(origin), "main", time_limit=10.0).push(bare, new, base).moved
    assert (origin / "done").exists()
    assert git(origin, "rev-parse", "main") == new


def test_a_remote_that_does_not_answer_is_given_up(bare: Repository, tmp_path: Path) -> None:
    sleeper = tmp_path / "ssh"
    sleeper.write_text("#!/bin/sh\nsleep 30\n")
    sleeper.chmod(0o755)
    bare.git("config", "core.sshCommand", str(sleeper))
    with pytest.raises(RemoteUnavailable, match=r"within 0\.3 s"):
        Remote("ssh://nowhere/x.git", "main", time_limit=0.3).fetch(bare)
