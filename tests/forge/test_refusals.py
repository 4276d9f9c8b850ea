"""What a real forge refuses: said as it is, with what to do next, no secret shown, and nothing lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cli.driver import Person
from tests.testbed.forge import Forge, ForgeRepository

pytestmark = pytest.mark.testbed

WRONG = "0123456789abcdef0123456789abcdef01234567"


def say_everything(person: Person, *words: str) -> str:
    """All that a command says, as text and as JSON."""
    answers = [person.type(*words), person.type(*words, "--output", "json")]
    return "".join(answer.out + answer.err for answer in answers)


def tip(forge: Forge, repository: ForgeRepository) -> str:
    """Where the forge's branch main is."""
    return str(forge.api("GET", f"{repository.path}/branches/main")["commit"]["id"])


def test_a_protected_branch_is_refused_in_the_forges_words_and_a_branch_is_the_way_out(
    ann: Person, forge: Forge, repository: ForgeRepository
) -> None:
    """The same request then goes through review; main moves by the merge alone."""
    forge.protect(repository, "main")
    before, state = tip(forge, repository), ann.state
    error = ann.fail("redeploy", "prod/chat", "--request-id", "order-1")
    assert (error["error"], error["exit"], error["retryable"]) == ("push-rejected", 6, False)
    assert "protected branch main" in error["message"]
    assert "--branch" in error["hint"]
    assert (tip(forge, repository), ann.state) == (before, state)
    ann.do("redeploy", "prod/chat", "--request-id", "order-1", "--branch", "order-1")
    forge.merge(repository, forge.open_pull_request(repository, "order-1"))
    ann.git("pull", "--quiet", "--ff-only")
    assert ann.revision("prod/chat") == 2
    ann.check_sound()


def test_edits_survive_a_protected_branch(ann: Person, forge: Forge, repository: ForgeRepository) -> None:
    """What somebody typed stays in the work tree until it can be committed."""
    forge.protect(repository, "main")
    ann.edit("environments/prod/endpoints/chat.yaml", "48Gi", "64Gi")
    assert ann.fail("commit", "-m", "more memory")["error"] == "push-rejected"
    assert "64Gi" in ann.read("environments/prod/endpoints/chat.yaml")
    ann.do("commit", "-m", "more memory", "--branch", "more-memory")
    forge.merge(repository, forge.open_pull_request(repository, "more-memory"))
    ann.git("pull", "--quiet", "--ff-only")
    assert ann.revision("prod/chat") == 2
    ann.do("render", "--check")
    ann.check_sound()


def test_a_wrong_token_is_said_and_never_shown(
    ann: Person, forge: Forge, repository: ForgeRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By every command that asks the forge, also where somebody looks for a bug."""
    monkeypatch.setenv("REVSTAMP_DEBUG", "1")
    ann.git("remote", "set-url", "origin", repository.url_with(WRONG))
    before = tip(forge, repository)
    error = ann.fail("redeploy", "prod/chat")
    assert (error["error"], error["exit"]) == ("authentication-failed", 6)
    assert "token" in error["hint"]
    for words in (("redeploy", "prod/chat"), ("commit",), ("diff",), ("doctor",), ("log", "prod/chat")):
        assert WRONG not in say_everything(ann, *words)
    assert tip(forge, repository) == before
    ann.check_sound()


def test_a_token_that_may_only_read_is_a_matter_of_rights_and_loses_nothing(
    ann: Person, forge: Forge, repository: ForgeRepository
) -> None:
    """It fetches; the push is refused; with the right token the same request goes through."""
    reading = forge.new_token("read:repository")
    ann.git("remote", "set-url", "origin", repository.url_with(reading))
    ann.git("fetch", "--quiet")
    state = ann.state
    error = ann.fail("redeploy", "prod/chat", "--request-id", "order-2")
    assert (error["error"], error["exit"]) == ("authentication-failed", 6)
    assert reading not in say_everything(ann, "redeploy", "prod/chat", "--request-id", "order-2")
    assert ann.state == state
    ann.git("remote", "set-url", "origin", repository.authorized_url)
    ann.do("redeploy", "prod/chat", "--request-id", "order-2")
    assert tip(forge, repository) == ann.head
    assert ann.revision("prod/chat") == 2


def test_a_repository_that_is_gone_is_named_without_credentials(
    ann: Person, forge: Forge, repository: ForgeRepository
) -> None:
    """Deleted or renamed in the forge."""
    forge.api("DELETE", repository.path)
    assert ann.fail("redeploy", "prod/chat")["error"] in ("not-a-repository", "authentication-failed")
    assert repository.token not in say_everything(ann, "redeploy", "prod/chat")
    ann.check_sound()


def test_a_lost_race_for_the_forges_branch_is_run_again(
    clone: Callable[[str], Person], forge: Forge, repository: ForgeRepository
) -> None:
    """Two people, two endpoints, one branch: the second finds the first's commit and goes on top of it."""
    ann, bob = clone("ann"), clone("bob")
    ann.do("redeploy", "prod/chat")
    bob.do("redeploy", "prod/search")
    assert tip(forge, repository) == bob.head
    assert (bob.revision("prod/chat"), bob.revision("prod/search")) == (2, 2)
    bob.check_sound()


def test_a_redeploy_of_an_older_clone_counts_from_the_forges_tip(clone: Callable[[str], Person]) -> None:
    """Both redeploy the same endpoint, one after the other, without a pull between."""
    ann, bob = clone("ann"), clone("bob")
    assert ann.ask("redeploy", "prod/chat")["revision"] == 2
    assert bob.ask("redeploy", "prod/chat")["revision"] == 3
    assert bob.revision("prod/chat") == 3
