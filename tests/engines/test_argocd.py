"""Argo CD rolls out what revstamp commits, as the README says it: in place, to the revision of the stamp.

Marked `soak`: Argo CD takes four minutes of two idle cores to build, for two tests, and continuous integration builds
all that it needs from nothing now and then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cli.driver import SOURCE, Person, answer_of
from tests.fleet_repository import CHAT, SEARCH, git
from tests.testbed.argocd import ArgoCd
from tests.testbed.fixtures.cluster import Cluster
from tests.testbed.forge import Forge
from tests.testbed.kube.api import Object

pytestmark = pytest.mark.soak

REVISION = "revstamp.io/revision"


def application_of_readme(url: str) -> Object:
    """What the README tells people to apply, for another repository."""
    text = (SOURCE / "README.md").read_text(encoding="utf-8")
    blocks = [yaml.safe_load(each) for each in re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]
    found: Object
    (found,) = (each for each in blocks if each["kind"] == "Application")
    spec = found["spec"]
    assert spec["source"]["directory"] == {"recurse": True}
    assert spec["syncPolicy"]["automated"] == {"prune": True}
    assert "ServerSideApply=true" in spec["syncPolicy"]["syncOptions"]
    return {**found, "spec": {**spec, "source": {**spec["source"], "repoURL": url}}}


@pytest.fixture
def person(tmp_path: Path, namespace: str) -> Person:
    """A repository with one endpoint that deploys into the test's namespace, not committed yet.

    As many replicas at least as at most: an autoscaler without metrics is degraded in Argo CD's eyes, and this cluster
    has none.
    """
    assert answer_of(("init", "gitops", "--environment", "prod"), tmp_path).code == 0
    person = Person(tmp_path / "gitops")
    person.edit("environments/prod/environment.yaml", "namespace: llm-ops-prod", f"namespace: {namespace}")
    person.write("environments/prod/endpoints/chat.yaml", CHAT.replace("max: 4", "max: 2"))
    return person


@pytest.fixture
def application(argocd: ArgoCd, namespace: str) -> Iterator[str]:
    """The name of an Application for the test, which is forgotten after it."""
    yield namespace
    argocd.forget(namespace)


def running_pods(testbed: Cluster, namespace: str) -> list[Object]:
    """The endpoint's pods that are not on their way out."""
    pods = testbed.api.items(f"/api/v1/namespaces/{namespace}/pods", labelSelector="revstamp.io/endpoint=chat")
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def revisions_of(pods: list[Object]) -> set[str]:
    """What the pods say of themselves."""
    return {pod["metadata"]["annotations"][REVISION] for pod in pods}


def test_a_redeploy_rolls_the_pods_in_place_to_its_revision(
    person: Person, argocd: ArgoCd, testbed: Cluster, namespace: str, application: str
) -> None:
    """The Deployment stays the same object, all its pods are new ones, and the Application is good at the commit."""
    person.do("commit", "-m", "first")
    argocd.follow(application, application_of_readme(person.root.as_uri()))
    argocd.wait_until_good(application, person.head)
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/chat"
    before, old = testbed.api.get(path), running_pods(testbed, namespace)
    assert (len(old), revisions_of(old)) == (2, {"1"})

    person.do("redeploy", "prod/chat", "--memory-limit", "64Gi")
    argocd.refresh(application)
    argocd.wait_until_good(application, person.head)
    after, new = testbed.api.get(path), running_pods(testbed, namespace)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["metadata"]["annotations"][REVISION] == "2"
    assert (len(new), revisions_of(new)) == (2, {"2"})
    assert not {pod["metadata"]["uid"] for pod in old} & {pod["metadata"]["uid"] for pod in new}


def test_a_change_of_replicas_restarts_nothing_and_a_deletion_is_pruned(
    person: Person, argocd: ArgoCd, testbed: Cluster, namespace: str, application: str
) -> None:
    """A third pod joins the two, and a deleted endpoint leaves nothing. (The last one of all Argo CD would keep.)"""
    person.write("environments/prod/endpoints/search.yaml", SEARCH.replace("max: 4", "max: 1"))
    person.do("commit", "-m", "first")
    argocd.follow(application, application_of_readme(person.root.as_uri()))
    argocd.wait_until_good(application, person.head)
    old = {pod["metadata"]["uid"] for pod in running_pods(testbed, namespace)}
    person.do("scale", "prod/chat", "--min", "3", "--max", "3")
    person.do("delete", "prod/search", "--yes")
    argocd.refresh(application)
    argocd.wait_until_good(application, person.head)
    pods = running_pods(testbed, namespace)
    assert (len(pods), revisions_of(pods)) == (3, {"1"})
    assert old < {pod["metadata"]["uid"] for pod in pods}
    kinds = ("apis/apps/v1", "deployments"), ("api/v1", "services"), ("apis/gateway.networking.k8s.io/v1", "httproutes")
    for version, plural in kinds:
        left = testbed.api.items(f"/{version}/namespaces/{namespace}/{plural}")
        assert [each["metadata"]["labels"]["revstamp.io/endpoint"] for each in left] == ["chat"]


def test_a_merged_pull_request_of_a_forge_is_rolled_out(
    person: Person, forge: Forge, argocd: ArgoCd, testbed: Cluster, namespace: str, application: str
) -> None:
    """All of the way: a branch, a review, a squash merge, and pods at the revision that was reviewed."""
    repository = forge.new_repository()
    person.git("remote", "add", "origin", repository.authorized_url)
    person.git("push", "--quiet", "--set-upstream", "origin", "main")
    person.do("commit", "-m", "first")
    argocd.add_repository(repository.url, repository.token)
    argocd.follow(application, application_of_readme(repository.url))
    argocd.wait_until_good(application, person.head)

    forge.protect(repository, "main")
    person.do("redeploy", "prod/chat", "--branch", "bump")
    merged = forge.merge(repository, forge.open_pull_request(repository, "bump"), "squash")
    argocd.refresh(application)
    argocd.wait_until_good(application, merged)
    assert revisions_of(running_pods(testbed, namespace)) == {"2"}
    assert git(person.root, "ls-remote", "origin", "refs/heads/main").split()[0] == merged
