"""The reusable workflow `apply`, step by step in a clean checkout, with the rights of `install` on the real cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from generator.reconciler.installation import Installation, Place, list_objects
from tests.cluster.accounts import kubeconfig_of
from tests.cluster.gitops import GitOps, make_gitops
from tests.fleet_repository import find_generated, git
from tests.testbed.fixtures.cluster import Cluster
from tests.testbed.workloads import is_rolled_out
from tests.workflow_runner import Job, JobResult, check_out

pytestmark = pytest.mark.cluster

APPLY = "Apply and wait for the verdict"
CLEAN_UP = "Remove the kubeconfig"


@dataclass
class Pipeline:
    """A GitOps repository with a remote, and the job that runs after each merge."""

    cluster: Cluster
    gitops: GitOps
    remote: Path
    folder: Path
    kubeconfig: str
    runs: int = 0

    def run(self, **inputs: object) -> JobResult:
        """Push what was committed, and run the job in a clean checkout of it."""
        git(self.gitops.root, "push", "--quiet", "origin", "main")
        self.runs += 1
        temp = self.folder / f"run-{self.runs}"
        temp.mkdir(parents=True)
        checkout = check_out(self.remote.as_uri(), temp / "checkout", "refs/heads/main")
        given = {"environment": "test", "timeout": 60, **inputs}
        done = Job("apply.yml", checkout, temp, given, {"kubeconfig": self.kubeconfig}).run()
        assert done.names[-1] == CLEAN_UP
        assert not (temp / "kubeconfig").exists()
        assert git(checkout, "status", "--porcelain") == ""
        assert self.kubeconfig.splitlines()[-1] not in "".join(step.output for step in done.steps)
        return done

    def revision(self, name: str) -> str:
        """The revision that the live Deployment carries; empty where there is none."""
        found = self.cluster.api.find(f"/apis/apps/v1/namespaces/{self.gitops.namespace}/deployments/{name}")
        return found["metadata"]["annotations"]["revstamp.io/revision"] if found else ""


@pytest.fixture
def pipeline(testbed: Cluster, namespace: str, tmp_path: Path) -> Pipeline:
    """Its kubeconfig has the rights that `install` gives the reconciler, and no others."""
    gitops = make_gitops(tmp_path / "gitops", namespace)
    remote = tmp_path / "remote.git"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    git(gitops.root, "remote", "add", "origin", remote.as_uri())
    git(gitops.root, "push", "--quiet", "--set-upstream", "origin", "main")
    wanted = Installation(namespace, "revstamp", remote.as_uri(), "main", "testbed", (Place("test", namespace),))
    rights = [body for body in list_objects(wanted) if body["kind"] not in ("Deployment", "Service")]
    testbed.kubectl("apply", "-f", "-", given="---\n".join(yaml.safe_dump(body) for body in rights))
    kubeconfig = kubeconfig_of(testbed, namespace, "revstamp-reconciler", tmp_path / "account.kubeconfig")
    return Pipeline(testbed, gitops, remote, tmp_path / "runner", kubeconfig.read_text(encoding="utf-8"))


def test_after_each_merge_the_cluster_is_what_the_branch_says(pipeline: Pipeline) -> None:
    """First the endpoints, then a new revision, then a deletion; every run ends with a verdict."""
    pipeline.gitops.add("chat")
    pipeline.gitops.add("search")
    done = pipeline.run().check()
    assert "test/chat r1: live, 1 of 1 ready" in done.steps[-2].output
    assert (pipeline.revision("chat"), pipeline.revision("search")) == ("1", "1")

    pipeline.gitops.type("redeploy", "test/chat")
    pipeline.gitops.type("delete", "test/search", "--yes")
    pipeline.run().check()
    assert (pipeline.revision("chat"), pipeline.revision("search")) == ("2", "")
    path = f"/apis/apps/v1/namespaces/{pipeline.gitops.namespace}/deployments/chat"
    assert is_rolled_out(pipeline.cluster.api.get(path))
    again = pipeline.run().check()
    assert f"test at {pipeline.gitops.tip[:10]}: 3 unchanged" in again.steps[-2].output


def test_a_rollout_without_a_verdict_in_time_ends_the_job_with_its_own_exit_code(pipeline: Pipeline) -> None:
    """It never becomes ready; the kubeconfig is removed all the same."""
    pipeline.gitops.add("chat", image="registry.internal/serve/vllm:fate-never-ready")
    failed = pipeline.run(timeout=3).failed
    assert failed is not None
    assert (failed.name, failed.code) == (APPLY, 11)
    assert "no verdict after 3 s" in failed.output


def test_what_the_cluster_refuses_ends_the_job_and_names_the_object(pipeline: Pipeline) -> None:
    """Another tool has made a Deployment of that name; the rest of the endpoint is applied."""
    namespace = pipeline.gitops.namespace
    pipeline.cluster.kubectl("create", "deployment", "chat", "--image=registry.internal/other:1", "-n", namespace)
    pipeline.gitops.add("chat")
    failed = pipeline.run().failed
    assert failed is not None
    assert (failed.name, failed.code) == (APPLY, 9)
    assert f"Deployment {namespace}/chat" in failed.output
    assert "revstamp adopt" in failed.output


def test_manifests_that_are_not_what_their_stamp_says_are_not_applied(pipeline: Pipeline) -> None:
    """Somebody edited a rendered file past every check."""
    pipeline.gitops.add("chat")
    root = pipeline.gitops.root
    path = find_generated(root, "manifests", "test", "chat") / "deployment.yaml"
    path.write_text(path.read_text().replace("replicas: 1", "replicas: 9"))
    git(root, "commit", "--quiet", "-am", "by hand")
    failed = pipeline.run().failed
    assert failed is not None
    assert failed.name == "Check that the manifests are what they are said to be"
    assert "deployment.yaml" in failed.output
    assert pipeline.revision("chat") == ""


def test_the_folder_and_the_context_can_be_given(pipeline: Pipeline) -> None:
    """A context that is not in the kubeconfig is an error with those that are."""
    pipeline.gitops.add("chat")
    failed = pipeline.run(context="elsewhere", folder="./").failed
    assert failed is not None
    assert (failed.name, failed.code) == (APPLY, 8)
    assert "elsewhere" in failed.output
    pipeline.run(context="testbed", folder="environments").check()
    assert pipeline.revision("chat") == "1"
