"""The difference from the cluster is what an apply would do: under its policy, with its refusals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from generator.cluster.apply_objects import apply_object
from generator.cluster.changes import Action
from generator.cluster.kinds import DEPLOYMENT, SERVICE, ObjectRef
from generator.cluster.live_diff import diff_doomed, diff_live
from generator.cluster.policy import ApplyPolicy
from generator.cluster.simulated import ManualClock, SimulatedCluster
from generator.errors import ApplyConflict
from tests.cluster.objects import deployment, service

SPACE = "llm-ops-dev"
CHAT = ObjectRef(DEPLOYMENT, SPACE, "chat")
FRONT = ObjectRef(SERVICE, SPACE, "chat-svc")
REPORT, HEAL, FORCE = ApplyPolicy(), ApplyPolicy(heal=True), ApplyPolicy(force=True)
IMAGE = "/spec/template/spec/containers/0/image"


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    """With the endpoint's first revision in it."""
    cluster = SimulatedCluster(clock=ManualClock(), strict_namespaces=False)
    apply_object(cluster, deployment(SPACE), REPORT)
    apply_object(cluster, service(SPACE), REPORT)
    yield cluster
    cluster.close()


def edit(cluster: SimulatedCluster, image: str = "edited:1") -> None:
    """Change the image by hand."""
    cluster.patch(CHAT, [{"op": "replace", "path": IMAGE, "value": image}], manager="kubectl-edit")


def test_a_change_by_hand_is_left_where_an_apply_leaves_it(cluster: SimulatedCluster) -> None:
    """It says by whom; and the apply does just that."""
    edit(cluster)
    found = diff_live(cluster, deployment(SPACE), REPORT)
    assert found.change == "left"
    assert "kubectl-edit" in found.reason
    assert found.drift
    assert apply_object(cluster, deployment(SPACE), REPORT).change.action is Action.SKIPPED


def test_a_conflict_is_shown_as_one(cluster: SimulatedCluster) -> None:
    """The next revision would meet it."""
    edit(cluster)
    found = diff_live(cluster, deployment(SPACE, 2), REPORT)
    assert found.change == "conflict"
    assert isinstance(found.error, ApplyConflict)
    assert isinstance(apply_object(cluster, deployment(SPACE, 2), REPORT).change.error, ApplyConflict)


@pytest.mark.parametrize("policy", [HEAL, FORCE])
def test_what_is_taken_back_is_shown_field_by_field(cluster: SimulatedCluster, policy: ApplyPolicy) -> None:
    """And nothing is written."""
    edit(cluster)
    before = cluster.read(CHAT)
    found = diff_live(cluster, deployment(SPACE), policy)
    assert found.change == "changed"
    assert {(item.live, item.wanted) for item in found.fields} == {("edited:1", image_of(deployment(SPACE)))}
    assert cluster.read(CHAT) == before


def image_of(body: dict[str, Any]) -> str:
    """The first container's."""
    return str(body["spec"]["template"]["spec"]["containers"][0]["image"])


def test_an_object_that_pruning_would_keep_is_not_shown_as_pruned(cluster: SimulatedCluster) -> None:
    """With the same reason that pruning gives."""
    assert diff_doomed(cluster, FRONT, "chat").change == "pruned"
    mark = [{"op": "add", "path": "/metadata/annotations/revstamp.io~1prune", "value": "disabled"}]
    cluster.patch(FRONT, mark, manager="kubectl-edit")
    kept = diff_doomed(cluster, FRONT, "chat")
    assert (kept.change, kept.reason) == ("kept", "its annotation revstamp.io/prune says disabled")
    assert diff_doomed(cluster, ObjectRef(SERVICE, SPACE, "gone"), "chat").change == "same"
    assert cluster.read(FRONT) is not None


def test_the_json_form_says_why(cluster: SimulatedCluster) -> None:
    """Every key is there, also where there is nothing to say."""
    assert diff_live(cluster, deployment(SPACE), REPORT).to_dict() == {
        "kind": "Deployment",
        "namespace": SPACE,
        "name": "chat",
        "change": "same",
        "reason": "",
        "fields": [],
        "drift": [],
    }
