"""What an endpoint may not do to others, and what a policy keeps from being done to an environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.driver import Person

CHAT = "environments/prod/endpoints/chat.yaml"
PROD = "environments/prod/environment.yaml"


@pytest.fixture
def example(tmp_path: Path) -> Person:
    """The shipped example, committed."""
    person = Person(tmp_path / "gitops")
    Person(tmp_path).do("init", "gitops", "--example")
    return person


def test_a_taken_route_is_refused_however_often_it_is_tried(example: Person) -> None:
    """The file that was committed without being deployed is no reason to look away the second time."""
    example.write(
        "environments/prod/endpoints/twin.yaml", example.read(CHAT).replace("name: chat\n", "name: twin\n", 1)
    )
    assert "belongs to the endpoint chat" in example.do("commit").err
    assert "belongs to the endpoint chat" in example.do("commit", "--all").err
    assert "belongs to the endpoint chat" in example.fail("redeploy", "prod/twin")["message"]


def test_a_file_that_came_by_plain_git_is_held_against_the_others_when_it_is_deployed(example: Person) -> None:
    """The tip holds it as it is now, but revstamp never looked at it."""
    example.do("commit")
    embed = example.read("environments/prod/endpoints/embed.yaml")
    route = next(line.split()[1] for line in embed.split("\n") if line.strip().startswith("route:"))
    example.write(CHAT, example.read(CHAT).replace("route: /llm/chat", f"route: {route}"))
    example.git("commit", "--quiet", "-am", "by hand")
    assert "belongs to the endpoint embed" in example.fail("redeploy", "prod/chat")["message"]
    example.write(PROD, example.read(PROD) + "# a remark\n")
    assert "belongs to the endpoint embed" in example.do("commit").err


def test_a_route_that_two_branches_brought_fails_the_check(example: Person) -> None:
    """Each branch was in the right alone; the merged tree is not."""
    for name in ("one", "two"):
        example.git("switch", "--quiet", "-c", name, "main")
        text = example.read(CHAT).replace("name: chat\n", f"name: {name}\n", 1).replace("/llm/chat", "/llm/same")
        example.write(f"environments/prod/endpoints/{name}.yaml", text)
        example.do("commit")
    example.git("switch", "--quiet", "main")
    example.git("merge", "--quiet", "one")
    example.git("merge", "--quiet", "--no-edit", "two")
    error = example.fail("render", "--check")
    assert any("/llm/same belongs to" in violation["message"] for violation in error["violations"])


@pytest.mark.parametrize(
    "path",
    ["manifests/f/ghost/deployment.yaml", "manifests/x.yaml", "manifests/3/chat/sub/evil.yaml", "stamps/3/x.txt"],
)
def test_a_file_that_revstamp_did_not_write_fails_the_check(example: Person, path: str) -> None:
    """Whatever applies the folder would apply it too."""
    example.write(f"environments/prod/{path}", "kind: ClusterRoleBinding\n")
    error = example.fail("render", "--check")
    assert any(violation["file"].startswith("environments/prod/") for violation in error["violations"])


def test_the_pull_request_policy_cannot_be_switched_off_without_one(example: Person) -> None:
    """The environment's file is part of the environment."""
    example.edit(PROD, "pullRequestRequired: false", "pullRequestRequired: true")
    example.do("commit")
    assert "--branch" in example.fail("redeploy", "prod/chat")["hint"]
    example.edit(PROD, "pullRequestRequired: true", "pullRequestRequired: false")
    assert "pull request" in example.fail("commit")["message"]
    example.do("commit", "--branch", "open-prod")


def test_rolling_a_scale_back_restarts_no_pod(example: Person) -> None:
    """Only what must restart, restarts."""
    example.do("scale", "prod/chat", "--max", "7")
    example.do("rollback", "prod/chat")
    assert example.stamp("prod/chat")["revision"] == 3
    assert example.stamp("prod/chat")["podRevision"] == 1
    assert example.stamp("prod/chat")["restores"] == 1


def test_an_endpoint_that_breaks_a_rule_can_be_stopped(example: Person) -> None:
    """What is not allowed any more must at least be possible to end."""
    example.edit(PROD, "modelFamilies: [llama, ", "modelFamilies: [")
    assert "keeps running as r1" in example.do("commit").err
    assert "family" in example.fail("redeploy", "prod/chat")["message"]
    assert example.ask("stop", "prod/chat")["state"] == "committed"


def test_an_endpoint_whose_model_moves_out_takes_its_manifests_along(example: Person) -> None:
    """An external model has nothing to deploy."""
    example.edit(CHAT, "    family: llama\n", "    family: llama\n    type: external\n")
    example.do("commit")
    assert not list((example.root / "environments/prod/manifests").glob("*/chat/*"))
    assert example.stamp("prod/chat")["deleted"] is True
    example.do("render", "--check")


def test_a_request_id_of_another_endpoint_is_refused(example: Person) -> None:
    """Nothing is told to be committed that is not."""
    example.do("redeploy", "prod/chat", "--request-id", "same")
    error = example.fail("redeploy", "stg/search", "--request-id", "same")
    assert "chat" in error["message"]
    again = example.ask("redeploy", "prod/chat", "--request-id", "same")
    assert again["state"] == "committed"


def test_init_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    """It can be tried again."""
    person = Person(tmp_path)
    person.git("init", "--quiet", "-b", "main", ".")
    person.git("remote", "add", "origin", "file:///nowhere/at/all.git")
    person.fail("init", ".")
    assert person.status == ""
    person.git("remote", "remove", "origin")
    person.do("init", ".")
