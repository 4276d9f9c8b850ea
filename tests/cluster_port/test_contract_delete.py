"""Contract of the cluster port: deleting, orphaning, adopting, and what the garbage collector does."""

from __future__ import annotations

import pytest

from generator.cluster.kinds import CONFIG_MAP, DEPLOYMENT, POD, REPLICA_SET
from generator.cluster.port import Body, Happening, Propagation
from generator.errors import StaleObject
from tests.cluster_port.subject import Subject, Watcher
from tests.testbed.workloads import is_rolled_out, make_deployment


def config_map(namespace: str, **metadata: object) -> dict[str, object]:
    """A small one."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "record", "namespace": namespace, **metadata},
        "data": {"a": "1"},
    }


def is_ready(pod: Body) -> bool:
    """By its condition."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def test_only_this_very_object_is_deleted(subject: Subject) -> None:
    """By its uid, and by its version where one is given."""
    made = subject.port.apply(config_map(subject.namespace))
    ref = subject.ref(CONFIG_MAP, "record")
    with pytest.raises(StaleObject):
        subject.port.delete(ref, uid="another")
    with pytest.raises(StaleObject):
        subject.port.delete(ref, uid=made["metadata"]["uid"], resource_version="1")
    version = made["metadata"]["resourceVersion"]
    assert subject.port.delete(ref, uid=made["metadata"]["uid"], resource_version=version)
    assert subject.port.read(ref) is None


def test_a_delete_of_nothing_says_so(subject: Subject) -> None:
    """It is no error: somebody was faster."""
    assert subject.port.delete(subject.ref(CONFIG_MAP, "record"), uid="any") is False


def test_a_name_that_is_used_again_is_another_object(subject: Subject) -> None:
    """With another uid."""
    first = subject.port.apply(config_map(subject.namespace))
    subject.port.delete(subject.ref(CONFIG_MAP, "record"), uid=first["metadata"]["uid"])
    second = subject.port.apply(config_map(subject.namespace))
    assert first["metadata"]["uid"] != second["metadata"]["uid"]
    with pytest.raises(StaleObject):
        subject.port.delete(subject.ref(CONFIG_MAP, "record"), uid=first["metadata"]["uid"])


def test_what_an_object_owns_goes_with_it(subject: Subject) -> None:
    """ReplicaSets and pods of a Deployment."""
    made = subject.roll_out(make_deployment(subject.namespace))
    subject.port.delete(subject.ref(DEPLOYMENT), uid=made["metadata"]["uid"])
    subject.until(lambda: not subject.pods())
    assert subject.replica_sets() == {}


def test_an_object_with_a_finalizer_waits_for_it(subject: Subject) -> None:
    """It is there, being deleted, until the finalizer is taken away."""
    made = subject.port.apply(config_map(subject.namespace, finalizers=["example.org/keep"]))
    ref = subject.ref(CONFIG_MAP, "record")
    assert subject.port.delete(ref, uid=made["metadata"]["uid"])
    held = subject.read(CONFIG_MAP, "record")
    assert held["metadata"]["deletionTimestamp"]
    subject.port.patch(ref, [{"op": "remove", "path": "/metadata/finalizers"}])
    subject.wait_gone(CONFIG_MAP, "record")


def test_an_orphaned_replica_set_keeps_its_pods(subject: Subject) -> None:
    """Nobody owns it, and its pods go on serving."""
    made = subject.roll_out(make_deployment(subject.namespace))
    before = {pod["metadata"]["uid"] for pod in subject.pods()}
    subject.port.delete(subject.ref(DEPLOYMENT), uid=made["metadata"]["uid"], propagation=Propagation.ORPHAN)
    subject.wait_gone(DEPLOYMENT)
    (left,) = subject.replica_sets().values()
    assert not left["metadata"].get("ownerReferences")
    assert {pod["metadata"]["uid"] for pod in subject.pods()} == before


def test_a_new_deployment_adopts_an_orphaned_replica_set(subject: Subject) -> None:
    """The same template: the very same pods stay, no second set is made."""
    made = subject.roll_out(make_deployment(subject.namespace))
    before = {pod["metadata"]["uid"] for pod in subject.pods()}
    subject.port.delete(subject.ref(DEPLOYMENT), uid=made["metadata"]["uid"], propagation=Propagation.ORPHAN)
    subject.wait_gone(DEPLOYMENT)
    new = subject.roll_out(make_deployment(subject.namespace))
    (adopted,) = subject.replica_sets().values()
    assert adopted["metadata"]["ownerReferences"][0]["uid"] == new["metadata"]["uid"]
    assert {pod["metadata"]["uid"] for pod in subject.pods()} == before


def test_an_adopted_replica_set_is_rolled_like_any_other(subject: Subject) -> None:
    """Another template and a narrower selector than the old one had: surge and unavailability are kept."""
    old = make_deployment(subject.namespace, revision=1)
    for labels in (old["spec"]["selector"]["matchLabels"], old["spec"]["template"]["metadata"]["labels"]):
        labels["endpoint-id"] = "random"
    made = subject.roll_out(old)
    subject.port.delete(subject.ref(DEPLOYMENT), uid=made["metadata"]["uid"], propagation=Propagation.ORPHAN)
    subject.wait_gone(DEPLOYMENT)
    new = make_deployment(subject.namespace, revision=2)
    subject.port.apply(new)
    least = 2

    def is_done() -> bool:
        nonlocal least
        least = min(least, sum(is_ready(pod) for pod in subject.pods()))
        live = subject.read(DEPLOYMENT)
        return is_rolled_out(dict(live)) and set(subject.replica_sets()) >= {"1", "2"}

    subject.until(is_done)
    assert least == 2
    sets = subject.replica_sets()
    assert {one["metadata"]["ownerReferences"][0]["name"] for one in sets.values()} == {"chat"}
    assert (sets["1"]["spec"]["replicas"], sets["2"]["spec"]["replicas"]) == (0, 2)


def test_a_deleted_pod_is_replaced_and_drains(subject: Subject) -> None:
    """It is there, being deleted, with its grace period, while the next one starts."""
    subject.roll_out(make_deployment(subject.namespace, replicas=1, drain="1s"))
    (pod,) = subject.pods()
    with Watcher(subject.port, POD, subject.namespace) as watcher:
        subject.port.delete(subject.ref(POD, pod["metadata"]["name"]), uid=pod["metadata"]["uid"])
        replacement = subject.wait_pod(lambda it: it["metadata"]["uid"] != pod["metadata"]["uid"])
        subject.wait_gone(POD, pod["metadata"]["name"], seconds=60)
        watcher.wait(lambda events: any(event.happening is Happening.GONE for event in events))
    assert replacement["metadata"]["ownerReferences"] == pod["metadata"]["ownerReferences"]
    ending = next(body for body in watcher.bodies() if body["metadata"].get("deletionTimestamp"))
    assert ending["metadata"]["uid"] == pod["metadata"]["uid"]
    assert ending["metadata"]["deletionGracePeriodSeconds"] == 30
    assert is_ready(ending)


def test_a_replica_set_whose_owner_is_gone_does_not_stay(subject: Subject) -> None:
    """The garbage collector looks at what was made, too."""
    reference = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "none",
        "uid": "11111111-1111-1111-1111-111111111111",
    }
    subject.port.create(config_map(subject.namespace, ownerReferences=[reference]))
    subject.wait_gone(CONFIG_MAP, "record")
    assert list(subject.port.list(REPLICA_SET, subject.namespace)) == []
