"""Objects, trees, commits and refs, held against git itself."""

from __future__ import annotations

import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generator.errors import AlreadyExists, GitError, InvalidInput, NotARepository, NotFound
from generator.gitops.identity import Actor
from generator.gitops.maintenance import repack_if_due
from generator.gitops.message import CommitMessage
from generator.gitops.refs import RefMoved, RefUpdate
from generator.gitops.repository import Repository
from generator.gitops.snapshot import Snapshot
from generator.gitops.trees import TreeChange
from tests.gitops.conftest import fsck, git, hook, proposal


def commit(repository: Repository, writes: dict[str, str], deletes: set[str] | None = None, message: str = "x") -> str:
    """One commit on main without a broker."""
    base = repository.snapshot(repository.tip("main"))
    tree = repository.write_tree(base.tree, proposal(writes, deletes).change)
    new = repository.write_commit(tree, [base.commit] if base.commit else [], CommitMessage(message))
    move_main(repository, new, base.commit)
    return new


def move_main(repository: Repository, new: str, old: str | None) -> None:
    """Move main from where it was seen."""
    repository.refs.move([RefUpdate("refs/heads/main", new, old)], "revstamp: test")


def read_files(snapshot: Snapshot, folder: str = "") -> dict[str, bytes]:
    """Every file by its path."""
    files: dict[str, bytes] = {}
    for entry in snapshot.entries(folder):
        path = f"{folder}/{entry.name}" if folder else entry.name
        files |= read_files(snapshot, path) if entry.is_folder else {path: snapshot.read(path) or b""}
    return files


names = st.sampled_from(["a", "a.b", "a-b", "a0", "b", "ab", "z"])
paths = st.lists(names, min_size=1, max_size=3).map("/".join)


@given(
    st.lists(
        st.tuples(st.dictionaries(paths, st.binary(max_size=3), max_size=4), st.sets(paths, max_size=3)), max_size=4
    )
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_change_makes_the_tree_that_a_plain_map_of_files_would(
    bare: Repository, changes: list[tuple[dict[str, bytes], set[str]]]
) -> None:
    tree: str | None = None
    files: dict[str, bytes] = {}
    for writes, deletes in changes:
        change = TreeChange(writes, frozenset(deletes))
        kept = {p: d for p, d in files.items() if not any(p == gone or p.startswith(gone + "/") for gone in deletes)}
        after = {**kept, **writes}
        if any(other.startswith(path + "/") for path in after for other in after):
            with pytest.raises(InvalidInput):
                bare.write_tree(tree, change)
            continue
        tree, files = bare.write_tree(tree, change), after
        snapshot = bare.snapshot(bare.write_commit(tree, [], CommitMessage("x")))
        assert read_files(snapshot) == files
        assert tree == bare.write_tree(None, TreeChange(files))
    if tree:
        subprocess.run(["git", "--git-dir", bare.git_dir, "fsck", "--strict"], check=True, capture_output=True)


def test_an_unchanged_tree_keeps_its_id_and_writes_nothing(bare: Repository) -> None:
    first = commit(bare, {"a/b": "1", "c": "2"})
    tree = bare.snapshot(first).tree
    written = bare.objects.written
    assert bare.write_tree(tree, TreeChange({"a/b": b"1"}, frozenset({"no/such"}))) == tree
    assert bare.objects.written == written


def test_an_executable_file_stays_executable(clone: Path) -> None:
    (clone / "run").write_text("1")
    (clone / "run").chmod(0o755)
    git(clone, "add", "-A")
    git(clone, "commit", "-qm", "x")
    repository = Repository.open(clone)
    commit(repository, {"run": "2"})
    assert git(clone, "ls-tree", "main", "run").startswith("100755")


STRANGE_PATHS = ("", "/etc/passwd", "../x", "a/../b", "a//b", "a/", ".", "a\nb", "a\\b", "a\x00b", "\ud800")
GIT_PATHS = (".git/config", "a/.GIT/x", ".git ./x", "git~1", ".g\u200cit/x")


@pytest.mark.parametrize("path", [*STRANGE_PATHS, *GIT_PATHS])
def test_a_path_that_could_lead_elsewhere_is_refused(bare: Repository, path: str) -> None:
    for change in (TreeChange({path: b""}), TreeChange(deletes=frozenset({path}))):
        with pytest.raises(InvalidInput):
            bare.write_tree(None, change)


@pytest.mark.parametrize("rev", ["-rf", "--all", "main\nx", ""])
def test_a_revision_that_could_be_an_option_is_refused(bare: Repository, rev: str) -> None:
    with pytest.raises(InvalidInput):
        bare.resolve(rev)


@pytest.mark.parametrize(
    "branch", ["-x", "a..b", "a b", "x.lock", "HEAD", "@{u}", "a/", ".a", "a~1", "", "refs/heads/a"]
)
def test_a_branch_that_git_would_not_take_is_refused(bare: Repository, branch: str) -> None:
    with pytest.raises(InvalidInput):
        bare.tip(branch)


def test_an_unknown_revision_is_not_found(bare: Repository) -> None:
    commit(bare, {"a": "1"})
    for call in (bare.resolve, bare.snapshot, lambda rev: list(bare.commits(until=rev))):
        with pytest.raises(NotFound):
            call("nowhere")
    with pytest.raises(NotFound):
        bare.read_blob("1" * 40)


def test_links_are_never_followed(clone: Path) -> None:
    (clone / "link").symlink_to("environments")
    git(clone, "add", "-A")
    git(clone, "commit", "-qm", "link")
    snapshot = Repository.open(clone).snapshot("main")
    for path in ("link", "link/dev/endpoints/a.yaml"):
        with pytest.raises(InvalidInput, match=r"link is a symbolic link|link/dev"):
            snapshot.read(path)
    assert snapshot.exists("link")


def test_objects_that_came_by_pack_are_seen_by_an_open_repository(bare: Repository) -> None:
    first = commit(bare, {"a": "1"})
    other = Repository.open(bare.git_dir)
    assert other.snapshot(first).read("a") == b"1"
    second = commit(bare, {"a": "2"})
    bare.git("gc", "--prune=now", "--quiet")
    assert other.snapshot(second).read("a") == b"2"
    assert Repository.open(bare.git_dir).snapshot(first).read("a") == b"1"


def test_reading_goes_on_when_the_reading_process_is_gone(bare: Repository) -> None:
    blob = bare.snapshot(commit(bare, {"a": "1"})).blob_id("a") or ""
    assert bare.read_blob(blob) == b"1"
    bare.objects.close()
    assert bare.read_blob(blob) == b"1"


def test_a_ref_moves_only_from_where_it_was_seen(bare: Repository) -> None:
    first = commit(bare, {"a": "1"})
    second = commit(bare, {"a": "2"})
    for old in (first, None):
        with pytest.raises(RefMoved):
            move_main(bare, second, old)
    assert bare.tip("main") == second


def test_a_ref_that_git_has_locked_does_not_move(bare: Repository) -> None:
    first = commit(bare, {"a": "1"})
    lock = bare.git_dir / "refs/heads/main.lock"
    lock.touch()
    with pytest.raises(GitError, match=r"main\.lock") as caught:
        commit(bare, {"a": "2"})
    assert caught.value.retryable
    assert lock.exists()
    assert bare.tip("main") == first


@pytest.mark.parametrize("kind", ["packed", "reflog", "hook"])
def test_a_ref_that_is_more_than_a_file_is_moved_by_git(bare: Repository, kind: str) -> None:
    commit(bare, {"a": "1"})
    if kind == "packed":
        bare.git("pack-refs", "--all")
    elif kind == "reflog":
        bare.git("config", "core.logAllRefUpdates", "true")
    else:
        hook(bare.git_dir, "reference-transaction", f"echo called >> {bare.git_dir}/called")
    opened = Repository.open(bare.git_dir)
    second = commit(opened, {"a": "2"})
    assert opened.tip("main") == second
    assert kind != "reflog" or "revstamp" in git(bare.git_dir, "reflog", "main")
    assert kind != "hook" or (bare.git_dir / "called").exists()


def test_a_packed_ref_is_read(bare: Repository) -> None:
    first = commit(bare, {"a": "1"})
    bare.git("pack-refs", "--all")
    assert bare.tip("main") == first
    assert bare.tip("other") is None


def test_commits_carry_author_time_zone_and_trailers(bare: Repository) -> None:
    moment = datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    message = CommitMessage("subject", "body\n\nmore", (("Revstamp-Endpoint", "a"), ("Revstamp-Endpoint", "b")))
    new = bare.write_commit(bare.write_tree(None, TreeChange({"a": b""})), [], message, Actor("Zoë", "z@x"), moment)
    move_main(bare, new, None)
    found = next(bare.commits())
    assert (found.author_name, found.author_email, found.time) == ("Zoë", "z@x", moment)
    assert (found.subject, found.body) == ("subject", "body\n\nmore")
    assert found.trailer_values("Revstamp-Endpoint") == ("a", "b")
    fsck(bare.git_dir)


def test_git_without_a_user_still_commits(bare: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    commit(bare, {"a": "1"})
    found = next(bare.commits())
    assert (found.author_name, found.author_email) == ("revstamp", "revstamp@localhost")
    fsck(bare.git_dir)


def test_history_of_a_path_and_between_commits(bare: Repository) -> None:
    first = commit(bare, {"d/a": "1", "b": "1"})
    second = commit(bare, {"d/a": "2", "d/c": "1"}, {"b"})
    third = commit(bare, {"b": "9"})
    assert [c.id for c in bare.commits("d")] == [second, first]
    assert [c.id for c in bare.commits(since=first, until="main", limit=1)] == [third]
    changed = bare.changed_paths(first, second)
    assert [(c.status, c.path) for c in changed] == [("D", "b"), ("M", "d/a"), ("A", "d/c")]
    assert [c.path for c in bare.changed_paths(first, second, "d")] == ["d/a", "d/c"]
    assert [c.status for c in bare.changed_paths(None, first)] == ["A", "A"]


def test_a_mirror_is_made_once_and_made_anew_after_a_crash(origin: Path, tmp_path: Path) -> None:
    path = tmp_path / "mirrors" / "mirror.git"
    half = path.with_name("mirror.git.half")
    Repository.init_bare(half)
    (half / "HEAD").unlink()
    first = Repository.clone_mirror(str(origin), path)
    assert first.tip("main") == git(origin, "rev-parse", "main")
    (path / "kept").touch()
    Repository.clone_mirror(str(origin), path)
    assert (path / "kept").exists()
    assert not half.exists()
    with pytest.raises(AlreadyExists):
        Repository.clone_mirror(str(tmp_path / "another"), path)


def test_a_folder_that_is_no_repository_is_refused(tmp_path: Path, clone: Path) -> None:
    (clone / "inner").mkdir()
    for folder in (tmp_path, clone / "inner", tmp_path / "nowhere"):
        with pytest.raises(NotARepository):
            Repository.open(folder)


def test_many_loose_objects_are_packed_in_the_background_and_stay_readable(bare: Repository) -> None:
    tips = [commit(bare, {f"{number}": str(number)}) for number in range(30)]
    assert repack_if_due(bare, limit=10_000) is None
    process = repack_if_due(bare, limit=1)
    assert process is not None
    assert process.wait(30) == 0
    assert list((bare.git_dir / "objects/pack").glob("pack-*.pack"))
    assert bare.snapshot(tips[7]).read("7") == b"7"
    commit(bare, {"after": "1"})
    fsck(bare.git_dir)
