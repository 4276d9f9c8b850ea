"""`init`: a repository that works at once, and nobody's files overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.driver import Person, answer_of
from tests.fleet_repository import git


def test_a_new_repository_is_clean_committed_and_passes_its_own_check(tmp_path: Path) -> None:
    """Three environments, one commit."""
    answer = answer_of(("init", "gitops", "--output", "json"), tmp_path)
    person = Person(tmp_path / "gitops")
    assert answer.json["commit"] == person.head
    assert answer.json["environments"] == ["dev", "prod", "stg"]
    assert person.git("rev-list", "--count", "HEAD") == "1"
    person.check_sound()
    assert person.do("render", "--check")


def test_environments_shards_and_branch_are_as_wished(tmp_path: Path) -> None:
    """Names of one's own are made from the example."""
    words = ("init", "gitops", "--environment", "lab", "--environment", "prod", "--shards", "256", "--branch", "trunk")
    assert answer_of(words, tmp_path).code == 0
    person = Person(tmp_path / "gitops")
    assert person.git("branch", "--show-current") == "trunk"
    assert sorted(path.name for path in (person.root / "environments").iterdir() if path.is_dir()) == ["lab", "prod"]
    assert "namespace: llm-ops-lab" in person.read("environments/lab/environment.yaml")
    person.do(
        "new", "x", "-e", "lab", "--model", "m", "--family", "llama", "--job-type", "SFT", "--storage-uri", "s3://m"
    )
    person.do("commit", "-m", "x")
    assert len(next((person.root / "environments/lab/stamps").iterdir()).name) == 2
    person.check_sound()


@pytest.mark.parametrize("commits", [0, 1])
def test_the_branch_of_an_existing_clone_is_where_what_is_deployed_stands(tmp_path: Path, commits: int) -> None:
    """Whatever its name, with or without a commit; a redeploy there is no pull request."""
    git(tmp_path, "init", "-q", "--initial-branch=master", "gitops")
    person = Person(tmp_path / "gitops")
    for _ in range(commits):
        person.git("commit", "-q", "--allow-empty", "-m", "first")
    made = person.ask("init", ".", "--example")
    assert (made["branch"], made["committedOn"]) == ("master", "master")
    assert "branch: master" in person.read("revstamp.yaml")
    assert person.ask("redeploy", "prod/chat")["revision"] == 2
    assert person.ask("redeploy", "prod/chat")["revision"] == 3


def test_an_option_wins_over_the_branch_of_the_clone_and_an_empty_folder_gets_main(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where git would call its first branch otherwise."""
    git(tmp_path, "init", "-q", "--initial-branch=master", "clone")
    answer = answer_of(("init", "clone", "--branch", "trunk"), tmp_path)
    assert answer.code == 0
    assert "branch: trunk" in (tmp_path / "clone" / "revstamp.yaml").read_text()
    assert "master is checked out" in answer.err
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "init.defaultBranch")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "other")
    (tmp_path / "empty").mkdir()
    assert answer_of(("init", "empty"), tmp_path).code == 0
    assert "branch: main" in (tmp_path / "empty" / "revstamp.yaml").read_text()
    assert git(tmp_path / "empty", "branch", "--show-current") == "main"


@pytest.mark.parametrize("made", [False, True])
def test_a_folder_inside_a_clone_becomes_a_repository_of_its_own(tmp_path: Path, made: bool) -> None:
    """The clone around it is not touched."""
    git(tmp_path, "init", "-q", "around")
    if made:
        (tmp_path / "around" / "gitops").mkdir()
    assert answer_of(("init", "around/gitops"), tmp_path).code == 0
    assert git(tmp_path / "around" / "gitops", "rev-list", "--count", "HEAD") == "1"
    assert Person(tmp_path / "around").git("for-each-ref") == ""


def test_the_example_comes_with_rendered_endpoints(tmp_path: Path) -> None:
    """And is what its sources say."""
    assert answer_of(("init", "gitops", "--example"), tmp_path).code == 0
    person = Person(tmp_path / "gitops")
    assert person.ask("render", "--check")["endpoints"] >= 6
    person.check_sound()


@pytest.mark.parametrize("name", ["../x", "-rf", "a\nb", "A", "", "a/b", ".", "x" * 64])
def test_a_name_that_no_environment_can_have_is_refused(tmp_path: Path, name: str) -> None:
    """And nothing is made."""
    answer = answer_of(("init", "gitops", f"--environment={name}", "--output", "json"), tmp_path)
    assert (answer.code, answer.error["error"]) == (3, "invalid-input")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["-x", "a b", "a..b", "x.lock", "a\nb", ""])
def test_a_branch_that_git_does_not_take_is_refused(tmp_path: Path, name: str) -> None:
    """And nothing is made."""
    answer = answer_of(("init", "gitops", f"--branch={name}", "--output", "json"), tmp_path)
    assert answer.code in (3, 6), answer
    assert answer.error["hint"]
    assert list(tmp_path.iterdir()) == []


def test_nothing_that_is_there_is_overwritten(tmp_path: Path) -> None:
    """A file, a folder with files, a repository of revstamp's."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes").write_text("mine")
    assert answer_of(("init", "gitops"), tmp_path).code == 0
    for target in ("file", "full", "gitops"):
        answer = answer_of(("init", target, "--output", "json"), tmp_path)
        assert (answer.code, answer.error["error"]) == (5, "already-exists"), target
    assert (tmp_path / "file").read_text() == "mine"
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["notes"]


def test_an_existing_clone_is_taken_with_what_is_in_it(tmp_path: Path) -> None:
    """Other files stay, committed or not."""
    git(tmp_path, "init", "-q", "--initial-branch=main", "gitops")
    person = Person(tmp_path / "gitops")
    person.write("README.md", "ours")
    person.git("add", "README.md")
    person.git("commit", "-qm", "readme")
    person.write("notes.txt", "mine")
    assert answer_of(("init", "gitops"), tmp_path).code == 0
    assert person.read("README.md") == "ours"
    assert person.status == "?? notes.txt"
    assert person.git("rev-list", "--count", "HEAD") == "2"
