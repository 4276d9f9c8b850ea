"""`revstamp apply` over a simulated cluster: what is refused, and what the exit code says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from generator.cli.cluster_options import OPENER
from generator.cluster.kinds import DEPLOYMENT, ObjectRef
from generator.cluster.simulated import SimulatedCluster
from tests.cli.driver import Person
from tests.cluster.gitops import keep, make_gitops
from tests.fleet_repository import git

NAMESPACE = "llm-test"


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    """The cluster of every environment, for as long as the test runs."""
    made = SimulatedCluster(strict_namespaces=False)
    token = OPENER.set(keep(made))
    yield made
    OPENER.reset(token)
    made.close()


@pytest.fixture
def maker(tmp_path: Path, cluster: SimulatedCluster) -> Person:
    """Somebody with a clone, whose endpoint is applied and healthy."""
    gitops = make_gitops(tmp_path / "gitops", NAMESPACE)
    gitops.add("chat")
    person = Person(gitops.root)
    person.do("apply", "-e", "test", "--wait", "--timeout", "20")
    return person


def revision(cluster: SimulatedCluster) -> str:
    """The revision that the Deployment carries."""
    live = cluster.read(ObjectRef(DEPLOYMENT, NAMESPACE, "chat"))
    assert live is not None
    return str(live["metadata"]["annotations"]["revstamp.io/revision"])


def test_a_second_apply_finds_nothing_to_do(maker: Person) -> None:
    """Exit code 0, everything unchanged."""
    answer = maker.do("apply", "-e", "test", "-o", "json")
    assert {name: count for name, count in answer.json["counts"].items() if count} == {"unchanged": 3}


def test_an_older_head_is_refused_and_a_named_commit_is_not(maker: Person, cluster: SimulatedCluster) -> None:
    """A pipeline that is run again rolls nothing back; a person may."""
    maker.do("redeploy", "test/chat")
    maker.do("apply", "test/chat")
    git(maker.root, "checkout", "-q", "HEAD~1")
    answer = maker.type("apply", "-e", "test")
    assert answer.code == 3
    assert "which is newer" in answer.err
    assert revision(cluster) == "2"
    maker.do("apply", "-e", "test", "--rev", "HEAD")
    assert revision(cluster) == "1"


def test_what_is_put_off_is_exit_code_nine(maker: Person, cluster: SimulatedCluster) -> None:
    """An image that somebody set by hand stays, by the environment's policy, and is no success."""
    patch = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "registry.internal/x:1"}]
    cluster.patch(ObjectRef(DEPLOYMENT, NAMESPACE, "chat"), patch, manager="kubectl-set")
    answer = maker.type("apply", "-e", "test")
    assert answer.code == 9
    assert "edited by kubectl-set" in answer.err + answer.out
    assert maker.type("apply", "-e", "test", "--force-conflicts").code == 0


def test_what_somebody_scaled_is_left_and_no_failure(maker: Person, cluster: SimulatedCluster) -> None:
    """The environment says `report`."""
    patch = [{"op": "replace", "path": "/spec/replicas", "value": 3}]
    cluster.patch(ObjectRef(DEPLOYMENT, NAMESPACE, "chat"), patch, manager="kubectl")
    answer = maker.do("apply", "-e", "test")
    assert "scaled by kubectl" in answer.err + answer.out


def test_a_suspended_endpoint_is_no_failure_unless_it_is_named(maker: Person, cluster: SimulatedCluster) -> None:
    """Among others it is passed over; by name it is what was asked for."""
    maker.do("suspend", "test/chat")
    maker.do("redeploy", "test/chat")
    maker.do("apply", "-e", "test")
    answer = maker.type("apply", "test/chat", "--wait")
    assert answer.code == 9
    assert "is suspended" in answer.err
    assert revision(cluster) == "1"


def test_the_exit_code_is_the_verdict(maker: Person) -> None:
    """10 for a revision that fails, with its reason, while the old one serves; 11 where the time was over first."""
    path = maker.root / "environments/test/environment.yaml"
    path.write_text(path.read_text().replace("drainSeconds: 60", "drainSeconds: 60\n    failingSeconds: 1"))
    maker.do("commit", "-m", "impatient")
    maker.do("redeploy", "test/chat", "--image", "registry.internal/serve/vllm:fate-config-error", "--server", "vllm")
    answer = maker.type("apply", "test/chat", "--wait", "--timeout", "20", "-o", "json")
    assert (answer.code, answer.error["error"]) == (10, "rollout-failed")
    assert answer.json["rollouts"][0]["failure"]["reason"] == "ConfigError"
    assert answer.json["rollouts"][0]["serving"] is True
    assert answer.json["rollouts"][0]["newestLive"] is False
    maker.do("redeploy", "test/chat", "--image", "registry.internal/serve/vllm:fate-never-ready", "--server", "vllm")
    answer = maker.type("apply", "test/chat", "--wait", "--timeout", "0.5", "-o", "json")
    assert (answer.code, answer.error["error"]) == (11, "rollout-timed-out")
