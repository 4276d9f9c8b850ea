"""What is built on the port behaves alike on both clusters: applying, handing over, healing, pruning, adopting."""

from __future__ import annotations

from typing import Any

import pytest

from generator.cluster.adopt import adopt
from generator.cluster.adoption_plan import plan_adoption
from generator.cluster.apply_objects import apply_objects
from generator.cluster.changes import Action
from generator.cluster.kinds import DEPLOYMENT, POD, SERVICE
from generator.cluster.policy import ApplyPolicy
from tests.cluster.objects import autoscaler, deployment, service
from tests.cluster.test_adopt import make_legacy, wanted
from tests.cluster_port.subject import Subject, Watcher
from tests.cluster_port.test_contract_rollouts import ends, is_ready
from tests.testbed.workloads import is_rolled_out

pytestmark = pytest.mark.sweep


def actions(subject: Subject, manifests: list[dict[str, Any]], policy: ApplyPolicy) -> dict[str, Action]:
    """What became of each object, by its kind."""
    return {one.change.ref.kind.name: one.change.action for one in apply_objects(subject.port, manifests, policy)}


def test_a_second_pass_finds_everything_unchanged(subject: Subject) -> None:
    """Also after the controllers have written."""
    manifests = [
        deployment(subject.namespace, replicas=None),
        service(subject.namespace),
        autoscaler(subject.namespace),
    ]
    assert set(actions(subject, manifests, ApplyPolicy()).values()) == {Action.CREATED}
    subject.wait(DEPLOYMENT, lambda it: it["spec"]["replicas"] == 2 and is_rolled_out(it))
    assert set(actions(subject, manifests, ApplyPolicy()).values()) == {Action.UNCHANGED}


def test_replicas_are_handed_over_without_a_dip(subject: Subject) -> None:
    """From git to an autoscaler: never back to one."""
    apply_objects(subject.port, [deployment(subject.namespace, replicas=3)], ApplyPolicy())
    subject.wait(DEPLOYMENT, is_rolled_out)
    with Watcher(subject.port, DEPLOYMENT, subject.namespace) as watcher:
        manifests = [deployment(subject.namespace, replicas=None), autoscaler(subject.namespace, 2, 5)]
        actions(subject, manifests, ApplyPolicy())
        assert subject.read(DEPLOYMENT)["spec"]["replicas"] == 3
    assert {body["spec"]["replicas"] for body in watcher.bodies()} == {3}


def test_a_scale_by_hand_is_left_or_healed(subject: Subject) -> None:
    """As the policy says, and it is said who did it."""
    manifests = [deployment(subject.namespace, replicas=2)]
    apply_objects(subject.port, manifests, ApplyPolicy())
    scale = [{"op": "replace", "path": "/spec/replicas", "value": 4}]
    subject.port.patch(subject.ref(DEPLOYMENT), scale, manager="kubectl")
    (left,) = apply_objects(subject.port, manifests, ApplyPolicy())
    assert left.change.action is Action.SKIPPED
    assert "kubectl" in left.change.reason
    assert subject.read(DEPLOYMENT)["spec"]["replicas"] == 4
    (healed,) = apply_objects(subject.port, manifests, ApplyPolicy(heal=True))
    assert healed.change.action is Action.CONFIGURED
    assert subject.read(DEPLOYMENT)["spec"]["replicas"] == 2


def test_a_legacy_endpoint_is_adopted_without_losing_a_ready_pod(subject: Subject) -> None:
    """The random selector goes; at no moment are there fewer ready pods, nor a second set of them."""
    for body in make_legacy(subject.namespace, 3):
        subject.port.create(body, manager="platform")
    subject.wait(DEPLOYMENT, lambda it: is_rolled_out(it) and it["status"].get("availableReplicas") == 3)
    manifests = wanted(subject.namespace)
    with Watcher(subject.port, POD, subject.namespace) as watcher:
        done = adopt(subject.port, manifests, plan_adoption(subject.port, manifests), rollout_seconds=60)
        subject.wait(DEPLOYMENT, is_rolled_out)
    assert Action.FAILED not in {change.action for change in done}
    assert min(sum(is_ready(pod) and not ends(pod) for pod in pods) for pods in watcher.moments()) >= 3
    assert max(sum(not ends(pod) for pod in pods) for pods in watcher.moments()) <= 4
    assert plan_adoption(subject.port, manifests).is_done
    assert subject.read(SERVICE, "chat-svc")["spec"]["selector"] == {"app": "chat"}
    assert set(actions(subject, manifests, ApplyPolicy()).values()) == {Action.UNCHANGED}
