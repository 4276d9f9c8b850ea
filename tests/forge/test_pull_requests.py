"""Redeploys that go through a real forge's pull requests, merged in each way that it offers."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.driver import Person, answer_of
from tests.fleet_repository import CHAT, git
from tests.testbed.forge import Forge, ForgeRefused, ForgeRepository

pytestmark = pytest.mark.testbed


def update(person: Person) -> None:
    """Bring the clone to where the forge's branch is."""
    person.git("pull", "--quiet", "--ff-only")


def check_main(person: Person) -> None:
    """What is on the delivery branch is what its sources and stamps say."""
    update(person)
    person.do("render", "--check")
    person.do("verify")
    person.check_sound()


def redeploy_on(person: Person, branch: str, *words: str) -> str:
    """A redeploy of prod/chat on a branch of its own; the link that was answered."""
    answer = person.ask("redeploy", "prod/chat", "--branch", branch, *words)
    assert answer["pushed"] is True
    return str(answer["link"])


def test_an_empty_repository_of_the_forge_is_filled_by_init_and_commit(forge: Forge, tmp_path: Path) -> None:
    """The way of the README, on the branch that the forge begins with."""
    repository = forge.new_repository()
    git(tmp_path, "clone", "--quiet", repository.authorized_url, "gitops")
    assert answer_of(("init", "gitops"), tmp_path).code == 0
    ann = Person(tmp_path / "gitops")
    ann.write("environments/dev/endpoints/chat.yaml", CHAT)
    assert "pushed to origin" in ann.do("commit", "-m", "first").out
    assert forge.api("GET", f"{repository.path}/branches/main")["commit"]["id"] == ann.head
    check_main(ann)


def test_a_redeploy_on_a_branch_answers_the_forges_link_for_a_pull_request(
    ann: Person, forge: Forge, repository: ForgeRepository
) -> None:
    """And once there is a pull request, the link of that one."""
    before = ann.head
    link = redeploy_on(ann, "bump")
    assert link == f"{repository.page}/pulls/new/bump"
    number = forge.open_pull_request(repository, "bump")
    answer = ann.do("redeploy", "prod/chat", "--branch", "bump", "--memory-limit", "64Gi")
    assert f"{repository.page}/pulls/{number}\n" in answer.err
    assert ann.head == before
    ann.check_sound()


@pytest.mark.parametrize("how", ["merge", "squash", "rebase", "rebase-merge"])
def test_a_merged_pull_request_is_the_next_revision_however_it_was_merged(
    ann: Person, forge: Forge, repository: ForgeRepository, how: str
) -> None:
    """Two commits on the branch, another endpoint's redeploy on main meanwhile: revision 2, its reason in the log."""
    redeploy_on(ann, "bump", "--cpu-request", "5", "--reason", "faster prefill")
    redeploy_on(ann, "bump", "--memory-limit", "64Gi", "--reason", "longer answers")
    ann.do("redeploy", "prod/search")
    number = forge.open_pull_request(repository, "bump")
    assert forge.merge(repository, number, how) == forge.api("GET", f"{repository.path}/branches/main")["commit"]["id"]
    check_main(ann)
    assert (ann.revision("prod/chat"), ann.revision("prod/search")) == (2, 2)
    revisions = ann.ask("log", "prod/chat")["revisions"]
    assert revisions[0]["revision"] == 2
    assert ann.ask("redeploy", "prod/chat")["revision"] == 3
    check_main(ann)


def test_the_second_of_two_pull_requests_for_one_endpoint_cannot_be_merged(
    clone: Callable[[str], Person], forge: Forge, repository: ForgeRepository
) -> None:
    """Both claim revision 2. Brought up to date as documented it is 3, and merges."""
    ann, bob = clone("ann"), clone("bob")
    redeploy_on(ann, "faster", "--cpu-request", "5")
    redeploy_on(bob, "owned", "--set", "metadata.owner=search")
    first, second = (forge.open_pull_request(repository, name) for name in ("faster", "owned"))
    forge.merge(repository, first)
    update(ann)
    with pytest.raises(ForgeRefused):
        forge.merge(repository, second, seconds=5)
    assert {each["number"]: each["mergeable"] for each in forge.pull_requests(repository, "open")} == {second: False}
    bring_up_to_date(bob, "owned")
    forge.merge(repository, second)
    check_main(ann)
    assert ann.revision("prod/chat") == 3
    rendered = "".join(ann.generated("prod/chat").values())
    assert 'cpu: "5"' in rendered
    assert "revstamp.io/owner: search" in rendered


def bring_up_to_date(person: Person, branch: str) -> None:
    """The way out of a conflict that the documents give."""
    person.git("fetch", "--quiet")
    person.git("switch", "--quiet", branch)
    with pytest.raises(subprocess.CalledProcessError):
        person.git("merge", "--no-edit", "origin/main")
    person.git("checkout", "--theirs", "--", "environments/prod/stamps", "environments/prod/manifests")
    person.git("add", "environments")
    person.git("commit", "--quiet", "--no-edit")
    person.do("commit", "--all", "-m", "bring the branch up to date")
    person.do("render", "--check", "--base", "origin/main")


def test_two_pull_requests_for_two_endpoints_both_merge(
    clone: Callable[[str], Person], forge: Forge, repository: ForgeRepository
) -> None:
    """Neither knows of the other."""
    ann, bob = clone("ann"), clone("bob")
    redeploy_on(ann, "one")
    bob.do("redeploy", "prod/search", "--branch", "two")
    for name in ("one", "two"):
        forge.merge(repository, forge.open_pull_request(repository, name), "squash")
    check_main(ann)
    assert (ann.revision("prod/chat"), ann.revision("prod/search")) == (2, 2)


@pytest.mark.parametrize(
    "how",
    [
        "merge",
        "rebase",
        pytest.param(
            "squash", marks=pytest.mark.xfail(reason="the id is looked for in messages, the stamp has it too")
        ),
    ],
)
def test_a_request_that_a_pull_request_carried_is_not_carried_out_again(
    ann: Person, forge: Forge, repository: ForgeRepository, how: str
) -> None:
    """Also where the forge squashes and keeps nothing of the commits' messages."""
    redeploy_on(ann, "bump", "--request-id", "order-9")
    forge.merge(repository, forge.open_pull_request(repository, "bump"), how)
    update(ann)
    before = ann.head
    assert "carried out before" in ann.do("redeploy", "prod/chat", "--request-id", "order-9").out
    assert ann.head == before
    assert ann.revision("prod/chat") == 2


def test_a_pull_request_that_was_reverted_in_the_forge_uses_no_number_twice(
    ann: Person, forge: Forge, repository: ForgeRepository
) -> None:
    """The revert button brings revision 1 back; the next redeploy is 3."""
    redeploy_on(ann, "bump")
    merged = forge.merge(repository, forge.open_pull_request(repository, "bump"), "squash")
    update(ann)
    ann.git("revert", "--no-edit", merged)
    ann.git("push", "--quiet", "origin", "main")
    assert ann.revision("prod/chat") == 1
    assert ann.ask("redeploy", "prod/chat")["revision"] == 3
    check_main(ann)
