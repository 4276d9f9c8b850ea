"""Commits made in a person's clone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from generator.errors import ChangeConflict, DirtyClone, InvalidInput, NotARepository, PushRejected, RemoteUnavailable
from generator.gitops.broker import Change, Proposal
from generator.gitops.clone import Clone, CloneResult
from generator.gitops.message import CommitMessage
from generator.gitops.snapshot import Snapshot
from generator.gitops.trees import TreeChange
from tests.gitops.conftest import QUICK, fsck, git, hook

FILE = "environments/dev/endpoints/a.yaml"
MADE = "environments/dev/manifests/a.yaml"


def commit_edits(clone: Clone, request: str = "r-1", folders: tuple[str, ...] = ("environments",)) -> CloneResult:
    """What `revstamp commit` does: takes the edits, and writes a file that is made from them."""
    edits = clone.edits(folders)

    def build(snapshot: Snapshot) -> Proposal | None:
        source = edits.change.writes.get(FILE) or snapshot.read(FILE) or b""
        made = TreeChange({MADE: b"made from " + source})
        return Proposal(edits.change.merged(made), CommitMessage("commit the edits"))

    return clone.commit(Change(request, build), edits, limits=QUICK)


def is_clean(folder: Path) -> bool:
    return git(folder, "status", "--porcelain") == ""


def push_from_elsewhere(tmp_path: Path, origin: Path, path: str, text: str) -> None:
    git(tmp_path, "clone", "-q", str(origin), "elsewhere")
    other = tmp_path / "elsewhere"
    (other / path).parent.mkdir(parents=True, exist_ok=True)
    (other / path).write_text(text)
    git(other, "add", "-A")
    git(other, "-c", "user.name=Otto", "commit", "-qm", "Otto was here")
    git(other, "push", "-q")


def test_edits_and_made_files_come_into_one_commit_and_leave_the_clone_clean(clone: Path, origin: Path) -> None:
    (clone / FILE).write_text("a: 2\n")
    result = commit_edits(Clone.find(clone / "environments"))
    assert result.result.pushed
    assert git(origin, "rev-parse", "main") == git(clone, "rev-parse", "HEAD") == result.result.commit
    assert (clone / MADE).read_text() == "made from a: 2\n"
    assert is_clean(clone)
    assert git(clone, "diff-files") == ""
    fsck(clone / ".git")


def test_without_a_remote_the_local_branch_is_the_truth(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "alone")
    alone = tmp_path / "alone"
    (alone / FILE).parent.mkdir(parents=True)
    (alone / FILE).write_text("a: 1\n")
    first = commit_edits(Clone.find(alone))
    assert first.result.parent is None
    assert is_clean(alone)
    (alone / FILE).unlink()
    second = commit_edits(Clone.find(alone), "r-2")
    assert second.result.parent == first.result.commit
    assert is_clean(alone)
    assert not (alone / FILE).exists()


@pytest.mark.parametrize("staging", ["nothing", "everything", "half"])
def test_what_is_on_disk_counts_whatever_is_staged(clone: Path, origin: Path, staging: str) -> None:
    (clone / FILE).write_text("a: 2\n")
    if staging != "nothing":
        git(clone, "add", "-A")
    if staging == "half":
        (clone / FILE).write_text("a: 3\n")
    commit_edits(Clone.find(clone))
    assert git(origin, "show", f"main:{FILE}") == ("a: 3" if staging == "half" else "a: 2")
    assert is_clean(clone)


def test_other_local_work_is_left_as_it_is(clone: Path) -> None:
    (clone / "README").write_text("staged")
    git(clone, "add", "README")
    (clone / "README").write_text("unstaged")
    (clone / "notes").write_text("untracked")
    (clone / FILE).write_text("a: 2\n")
    commit_edits(Clone.find(clone))
    assert git(clone, "status", "--porcelain") == "AM README\n?? notes"
    assert git(clone, "show", ":README") == "staged"


def test_a_made_file_that_was_edited_by_hand_is_left_alone_and_told(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "alone")
    alone = tmp_path / "alone"
    (alone / FILE).parent.mkdir(parents=True)
    (alone / FILE).write_text("a: 1\n")
    commit_edits(Clone.find(alone))
    (alone / MADE).write_text("by hand")
    (alone / FILE).write_text("a: 2\n")
    result = commit_edits(Clone.find(alone), "r-2", ("environments/dev/endpoints",))
    assert result.sync.left_alone == (MADE,)
    assert (alone / MADE).read_text() == "by hand"
    assert git(alone, "status", "--porcelain") == f" M {MADE}"


def test_a_clone_that_is_behind_commits_on_the_remote_tip_and_follows(
    clone: Path, origin: Path, tmp_path: Path
) -> None:
    push_from_elsewhere(tmp_path, origin, "other.txt", "theirs")
    (clone / FILE).write_text("a: 2\n")
    commit_edits(Clone.find(clone))
    assert (clone / "other.txt").read_text() == "theirs"
    assert git(clone, "rev-parse", "HEAD") == git(origin, "rev-parse", "main")
    assert is_clean(clone)


def test_a_clone_with_work_in_the_way_is_left_alone_and_told(clone: Path, origin: Path, tmp_path: Path) -> None:
    push_from_elsewhere(tmp_path, origin, "other.txt", "theirs")
    (clone / "other.txt").write_text("mine")
    (clone / FILE).write_text("a: 2\n")
    before = git(clone, "rev-parse", "HEAD")
    result = commit_edits(Clone.find(clone))
    assert result.sync.left_alone == ("other.txt",)
    assert "in the way" in result.sync.reason
    assert git(origin, "show", f"main:{FILE}") == "a: 2"
    assert (git(clone, "rev-parse", "HEAD"), (clone / "other.txt").read_text()) == (before, "mine")


def test_a_foreign_change_of_an_edited_file_names_commit_and_file(clone: Path, origin: Path, tmp_path: Path) -> None:
    push_from_elsewhere(tmp_path, origin, FILE, "a: theirs\n")
    (clone / FILE).write_text("a: mine\n")
    with pytest.raises(ChangeConflict) as caught:
        commit_edits(Clone.find(clone))
    assert FILE in str(caught.value)
    assert git(origin, "rev-parse", "--short=10", "main") in str(caught.value)
    assert "Otto: Otto was here" in str(caught.value)
    assert (clone / FILE).read_text() == "a: mine\n"
    assert Clone.find(clone).resume() is None


def test_the_same_edit_made_elsewhere_is_no_conflict(clone: Path, origin: Path, tmp_path: Path) -> None:
    push_from_elsewhere(tmp_path, origin, FILE, "a: 2\n")
    (clone / FILE).write_text("a: 2\n")
    commit_edits(Clone.find(clone))
    assert is_clean(clone)


def test_unpushed_commits_go_along(clone: Path, origin: Path) -> None:
    (clone / "own.txt").write_text("own")
    git(clone, "add", "-A")
    git(clone, "commit", "-qm", "own work")
    (clone / FILE).write_text("a: 2\n")
    commit_edits(Clone.find(clone))
    assert git(origin, "show", "main:own.txt") == "own"
    assert is_clean(clone)


def test_a_diverged_branch_is_refused_with_the_way_out(clone: Path, origin: Path, tmp_path: Path) -> None:
    push_from_elsewhere(tmp_path, origin, "other.txt", "theirs")
    (clone / "own.txt").write_text("own")
    git(clone, "add", "-A")
    git(clone, "commit", "-qm", "own work")
    (clone / FILE).write_text("a: 2\n")
    with pytest.raises(DirtyClone, match="both moved on") as caught:
        commit_edits(Clone.find(clone))
    assert "git pull --rebase" in caught.value.hint


def test_a_shallow_clone_works(origin: Path, tmp_path: Path) -> None:
    push_from_elsewhere(tmp_path, origin, "other.txt", "theirs")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{origin}", "shallow")
    push_again = tmp_path / "elsewhere"
    (push_again / "more.txt").write_text("more")
    git(push_again, "add", "-A")
    git(push_again, "commit", "-qm", "more")
    git(push_again, "push", "-q")
    (tmp_path / "shallow" / FILE).write_text("a: 2\n")
    commit_edits(Clone.find(tmp_path / "shallow"))
    assert git(origin, "show", f"main:{FILE}") == "a: 2"
    assert is_clean(tmp_path / "shallow")


def test_a_clone_of_an_empty_remote_makes_the_first_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "empty.git")
    git(tmp_path, "clone", "-q", "empty.git", "new")
    new = tmp_path / "new"
    (new / FILE).parent.mkdir(parents=True)
    (new / FILE).write_text("a: 1\n")
    commit_edits(Clone.find(new))
    assert git(tmp_path / "empty.git", "show", f"main:{FILE}") == "a: 1"
    assert is_clean(new)


def test_a_branch_that_the_remote_does_not_have_is_made_there(clone: Path, origin: Path) -> None:
    git(clone, "switch", "-qc", "topic")
    (clone / FILE).write_text("a: 2\n")
    commit_edits(Clone.find(clone))
    assert git(origin, "rev-parse", "topic") == git(clone, "rev-parse", "HEAD")
    assert is_clean(clone)


def test_a_linked_work_tree_has_index_and_journal_of_its_own(clone: Path, origin: Path, tmp_path: Path) -> None:
    git(clone, "worktree", "add", "-q", "-b", "topic", str(tmp_path / "linked"))
    (tmp_path / "linked" / FILE).write_text("a: 2\n")
    commit_edits(Clone.find(tmp_path / "linked"))
    assert git(origin, "show", f"topic:{FILE}") == "a: 2"
    assert is_clean(tmp_path / "linked")
    assert is_clean(clone)


def test_line_ends_are_stored_and_written_as_git_would(clone: Path, origin: Path) -> None:
    git(clone, "config", "core.autocrlf", "true")
    (clone / FILE).write_bytes(b"a: 2\r\n")
    commit_edits(Clone.find(clone))
    assert git(origin, "cat-file", "blob", f"main:{FILE}") == "a: 2"
    assert (clone / MADE).read_bytes() == b"made from a: 2\r\n"
    assert is_clean(clone)


def test_a_refused_push_leaves_the_edits_and_the_branch(clone: Path, origin: Path) -> None:
    hook(origin, "pre-receive", "echo 'not on main, please'; exit 1")
    (clone / FILE).write_text("a: 2\n")
    before = git(clone, "rev-parse", "HEAD")
    with pytest.raises(PushRejected, match="not on main, please"):
        commit_edits(Clone.find(clone))
    assert git(clone, "rev-parse", "HEAD") == before
    assert git(clone, "status", "--porcelain") == f" M {FILE}"
    assert not (clone / ".git/revstamp/sync.json").exists()


def test_an_offline_remote_leaves_all_as_it_was(clone: Path) -> None:
    git(clone, "remote", "set-url", "origin", "http://127.0.0.1:9/x.git")
    (clone / FILE).write_text("a: 2\n")
    with pytest.raises(RemoteUnavailable):
        commit_edits(Clone.find(clone))
    assert git(clone, "status", "--porcelain") == f" M {FILE}"


@pytest.mark.parametrize("kind", ["link", "folder-link", "fifo", "large", "repository"])
def test_what_is_no_regular_file_is_refused_by_name(clone: Path, tmp_path: Path, kind: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/x.yaml").write_text("secret")
    folder = clone / "environments/dev/endpoints"
    if kind == "link":
        (folder / "x.yaml").symlink_to(tmp_path / "outside/x.yaml")
    elif kind == "folder-link":
        (clone / FILE).unlink()
        folder.rmdir()
        folder.symlink_to(tmp_path / "outside")
    elif kind == "fifo":
        (clone / FILE).unlink()
        os.mkfifo(clone / FILE)
    elif kind == "large":
        (folder / "x.yaml").write_bytes(b"x" * 6_000_000)
    else:
        git(folder, "init", "-q", "x.yaml")
        (folder / "x.yaml" / "f").write_text("f")
    with pytest.raises(InvalidInput, match="environments/dev/endpoints"):
        Clone.find(clone).edits(("environments",))


def test_ignored_files_are_no_edits(clone: Path) -> None:
    (clone / ".gitignore").write_text("*.bak\n")
    (clone / "environments/dev/endpoints/a.bak").write_text("x")
    assert not Clone.find(clone).edits(("environments",))


def test_a_foreign_index_lock_is_a_clear_error_before_anything_moves(clone: Path, origin: Path) -> None:
    before = git(origin, "rev-parse", "main")
    (clone / FILE).write_text("a: 2\n")
    (clone / ".git/index.lock").touch()
    with pytest.raises(DirtyClone, match=r"index\.lock"):
        commit_edits(Clone.find(clone))
    assert git(origin, "rev-parse", "main") == before


def test_a_merge_in_progress_is_refused(clone: Path) -> None:
    (clone / ".git/MERGE_HEAD").write_text(git(clone, "rev-parse", "HEAD"))
    (clone / FILE).write_text("a: 2\n")
    with pytest.raises(DirtyClone, match="merge is in progress"):
        commit_edits(Clone.find(clone))


def test_a_detached_head_is_refused(clone: Path) -> None:
    git(clone, "checkout", "-q", "--detach")
    with pytest.raises(DirtyClone, match="detached"):
        _ = Clone.find(clone).branch


def test_outside_of_a_clone_is_a_clear_error(tmp_path: Path, origin: Path) -> None:
    for folder in (tmp_path, origin, tmp_path / "nowhere"):
        with pytest.raises(NotARepository):
            Clone.find(folder)


def test_nothing_to_commit_still_follows_the_remote(clone: Path, origin: Path, tmp_path: Path) -> None:
    push_from_elsewhere(tmp_path, origin, "other.txt", "theirs")
    result = Clone.find(clone).commit(Change("r", lambda _: None), limits=QUICK)
    assert result.result.unchanged
    assert (clone / "other.txt").exists()
    assert is_clean(clone)


def test_a_branch_for_review_is_pushed_and_takes_the_edits_with_it(clone: Path, origin: Path, tmp_path: Path) -> None:
    hook(origin, "post-receive", "echo 'Create a pull request:'; echo '  https://forge/new/topic'")
    push_from_elsewhere(tmp_path, origin, "other.txt", "theirs")
    (clone / FILE).write_text("a: 2\n")
    (clone / "notes").write_text("mine")
    before = git(clone, "rev-parse", "HEAD")
    found = Clone.find(clone)
    edits = found.edits(("environments",))
    change = Change("r", lambda _: Proposal(edits.change, CommitMessage("x")))
    result = found.commit_elsewhere("topic", change, edits, QUICK).result
    assert result.link == "https://forge/new/topic"
    assert result.parent == git(origin, "rev-parse", "main")
    assert git(origin, "show", f"topic:{FILE}") == "a: 2"
    assert git(clone, "rev-parse", "HEAD") == before
    assert git(clone, "status", "--porcelain") == "?? notes"
    assert (clone / FILE).read_text() == "a: 1\n"


def test_a_branch_for_review_does_not_hide_a_foreign_change(clone: Path, origin: Path, tmp_path: Path) -> None:
    push_from_elsewhere(tmp_path, origin, FILE, "a: theirs\n")
    (clone / FILE).write_text("a: mine\n")
    found = Clone.find(clone)
    edits = found.edits(("environments",))
    change = Change("r", lambda _: Proposal(edits.change, CommitMessage("x")))
    with pytest.raises(ChangeConflict, match="Otto was here"):
        found.commit_elsewhere("topic", change, edits, QUICK)
    assert (clone / FILE).read_text() == "a: mine\n"


def test_a_branch_for_review_can_be_made_without_a_remote(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "alone")
    alone = tmp_path / "alone"
    (alone / FILE).parent.mkdir(parents=True)
    (alone / FILE).write_text("a: 1\n")
    head = commit_edits(Clone.find(alone)).result.commit
    change = Change("r", lambda _: Proposal(TreeChange({"x": b"1"}), CommitMessage("x")))
    result = Clone.find(alone).commit_elsewhere("topic", change, limits=QUICK).result
    assert (result.parent, git(alone, "rev-parse", "topic")) == (head, result.commit)
    assert git(alone, "rev-parse", "main") == head
    assert is_clean(alone)


def test_a_file_that_becomes_a_folder_is_brought_along(clone: Path, origin: Path, tmp_path: Path) -> None:
    push_from_elsewhere(tmp_path, origin, "name", "a file")
    git(clone, "pull", "-q")
    other = tmp_path / "elsewhere"
    git(other, "rm", "-q", "name")
    (other / "name").mkdir()
    (other / "name" / "inner").write_text("a folder")
    git(other, "add", "-A")
    git(other, "commit", "-qm", "folder")
    git(other, "push", "-q")
    Clone.find(clone).commit(Change("r", lambda _: None), limits=QUICK)
    assert (clone / "name" / "inner").read_text() == "a folder"
    assert is_clean(clone)
