"""Commands in clones of a remote: what is pushed, what is brought along, what is left alone, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import install_hook
from tests.cli.driver import Person, answer_of
from tests.fleet_repository import git

CHAT = "environments/prod/endpoints/chat.yaml"
SEARCH = "environments/prod/endpoints/search.yaml"
Clone = Callable[..., Person]


def tip(remote: Path, branch: str = "main") -> str:
    """The remote's commit."""
    return git(remote, "rev-parse", branch)


def test_a_redeploy_is_pushed_and_a_clean_clone_is_fast_forwarded(clone: Clone, remote: Path) -> None:
    """Branch, remote and tracking branch stand on one commit, and the work tree is clean."""
    ann = clone("ann")
    answer = ann.ask("redeploy", "prod/chat")
    assert answer["pushed"] is True
    assert answer["commit"] == ann.head == tip(remote) == ann.git("rev-parse", "origin/main")
    assert ann.revision("prod/chat") == 2
    ann.check_sound()


def test_an_out_of_date_clean_clone_is_brought_to_the_new_commit(clone: Clone, remote: Path) -> None:
    """It counts from the remote's tip, not from its own."""
    ann, bob = clone("ann"), clone("bob")
    ann.do("redeploy", "prod/chat")
    assert bob.ask("redeploy", "prod/chat")["revision"] == 3
    assert bob.head == tip(remote)
    bob.check_sound()


def test_a_clone_with_other_work_is_left_alone_and_told(clone: Clone, remote: Path) -> None:
    """The commit is made and pushed; the edited file of the same endpoint stays as the person left it."""
    ann = clone("ann")
    ann.edit(CHAT, "48Gi", "64Gi")
    answer = ann.type("redeploy", "prod/chat", "--cpu-request", "5")
    assert answer.code == 0
    assert CHAT in answer.err
    assert "64Gi" in ann.read(CHAT)
    assert "64Gi" not in git(remote, "show", f"main:{CHAT}")
    assert tip(remote) != git(remote, "rev-parse", "main~1")


def test_unrelated_edits_do_not_keep_a_clone_from_following(clone: Clone, remote: Path) -> None:
    """A changed README is nobody's obstacle, staged or not."""
    ann = clone("ann")
    ann.write("README.md", "notes")
    ann.git("add", "README.md")
    ann.write("draft.txt", "more")
    ann.do("redeploy", "prod/chat")
    assert ann.head == tip(remote)
    assert ann.status.splitlines() == ["A  README.md", "?? draft.txt"]


def test_local_commits_ahead_of_the_remote_go_along(clone: Clone, remote: Path) -> None:
    """Nothing of a person's own is lost: the new commit stands on top of them."""
    ann = clone("ann")
    ann.write("README.md", "notes")
    ann.git("add", "README.md")
    ann.git("commit", "-qm", "notes")
    mine = ann.head
    ann.do("redeploy", "prod/chat")
    assert git(remote, "rev-parse", "main~1") == mine
    ann.check_sound()


def test_diverged_branches_are_refused_with_the_way_out(clone: Clone, remote: Path) -> None:
    """Nothing is merged or forced."""
    ann, bob = clone("ann"), clone("bob")
    ann.do("redeploy", "prod/chat")
    bob.write("README.md", "notes")
    bob.git("add", "README.md")
    bob.git("commit", "-qm", "notes")
    before, there = bob.head, tip(remote)
    error = bob.fail("redeploy", "prod/chat")
    assert (error["error"], error["exit"]) == ("dirty-clone", 5)
    assert "git pull --rebase" in error["hint"]
    assert (bob.head, bob.status, tip(remote)) == (before, "", there)
    bob.git("pull", "-q", "--rebase")
    bob.do("redeploy", "prod/chat")
    bob.check_sound()


def test_edits_of_a_file_that_somebody_else_changed_are_a_conflict(clone: Clone, remote: Path) -> None:
    """The message names the commit and the file; nothing has moved."""
    ann, bob = clone("ann"), clone("bob")
    foreign = ann.ask("redeploy", "prod/chat", "--cpu-request", "5")["commit"]
    bob.edit(CHAT, "48Gi", "64Gi")
    before = bob.status
    error = bob.fail("commit", "-m", "more")
    assert (error["error"], error["exit"]) == ("conflict", 5)
    assert foreign[:10] in error["message"]
    assert CHAT in error["message"]
    assert (bob.status, tip(remote)) == (before, foreign)


def test_edits_beside_what_somebody_else_changed_are_committed(clone: Clone, remote: Path) -> None:
    """Another endpoint's redeploy in between is no conflict."""
    ann, bob = clone("ann"), clone("bob")
    ann.do("redeploy", "prod/search")
    bob.edit(CHAT, "48Gi", "64Gi")
    bob.do("commit", "-m", "more")
    assert bob.head == tip(remote)
    assert (bob.revision("prod/chat"), bob.revision("prod/search")) == (2, 2)
    bob.check_sound()


def test_two_clones_that_redeploy_one_endpoint_in_turn_count_on(clone: Clone, remote: Path) -> None:
    """No number twice, no clone left behind after its own turn."""
    people = (clone("ann"), clone("bob"))
    seen = [people[turn % 2].ask("redeploy", "prod/chat")["revision"] for turn in range(6)]
    assert seen == [2, 3, 4, 5, 6, 7]
    people[1].check_sound()


def test_an_empty_remote_receives_the_first_commit(template: Path, tmp_path: Path) -> None:
    """`init` in a clone of a new repository."""
    git(tmp_path, "init", "-q", "--bare", "--initial-branch=main", "empty.git")
    git(tmp_path, "clone", "-q", f"file://{tmp_path}/empty.git", "ann")
    answer = answer_of(("init", "ann"), tmp_path)
    assert answer.code == 0, answer.err
    ann = Person(tmp_path / "ann")
    assert ann.head == tip(tmp_path / "empty.git")
    ann.check_sound()


def test_a_branch_that_the_remote_has_not_is_made(clone: Clone, remote: Path) -> None:
    """A local branch without upstream is pushed under its name."""
    ann = clone("ann")
    ann.git("switch", "-q", "-c", "more-memory")
    ann.do("redeploy", "prod/chat")
    assert tip(remote, "more-memory") == ann.head
    assert tip(remote) != ann.head
    ann.check_sound()


@pytest.mark.parametrize("hook", ["pre-receive", "update"])
def test_a_protected_branch_is_a_clear_refusal(clone: Clone, remote: Path, hook: str) -> None:
    """Nothing has moved here or there; the error repeats what the remote said."""
    ann = clone("ann")
    install_hook(remote, hook, "echo main is protected >&2; exit 1")
    before = ann.state
    error = ann.fail("redeploy", "prod/chat")
    assert (error["error"], error["exit"]) == ("push-rejected", 6)
    assert "main is protected" in error["message"]
    assert "--branch" in error["hint"]
    assert ann.state == before


def test_a_refused_commit_of_edits_leaves_the_edits(clone: Clone, remote: Path) -> None:
    """Once the branch is open again, the same command goes through, with the same number."""
    ann = clone("ann")
    ann.edit(CHAT, "48Gi", "64Gi")
    install_hook(remote, "pre-receive", "exit 1")
    before = ann.state
    ann.fail("commit", "-m", "more")
    assert ann.state == before
    (remote / "hooks" / "pre-receive").unlink()
    ann.do("commit", "-m", "more")
    assert ann.revision("prod/chat") == 2
    ann.check_sound()


def test_a_remote_that_is_not_there_is_named(clone: Clone, remote: Path, tmp_path: Path) -> None:
    """Wrong path or gone: exit code 4, how to look, nothing moved."""
    ann = clone("ann")
    ann.git("remote", "set-url", "origin", f"file://{tmp_path}/nowhere.git")
    before = ann.state
    error = ann.fail("redeploy", "prod/chat")
    assert error["exit"] == 4
    assert "nowhere.git" in error["message"]
    assert "git remote" in error["hint"]
    assert ann.state == before


def test_an_unreachable_host_is_retryable(clone: Clone) -> None:
    """Offline: trying again helps, and the error says so."""
    ann = clone("ann")
    ann.git("remote", "set-url", "origin", "http://127.0.0.1:9/gitops.git")
    error = ann.fail("redeploy", "prod/chat")
    assert (error["error"], error["retryable"], error["exit"]) == ("remote-unavailable", True, 6)


def test_a_shallow_clone_commits_and_pushes(clone: Clone, remote: Path) -> None:
    """A depth of one holds all that the next revision needs."""
    ann = clone("ann")
    ann.do("redeploy", "prod/chat")
    shallow = clone("shallow", "--depth=1")
    assert shallow.ask("redeploy", "prod/chat")["revision"] == 3
    assert shallow.head == tip(remote)
    assert shallow.status == ""


def test_log_and_rollback_in_a_shallow_clone_say_what_is_missing_or_work(clone: Clone, remote: Path) -> None:
    """History that was not fetched is no bug of revstamp."""
    ann = clone("ann")
    ann.do("redeploy", "prod/chat", "--cpu-request", "5")
    shallow = clone("shallow", "--depth=1")
    assert shallow.ask("log", "prod/chat")["revisions"][0]["revision"] == 2
    error = shallow.fail("rollback", "prod/chat", "--to", "1")
    assert error["error"] == "not-found"
    assert "shallow" in error["hint"]


def test_a_branch_for_a_pull_request_is_pushed_and_counts_from_its_base(clone: Clone, remote: Path) -> None:
    """Twice on the same branch: still the base's + 1; the checked-out branch stays where it is."""
    ann = clone("ann")
    before, main = ann.head, tip(remote)
    first = ann.ask("redeploy", "prod/chat", "--branch", "bump")
    second = ann.ask("redeploy", "prod/chat", "--branch", "bump", "--cpu-request", "5")
    assert (first["revision"], second["revision"]) == (2, 2)
    assert (ann.head, ann.git("branch", "--show-current"), tip(remote)) == (before, "main", main)
    assert tip(remote, "bump") == second["commit"]
    assert second["pushed"] is True
    ann.check_sound()


def test_the_link_that_a_forge_answers_is_printed(clone: Clone, remote: Path) -> None:
    """In the text as well as in the JSON."""
    install_hook(remote, "post-receive", "echo 'Create a pull request: https://forge.example/gitops/pull/new/bump'")
    ann = clone("ann")
    answer = ann.ask("redeploy", "prod/chat", "--branch", "bump")
    assert answer["link"] == "https://forge.example/gitops/pull/new/bump"
    again = ann.do("redeploy", "prod/chat", "--branch", "bump")
    assert "https://forge.example/gitops/pull/new/bump" in again.err


def test_edits_move_to_the_branch_and_leave_the_work_tree(clone: Clone, remote: Path) -> None:
    """After `commit --branch` the work tree is that of the checked-out branch again."""
    ann = clone("ann")
    ann.edit(CHAT, "48Gi", "64Gi")
    answer = ann.ask("commit", "--branch", "more", "-m", "more")
    assert answer["pushed"] is True
    assert "64Gi" in git(remote, "show", f"more:{CHAT}")
    ann.check_sound()
    ann.edit(CHAT, "48Gi", "96Gi")
    ann.do("commit", "--branch", "even-more", "-m", "even more")
    assert "96Gi" in git(remote, "show", f"even-more:{CHAT}")
    ann.check_sound()


def test_a_second_commit_to_the_same_branch_from_the_old_file_is_a_conflict(clone: Clone, remote: Path) -> None:
    """The branch's own edit of the file is not overwritten unseen."""
    ann = clone("ann")
    ann.edit(CHAT, "48Gi", "64Gi")
    ann.do("commit", "--branch", "more", "-m", "more")
    ann.edit(CHAT, "48Gi", "96Gi")
    error = ann.fail("commit", "--branch", "more", "-m", "more still")
    assert error["error"] == "conflict"
    assert "96Gi" in ann.read(CHAT)


def test_a_request_id_is_carried_out_once_over_clones(clone: Clone) -> None:
    """The second answer names the first one's commit."""
    ann, bob = clone("ann"), clone("bob")
    first = ann.ask("redeploy", "prod/chat", "--request-id", "order-7")
    second = bob.ask("redeploy", "prod/chat", "--request-id", "order-7")
    assert first["commit"] == second["commit"]
    assert bob.revision("prod/chat") == 2
    assert "had been carried out before" in ann.do("redeploy", "prod/chat", "--request-id", "order-7").out


def test_pull_request_only_environments_take_no_direct_commits(clone: Clone, remote: Path) -> None:
    """Refused with the way: --branch."""
    ann = clone("ann")
    ann.edit("environments/prod/environment.yaml", "pullRequestRequired: false", "pullRequestRequired: true")
    ann.do("commit", "-m", "reviews from now on")
    error = ann.fail("redeploy", "prod/chat")
    assert error["error"] == "refused"
    assert "--branch" in error["hint"]
    assert ann.ask("redeploy", "prod/chat", "--branch", "bump")["state"] == "committed"
    assert ann.ask("redeploy", "dev/chat")["state"] == "committed"


def test_a_sparse_checkout_follows_without_growing(clone: Clone) -> None:
    """What it leaves out is committed and pushed, and stays out of the work tree."""
    ann = clone("ann", "--sparse")
    ann.do("redeploy", "prod/chat")
    ann.git("sparse-checkout", "set", "environments/prod")
    answer = ann.do("redeploy", "dev/chat")
    assert "left alone" not in answer.err
    ann.edit("environments/prod/endpoints/chat.yaml", "48Gi", "64Gi")
    ann.do("commit")
    assert ann.status == ""
    assert not (ann.root / "environments" / "dev").exists()
    assert ann.head == ann.git("rev-parse", "origin/main")
    ann.git("sparse-checkout", "disable")
    assert ann.revision("dev/chat") == 2
    ann.check_sound()
