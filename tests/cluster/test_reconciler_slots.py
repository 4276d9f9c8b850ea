"""A slot for a rollout comes back, whatever becomes of the endpoint that has it."""

from __future__ import annotations

import pytest

from tests.cluster.gitops import GitOps, reconciling
from tests.cluster.gitops_fixtures import Open
from tests.fleet_repository import git
from tests.testbed.fixtures.cluster import Cluster
from tests.testbed.workloads import is_rolled_out

pytestmark = pytest.mark.cluster

STUCK = "registry.internal/serve/vllm:fate-never-ready"


@pytest.fixture
def gitops(gitops: GitOps) -> GitOps:
    """Two endpoints, of which one may roll at a time."""
    gitops.edit_environment(lambda spec: spec["policies"].update(maxConcurrentRollouts=1))
    gitops.add("bad", commit=False)
    gitops.add("good")
    return gitops


def wait_for_revision(testbed: Cluster, gitops: GitOps, name: str, revision: int) -> None:
    """Until all pods of a Deployment carry the revision."""
    testbed.api.wait(
        f"/apis/apps/v1/namespaces/{gitops.namespace}/deployments/{name}",
        lambda it: it["metadata"]["annotations"]["revstamp.io/revision"] == str(revision) and is_rolled_out(it),
    )


def serve(testbed: Cluster, gitops: GitOps) -> None:
    """Until both serve."""
    for name in ("bad", "good"):
        wait_for_revision(testbed, gitops, name, 1)


def test_an_endpoint_that_is_refused_keeps_no_other_from_its_rollout(
    gitops: GitOps, opening: Open, testbed: Cluster
) -> None:
    """The server does not take its Deployment: there is no rollout whose end could be seen."""
    with reconciling(gitops, opening) as running:
        serve(testbed, gitops)
        gitops.type("redeploy", "test/bad")
        path = next((gitops.root / "environments/test/manifests").glob("*/bad/deployment.yaml"))
        path.write_text(path.read_text().replace("\nspec:\n", "\nspec:\n  nonsense: true\n"))
        git(gitops.root, "commit", "-q", "--amend", "-am", "refused")
        running.wait(lambda: running.logged("object failed"))
        gitops.type("redeploy", "test/good")
        wait_for_revision(testbed, gitops, "good", 2)


def test_an_endpoint_that_is_deleted_while_it_rolls_gives_its_slot_back(
    gitops: GitOps, opening: Open, testbed: Cluster
) -> None:
    """And so does one that can no longer be read."""
    with reconciling(gitops, opening) as running:
        serve(testbed, gitops)
        gitops.type("redeploy", "test/bad", "--image", STUCK)
        running.wait_applied(gitops.tip)
        gitops.type("redeploy", "test/good")
        running.wait(lambda: [line for line in running.logged("held") if line["endpoint"] == "good"])
        gitops.type("delete", "test/bad")
        wait_for_revision(testbed, gitops, "good", 2)


def test_an_endpoint_that_nobody_can_read_while_it_rolls_gives_its_slot_back(
    gitops: GitOps, opening: Open, testbed: Cluster
) -> None:
    """Nothing of it is applied until it is mended, so that others may go on."""
    with reconciling(gitops, opening) as running:
        serve(testbed, gitops)
        gitops.type("redeploy", "test/bad", "--image", STUCK)
        running.wait_applied(gitops.tip)
        path = next((gitops.root / "environments/test/manifests").glob("*/bad/deployment.yaml"))
        path.write_text("kind: [")
        git(gitops.root, "commit", "-qam", "unreadable")
        gitops.type("redeploy", "test/good")
        wait_for_revision(testbed, gitops, "good", 2)


def test_an_endpoint_that_is_suspended_while_it_waits_lets_the_next_one_in(
    gitops: GitOps, opening: Open, testbed: Cluster
) -> None:
    """It is first in line, and does not come."""
    gitops.add("last")
    with reconciling(gitops, opening) as running:
        serve(testbed, gitops)
        wait_for_revision(testbed, gitops, "last", 1)
        gitops.type("redeploy", "test/bad", "--image", STUCK)
        running.wait_applied(gitops.tip)
        for name in ("good", "last"):
            gitops.type("redeploy", f"test/{name}")
            running.wait(lambda name=name: [at for at in running.logged("held") if at["endpoint"] == name])  # type: ignore[misc]
        gitops.type("suspend", "test/good")
        running.wait(lambda: [line for line in running.logged("held") if "suspended" in line["reason"]])
        gitops.type("redeploy", "test/bad", "--clear", "image")
        wait_for_revision(testbed, gitops, "last", 2)
