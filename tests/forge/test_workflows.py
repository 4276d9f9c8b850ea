"""The reusable workflows of a pull request, step by step in a clean checkout, with a real forge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.driver import Person
from tests.testbed.forge import Forge, ForgeRepository
from tests.testbed.forge_server import OWNER
from tests.workflow_runner import Job, JobResult, check_out

pytestmark = pytest.mark.testbed

MARK = "<!-- revstamp:diff -->"


@dataclass
class Review:
    """A pull request, and the jobs that run for it."""

    forge: Forge
    repository: ForgeRepository
    number: int
    branch: str
    folder: Path
    runs: int = 0

    def run(self, workflow: str, token: str = "") -> JobResult:
        """Run a workflow for the branch as it is now."""
        self.runs += 1
        temp = self.folder / f"run-{self.runs}"
        temp.mkdir()
        checkout = check_out(self.repository.authorized_url, temp / "checkout", f"refs/heads/{self.branch}")
        github = {
            "base_ref": "main",
            "ref": f"refs/pull/{self.number}/merge",
            "api_url": f"{self.repository.address}/api/v1",
            "repository": f"{OWNER}/{self.repository.name}",
            "event": {"pull_request": {"number": self.number}},
            "token": token or self.repository.token,
        }
        return Job(workflow, checkout, temp, github=github).run()

    @property
    def comments(self) -> list[dict[str, Any]]:
        """The comments of the pull request."""
        path = f"{self.repository.path}/issues/{self.number}/comments"
        found: list[dict[str, Any]] = self.forge.api("GET", path)
        return found

    def say(self, text: str) -> None:
        """Somebody else's comment."""
        self.forge.api("POST", f"{self.repository.path}/issues/{self.number}/comments", {"body": text})


@pytest.fixture
def review(
    ann: Person, clone: Callable[[str], Person], forge: Forge, repository: ForgeRepository, tmp_path: Path
) -> Review:
    """A redeploy of prod/chat with more memory, up for review."""
    ann.do("redeploy", "prod/chat", "--branch", "bump", "--memory-limit", "64Gi", "--reason", "longer answers")
    number = forge.open_pull_request(repository, "bump")
    folder = tmp_path / "runner"
    folder.mkdir()
    return Review(forge, repository, number, "bump", folder)


def test_the_first_diff_writes_a_comment_and_the_next_ones_edit_it(review: Review, ann: Person) -> None:
    """However often the branch moves, and whoever else speaks: one comment, as the branch is now."""
    review.say("looks good")
    done = review.run("diff.yml").check()
    other, first = review.comments
    assert MARK in first["body"].partition("\n")[0]
    assert "64Gi" in first["body"]
    assert "prod/chat" in first["body"]
    head = ann.git("rev-parse", "--short", "origin/bump")
    assert f"head {head}" in first["body"]
    assert len(first["body"].encode()) <= 8192 + 200
    assert "64Gi" in done.artifacts["revstamp-diff"].read_text()

    ann.do("redeploy", "prod/chat", "--branch", "bump", "--memory-limit", "96Gi")
    review.run("diff.yml").check()
    again, second = review.comments
    assert (again["id"], again["body"], second["id"]) == (other["id"], "looks good", first["id"])
    assert "96Gi" in second["body"]
    assert "64Gi" not in second["body"]


def test_a_comment_is_found_among_many(review: Review) -> None:
    """Forges give them page by page, or all at once whatever page is asked for."""
    for number in range(55):
        review.say(f"word {number}")
    review.run("diff.yml").check()
    review.say("one more")
    review.run("diff.yml").check()
    assert sum(MARK in comment["body"] for comment in review.comments) == 1
    assert len(review.comments) == 57


def test_a_comment_that_may_not_be_written_fails_the_job(review: Review) -> None:
    """With a token that only reads; the diff itself is kept."""
    done = review.run("diff.yml", review.forge.new_token("read:repository", "read:issue"))
    assert done.failed is not None
    assert done.failed.name == "Write the comment, or edit the one that is there"
    assert "403" in done.failed.output
    assert done.artifacts["revstamp-diff"].exists()
    assert review.comments == []


def test_a_sound_pull_request_passes_the_check(review: Review) -> None:
    """Rendered files are what their sources say, and the revision is the base's + 1."""
    done = review.run("render-check.yml").check()
    assert done.names == ["Install revstamp", "Compare rendered files with their sources"]


def test_a_pull_request_with_an_edited_manifest_fails_with_the_command_to_run(review: Review, ann: Person) -> None:
    """Somebody changed what is rendered, not what it is rendered from."""
    ann.git("switch", "--quiet", "bump")
    (path,) = (path for path in ann.generated("prod/chat") if path.endswith("deployment.yaml"))
    ann.edit(path, "64Gi", "65Gi")
    ann.git("commit", "--quiet", "-am", "by hand")
    ann.git("push", "--quiet", "origin", "bump")
    failed = review.run("render-check.yml").failed
    assert failed is not None
    assert failed.code == 1
    assert path in failed.output
    assert "revstamp commit" in failed.output


def test_a_pull_request_whose_base_has_moved_on_fails_the_check(review: Review, ann: Person) -> None:
    """Both claim the same revision of the endpoint."""
    ann.git("switch", "--quiet", "main")
    ann.do("redeploy", "prod/chat", "--memory-limit", "50Gi")
    failed = review.run("render-check.yml").failed
    assert failed is not None
    assert failed.code == 1
    assert "prod/chat" in failed.output or "stamps" in failed.output


def test_the_check_runs_on_a_branch_without_a_pull_request_too(review: Review) -> None:
    """A push has no base: the branch of revstamp.yaml is taken."""
    temp = review.folder / "push"
    temp.mkdir()
    checkout = check_out(review.repository.authorized_url, temp / "checkout", "refs/heads/main")
    Job("render-check.yml", checkout, temp, github={"base_ref": ""}).run().check()
