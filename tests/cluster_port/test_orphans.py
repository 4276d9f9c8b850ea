"""A new Deployment meets the pods that one of its name has left, and objects that no watch has shown."""

from __future__ import annotations

from typing import Any

import pytest

from generator.cluster.adopt import adopt
from generator.cluster.adoption_plan import plan_adoption
from generator.cluster.apply_objects import Listing, apply_object, apply_objects
from generator.cluster.changes import Action
from generator.cluster.kinds import DEPLOYMENT, POD, ObjectRef, ref_of
from generator.cluster.orphans import OrphanHint
from generator.cluster.policy import ApplyPolicy
from generator.cluster.port import Body, Propagation
from generator.errors import NotOurs
from tests.cluster.objects import autoscaler, deployment, service
from tests.cluster.test_adopt import make_legacy, wanted
from tests.cluster_port.subject import Subject, Watcher
from tests.cluster_port.test_contract_rollouts import ends, is_ready
from tests.testbed.workloads import is_rolled_out

POLICY = ApplyPolicy()


def leave_orphans(subject: Subject, replicas: int) -> None:
    """A legacy Deployment is deleted as an adoption does it, and nothing comes after."""
    subject.port.create(make_legacy(subject.namespace, replicas)[0], manager="platform")
    live = subject.wait(DEPLOYMENT, lambda it: it.get("status", {}).get("availableReplicas") == replicas)
    uid = str(live["metadata"]["uid"])
    subject.port.delete(subject.ref(DEPLOYMENT), uid=uid, propagation=Propagation.ORPHAN)
    subject.wait_gone(DEPLOYMENT)


def least_ready(watcher: Watcher) -> int:
    """The least number of ready pods at any moment after the first listing."""
    return min(sum(is_ready(pod) and not ends(pod) for pod in pods) for pods in watcher.moments())


def settled(body: Body) -> bool:
    """Whether the rollout has ended, as its controller saw the newest form."""
    return is_rolled_out(dict(body)) and body["status"].get("observedGeneration") == body["metadata"]["generation"]


def test_orphaned_pods_keep_their_number_where_an_autoscaler_has_it(subject: Subject) -> None:
    """Five ready pods stay five, although a new Deployment would begin with one."""
    leave_orphans(subject, 5)
    manifests = [deployment(subject.namespace, replicas=None), autoscaler(subject.namespace, 2, 6)]
    with Watcher(subject.port, POD, subject.namespace) as watcher:
        made = apply_object(subject.port, manifests[0], POLICY)
        subject.wait(DEPLOYMENT, settled)
    assert made.change.action is Action.CREATED
    assert "adopts 5 pods" in made.change.reason
    assert subject.read(DEPLOYMENT)["spec"]["replicas"] == 5
    assert least_ready(watcher) >= 5
    assert apply_object(subject.port, manifests[0], POLICY).change.action is Action.UNCHANGED


def test_orphaned_pods_go_to_the_number_that_git_names(subject: Subject) -> None:
    """Never below it."""
    leave_orphans(subject, 4)
    manifest = deployment(subject.namespace, replicas=3)
    with Watcher(subject.port, POD, subject.namespace) as watcher:
        apply_object(subject.port, manifest, POLICY)
        subject.wait(DEPLOYMENT, lambda it: it["spec"]["replicas"] == 3 and settled(it))
    assert least_ready(watcher) >= 3
    assert apply_object(subject.port, manifest, POLICY).change.action is Action.UNCHANGED


def test_an_adoption_ends_after_a_pass_came_in_between(subject: Subject) -> None:
    """The reconciler made the Deployment; the same command finishes the rest, and nothing is left to do."""
    manifests = wanted(subject.namespace)
    for body in make_legacy(subject.namespace, 3)[1:]:
        subject.port.create(body, manager="platform")
    leave_orphans(subject, 3)
    apply_objects(subject.port, manifests, POLICY)
    done = adopt(subject.port, manifests, plan_adoption(subject.port, manifests), rollout_seconds=60)
    assert Action.FAILED not in {change.action for change in done}, done
    assert plan_adoption(subject.port, manifests).is_done


def test_a_dry_run_over_orphans_makes_nothing(subject: Subject) -> None:
    """It says what would be done."""
    leave_orphans(subject, 2)
    made = apply_object(subject.port, deployment(subject.namespace, replicas=None), ApplyPolicy(dry_run=True))
    assert "adopts 2 pods" in made.change.reason
    assert subject.port.read(subject.ref(DEPLOYMENT)) is None


def test_one_look_for_a_whole_pass_finds_orphans(subject: Subject) -> None:
    """And none where every ReplicaSet has its Deployment."""
    subject.roll_out(deployment(subject.namespace))
    assert not OrphanHint(subject.port, subject.namespace).are_there()
    uid = str(subject.read(DEPLOYMENT)["metadata"]["uid"])
    subject.port.delete(subject.ref(DEPLOYMENT), uid=uid, propagation=Propagation.ORPHAN)
    subject.wait_gone(DEPLOYMENT)
    assert OrphanHint(subject.port, subject.namespace).are_there()


def test_what_a_listing_did_not_show_is_made_over_its_orphans(subject: Subject) -> None:
    """It is not read first, but its pods are asked for."""
    leave_orphans(subject, 3)
    manifest = deployment(subject.namespace, replicas=None)
    hint = OrphanHint(subject.port, subject.namespace)
    made = apply_object(subject.port, manifest, POLICY, listing=Listing({ref_of(manifest)}, hint.are_there))
    assert "adopts 3 pods" in made.change.reason
    assert subject.read(DEPLOYMENT)["spec"]["replicas"] == 3


def test_what_a_listing_did_not_show_is_left_alone_where_it_is_somebody_elses(
    subject: Subject, foreign: dict[str, Any]
) -> None:
    """It came after the listing: the API server refuses to make it, and then it is read."""
    done = apply_object(subject.port, foreign, POLICY, listing=Listing({ref_of(foreign)}, lambda: False))
    assert isinstance(done.change.error, NotOurs)
    annotations = (subject.port.read(ref_of(foreign)) or {})["metadata"]["annotations"]
    assert annotations["by"] == "them"
    assert "revstamp.io/revision" not in annotations


def test_what_a_listing_did_not_show_is_unchanged_where_it_is_ours(subject: Subject) -> None:
    """A listing may be old."""
    manifest = service(subject.namespace)
    apply_object(subject.port, manifest, POLICY)
    again = apply_object(subject.port, manifest, POLICY, listing=Listing({ref_of(manifest)}))
    assert again.change.action is Action.UNCHANGED


@pytest.fixture(params=["Service", "Deployment"])
def foreign(request: pytest.FixtureRequest, subject: Subject) -> dict[str, Any]:
    """An object of somebody else, and the manifest of the same name."""
    manifest = service(subject.namespace) if request.param == "Service" else deployment(subject.namespace)
    subject.port.create({**manifest, "metadata": {**manifest["metadata"], "annotations": {"by": "them"}}}, manager="me")
    return manifest


def test_a_foreign_object_that_no_watch_has_shown_is_left_alone(subject: Subject, foreign: dict[str, Any]) -> None:
    """It is read before it would be created."""
    done = apply_object(subject.port, foreign, POLICY)
    assert done.change.action is Action.FAILED
    assert isinstance(done.change.error, NotOurs)
    metadata = foreign["metadata"]
    live = subject.port.read(ObjectRef(DEPLOYMENT, subject.namespace, metadata["name"]))
    if foreign["kind"] == "Deployment":
        assert live is not None
        assert live["metadata"]["annotations"].get("revstamp.io/revision") is None


def test_an_object_of_ours_that_no_watch_has_shown_is_unchanged(subject: Subject) -> None:
    """No second creation is reported."""
    apply_object(subject.port, service(subject.namespace), POLICY)
    assert apply_object(subject.port, service(subject.namespace), POLICY).change.action is Action.UNCHANGED
