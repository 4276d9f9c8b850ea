"""Changes, waits and questions on the command line where there is a ledger, over a simulated cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from generator.cluster.simulated import SimulatedCluster
from generator.reconciler.fence import FencedCluster
from tests.cli.driver import Person
from tests.cluster.gitops import make_gitops, reconciling

GOOD = ("--image", "registry.internal/serve/vllm:2", "--server", "vllm")
BAD = ("--image", "registry.internal/serve/vllm:fate-config-error", "--server", "vllm")
SLOW = ("--image", "registry.internal/serve/vllm:fate-slow-load-after-60s", "--server", "vllm")
WAIT = ("--wait", "--timeout", "40")


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    """Somebody with a clone and a ledger; a reconciler applies what is committed, and nobody reads statuses."""
    gitops = make_gitops(tmp_path / "gitops", "serving")
    gitops.edit_environment(lambda spec: spec.update(budgets={**(spec.get("budgets") or {}), "failingSeconds": 1}))
    gitops.add("chat")
    cluster = SimulatedCluster("testbed", strict_namespaces=False)
    found = FencedCluster(cluster, lambda: True)
    monkeypatch.setattr("generator.cli.cluster_options.open_named_cluster", lambda *_, **__: found)
    monkeypatch.setenv("REVSTAMP_DATABASE", f"sqlite:///{tmp_path}/ledger.db")
    one = Person(gitops.root)
    one.do("db", "upgrade")
    with reconciling(gitops, lambda _: cluster, poll=0.1):
        yield one
    cluster.close()


def test_a_wait_tells_each_step_and_ends_with_the_verdict(person: Person) -> None:
    """0 healthy; the same request once more does nothing and says the same."""
    answer = person.do("redeploy", "test/chat", *GOOD, "--reason", "newer", "--request-id", "once", *WAIT)
    told = [line.split(" ", 1)[1].split(":")[0] for line in answer.err.splitlines() if line.startswith("20")]
    assert [word for word in told if word in ("accepted", "committed", "applied", "healthy")] == [
        "accepted", "committed", "applied", "healthy",
    ]  # fmt: skip
    again = person.ask("redeploy", "test/chat", *GOOD, "--reason", "newer", "--request-id", "once", *WAIT)
    assert (again["state"], again["revision"], again["requestId"]) == ("healthy", 2, "once")
    assert person.git("rev-list", "--count", "HEAD", "--grep=Request-Id: once") == "1"


def test_a_rollback_goes_to_the_last_healthy_revision_and_its_dry_run_says_so(person: Person) -> None:
    """10 for what failed twice; the newest that differs would be one of those."""
    person.do("redeploy", "test/chat", *GOOD, *WAIT)
    for limit in ("4", "5"):
        answer = person.type("redeploy", "test/chat", *BAD, "--cpu-limit", limit, *WAIT)
        assert answer.code == 10
        assert "ConfigError" in answer.err
    planned = person.ask("rollback", "test/chat", "--dry-run")
    assert planned["state"] == "planned"
    back = person.ask("rollback", "test/chat", "--reason", "it fails", *WAIT)
    assert (back["state"], back["redeployment"]["restores"], back["revision"]) == ("healthy", 2, 5)
    assert planned["revision"] == 5
    assert [row["state"] for row in person.ask("history", "test/chat")["redeployments"]] == [
        "healthy", "failed", "failed", "healthy",
    ]  # fmt: skip


def test_a_second_one_is_refused_with_who_runs_and_may_take_its_place(person: Person) -> None:
    """5, with the number of the one that runs; 12 for the one that was waited for."""
    person.do("redeploy", "test/chat", *SLOW)
    refused = person.fail("redeploy", "test/chat", *GOOD)
    assert (refused["exit"], refused["error"]) == (5, "already-running")
    assert refused["details"]["redeployment"]["id"] == "1"
    assert "--supersede" in refused["hint"]
    assert person.ask("redeploy", "test/chat", *GOOD, "--supersede", *WAIT)["state"] == "healthy"
    assert person.ask("show", "1")["supersededBy"] == "3"


def test_what_was_deleted_comes_back_by_a_rollback(person: Person) -> None:
    """Named by environment and name, for its file is gone."""
    person.do("redeploy", "test/chat", *WAIT)
    assert person.ask("delete", "test/chat", "--yes", *WAIT)["state"] == "healthy"
    assert person.ask("rollback", "test/chat", *WAIT)["state"] == "healthy"


def test_a_redeployment_can_be_listed_shown_and_explained(person: Person) -> None:
    """In text and in JSON; a refused one says why."""
    person.do("redeploy", "test/chat", *GOOD, "--reason", "newer", *WAIT)
    assert person.type("redeploy", "test/chat", "--cpu-request", "8", "--cpu-limit", "4").code == 3
    listed: list[Any] = person.ask("history")["redeployments"]
    assert [(row["state"], row["kind"]) for row in listed] == [("refused", "redeploy"), ("healthy", "redeploy")]
    assert "newer" in person.do("history", "test/chat").out
    shown = person.ask("show", "1")
    assert [event["name"] for event in shown["events"]][:2] == ["accepted", "committed"]
    assert "healthy" in person.do("show", "1").out
    answers = {item["question"]: item["answer"] for item in person.ask("explain", "1")["answers"]}
    assert answers["What was committed?"] == answers["Was it applied?"] == "yes"
    told = person.do("explain", "2").out
    assert "Did validation pass? no" in told
    assert "above the limit" in told


def test_without_a_ledger_a_question_about_it_says_how_to_get_one(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """3; changes go on by git alone."""
    monkeypatch.delenv("REVSTAMP_DATABASE")
    assert "REVSTAMP_DATABASE" in person.fail("history")["hint"]
    assert person.ask("redeploy", "test/chat")["state"] == "committed"
