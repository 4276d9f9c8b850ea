"""Commands in every kind of clone without a remote: sub-folders, worktrees, other people's files, odd states."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from generator.gitops.process import GitOutput
from generator.gitops.repository import explain_unusable
from tests.cli.driver import Person, answer_of
from tests.fleet_repository import git

CHAT = "environments/prod/endpoints/chat.yaml"
DUBIOUS = """\
fatal: detected dubious ownership in repository at '/srv/gitops'
To add an exception for this directory, call:

\tgit config --global --add safe.directory /srv/gitops
"""


def test_without_a_remote_the_local_branch_moves(person: Person) -> None:
    """Branch, index and work tree are one."""
    answer = person.ask("redeploy", "prod/chat", "--reason", "new weights")
    assert (answer["commit"], answer["pushed"], answer["branch"]) == (person.head, False, "main")
    assert "new weights" in person.git("log", "-1", "--format=%B")
    person.check_sound()


def test_any_folder_of_the_clone_will_do(person: Person) -> None:
    """From a sub-folder, and with -C from outside."""
    person.do("redeploy", "prod/chat", cwd="environments/prod/endpoints")
    answer = answer_of(("-C", str(person.root), "redeploy", "prod/chat"), Path("/"))
    assert answer.code == 0, answer.err
    assert person.revision("prod/chat") == 3
    person.check_sound()


def test_a_linked_worktree_commits_to_its_own_branch(person: Person, tmp_path: Path) -> None:
    """The first work tree stays as it is."""
    person.git("worktree", "add", "-q", "-b", "bump", str(tmp_path / "linked"))
    linked, before = Person(tmp_path / "linked"), person.head
    linked.do("redeploy", "prod/chat")
    assert linked.revision("prod/chat") == 2
    assert person.head == before
    linked.check_sound()
    person.check_sound()


def test_a_branch_that_another_worktree_has_checked_out_keeps_that_worktree_sound(
    person: Person, tmp_path: Path
) -> None:
    """Committing to it from elsewhere is refused, or the other work tree follows; it never shows a reversal."""
    person.git("worktree", "add", "-q", "-b", "bump", str(tmp_path / "linked"))
    answer = person.type("redeploy", "prod/chat", "--branch", "bump", "--output", "json")
    assert answer.code == 5, answer.out
    assert str(tmp_path / "linked") in answer.error["message"]
    assert Person(tmp_path / "linked").status == ""


def test_a_detached_head_is_refused_with_the_way_out(person: Person) -> None:
    """There is no branch to commit to."""
    person.git("switch", "-q", "--detach")
    before = person.state
    error = person.fail("redeploy", "prod/chat")
    assert error["exit"] == 5
    assert "git switch" in error["hint"]
    assert person.state == before


def test_reading_commands_work_on_a_detached_head(person: Person) -> None:
    """As continuous integration checks pull requests out."""
    person.git("switch", "-q", "--detach")
    assert person.do("render", "--check").code == 0
    assert person.ask("diff", "HEAD~1")
    assert person.ask("log", "prod/chat")["revisions"]
    assert person.do("render", "prod/chat").out


def test_an_unborn_branch_takes_a_first_commit(person: Person, tmp_path: Path) -> None:
    """Files copied into a new repository."""
    git(tmp_path, "init", "-q", "fresh")
    fresh = Person(tmp_path / "fresh")
    for path in person.git("ls-files").splitlines():
        if "/manifests/" not in path and "/stamps/" not in path:
            fresh.write(path, person.read(path))
    assert fresh.fail("redeploy", "prod/chat")["error"] in ("not-found", "not-a-repository")
    fresh.do("commit", "-m", "first")
    assert fresh.revision("prod/chat") == 1
    fresh.check_sound()


def test_a_bare_repository_is_refused(person: Person, tmp_path: Path) -> None:
    """There is no work tree to read."""
    git(tmp_path, "clone", "-q", "--bare", str(person.root), "bare.git")
    bare = Person(tmp_path / "bare.git")
    assert bare.fail("redeploy", "prod/chat")["error"] == "not-a-repository"
    assert bare.fail("render")["exit"] == 4


def test_a_folder_that_is_no_repository_is_refused(tmp_path: Path) -> None:
    """Every command says so, with the way to make one."""
    nobody = Person(tmp_path)
    for words in (("commit",), ("redeploy", "x"), ("render",), ("log", "x"), ("diff",), ("environments",)):
        error = nobody.fail(*words)
        assert (error["error"], error["exit"]) == ("not-a-repository", 4), words
        assert error["hint"]
    assert list(tmp_path.iterdir()) == []


def test_a_clone_without_a_gitops_layout_is_refused(tmp_path: Path) -> None:
    """A repository of something else is left alone."""
    git(tmp_path, "init", "-q", ".")
    error = Person(tmp_path).fail("commit")
    assert error["error"] == "not-a-repository"
    assert "revstamp init" in error["hint"]


def test_without_a_git_identity_a_name_stands_in(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a fresh container; never one guessed from the host, and --actor is kept."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    person.do("redeploy", "prod/chat")
    assert person.git("log", "-1", "--format=%an <%ae>") == "revstamp <revstamp@localhost>"
    person.do("redeploy", "prod/chat", "--actor", "Ann <ann@example.com>")
    assert person.git("log", "-1", "--format=%an <%ae> %cn") == "Ann <ann@example.com> revstamp"


def test_an_unfinished_merge_is_left_to_its_person(person: Person) -> None:
    """Neither committed over nor aborted."""
    person.git("switch", "-q", "-c", "other")
    person.edit(CHAT, "48Gi", "64Gi")
    person.git("commit", "-qam", "64")
    person.git("switch", "-q", "main")
    person.edit(CHAT, "48Gi", "96Gi")
    person.git("commit", "-qam", "96")
    with pytest.raises(Exception, match="merge"):
        person.git("merge", "other")
    before = person.state
    for words in (("commit",), ("redeploy", "prod/chat")):
        assert person.fail(*words)["exit"] == 5
    assert person.state == before


def test_other_work_is_not_taken_into_a_commit(person: Person) -> None:
    """README staged, notes not, an ignored file: all as they were."""
    person.write(".gitignore", "*.secret\n")
    person.git("add", ".gitignore")
    person.git("commit", "-qm", "ignore")
    person.write("README.md", "staged")
    person.git("add", "README.md")
    person.write("notes.txt", "unstaged")
    person.write("environments/prod/key.secret", "ignored")
    person.edit(CHAT, "48Gi", "64Gi")
    person.do("commit", "-m", "more")
    assert person.status.splitlines() == ["A  README.md", "?? notes.txt"]
    assert "key.secret" not in person.git("ls-tree", "-r", "--name-only", "HEAD")
    assert "README.md" not in person.git("ls-tree", "-r", "--name-only", "HEAD")


def test_an_ignored_endpoint_file_is_not_deployed_unseen(person: Person) -> None:
    """What git ignores is no part of the repository: no stamp, no manifests."""
    person.write(".gitignore", "draft-*.yaml\n")
    person.git("add", ".gitignore")
    person.git("commit", "-qm", "ignore")
    text = person.read(CHAT).replace("name: chat", "name: draft-x").replace("/llm/chat", "/llm/x")
    person.write("environments/prod/endpoints/draft-x.yaml", text)
    answer = person.ask("commit", "--all", "-m", "all")
    assert "draft-x" not in str(answer)
    assert person.status == ""


def test_staged_edits_count_like_unstaged_ones(person: Person) -> None:
    """The content on disk is what is committed."""
    person.edit(CHAT, "48Gi", "64Gi")
    person.git("add", "--all")
    person.do("commit", "-m", "more")
    assert "64Gi" in person.git("show", f"HEAD:{CHAT}")
    person.check_sound()


def test_nothing_to_commit_is_success_and_says_so(person: Person) -> None:
    """No change, no commit, exit code 0."""
    before = person.head
    answer = person.do("commit")
    assert "nothing to commit" in answer.out
    assert person.ask("commit", "--all")["state"] == "unchanged"
    assert person.head == before


def test_a_dry_run_touches_nothing(person: Person) -> None:
    """Of any command that changes something."""
    person.edit(CHAT, "48Gi", "64Gi")
    before = person.state
    for words in (
        ("commit",),
        ("redeploy", "prod/search"),
        ("scale", "prod/search", "--replicas", "3"),
        ("stop", "prod/search"),
        ("delete", "prod/search"),
        ("redeploy", "prod/search", "--branch", "bump"),
        ("promote", "chat", "--from", "dev", "--to", "prod"),
    ):
        assert person.ask(*words, "--dry-run")["state"] == "planned"
        assert person.state == before


def test_a_folder_that_cannot_be_written_is_no_bug_of_revstamp(person: Person, tmp_path: Path) -> None:
    """What the machine refuses is named, before anything is touched."""
    shutil.rmtree(person.root / ".git" / "revstamp")
    person.write(".git/revstamp", "in the way")
    before = person.state
    for words in (("redeploy", "prod/chat"), ("scale", "prod/chat", "--max", "9")):
        error = person.fail(*words)
        assert (error["exit"], error["error"]) == (6, "storage-failed")
        assert "revstamp" in error["message"]
    assert person.state == before
    (tmp_path / "file").write_text("mine")
    assert answer_of(("render", "-C", str(person.root)), tmp_path).code == 2
    answer = person.type("render", "prod/chat", "--to", str(tmp_path / "file"))
    assert (answer.code, answer.err.count("hint")) == (6, 1)
    assert answer_of(("init", "file/gitops"), tmp_path).code == 6


def test_a_commit_that_the_work_tree_cannot_follow_is_made_and_followed_later(person: Person) -> None:
    """The answer says so; nothing is lost and nothing is done twice."""
    stamp = next((person.root / "environments/prod/stamps").glob("*/chat.yaml"))
    obstacle = stamp.with_name(f".{stamp.name}.revstamp")
    obstacle.mkdir()
    answer = person.do("redeploy", "prod/chat")
    assert "not brought to the new commit" in answer.err
    assert "goes on" in answer.err
    assert person.git("log", "-1", "--format=%s") == "prod/chat: redeploy as r2"
    assert person.fail("redeploy", "prod/chat")["error"] == "storage-failed"
    obstacle.rmdir()
    assert "nothing to commit" in person.do("commit").out
    assert person.revision("prod/chat") == 2
    person.check_sound()


def test_a_repository_of_somebody_else_is_named_with_the_remedy_of_git(tmp_path: Path) -> None:
    """Git refuses to open it; how to trust its owner stands in the hint."""
    error = explain_unusable("x", GitOutput(128, b"", DUBIOUS))
    assert "another user" in error.message
    assert error.hint.endswith("git config --global --add safe.directory /srv/gitops")
    nowhere = answer_of(("redeploy", "prod/chat", "-o", "json"), tmp_path)
    assert (nowhere.code, nowhere.error["error"]) == (4, "not-a-repository")
    assert "revstamp init" in nowhere.error["hint"]
