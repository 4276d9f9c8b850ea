"""Objects are applied in place, and what others did is told apart."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from generator.cluster.apply_objects import apply_object, apply_objects, collect_changes
from generator.cluster.changes import Action, ObjectChange
from generator.cluster.drift import DriftKind
from generator.cluster.endpoint_pass import EndpointPass, run_pass
from generator.cluster.kinds import AUTOSCALER, DEPLOYMENT, ObjectRef, ref_of
from generator.cluster.policy import ApplyPolicy
from generator.cluster.port import Cluster as Port
from generator.errors import ApplyConflict, ImmutableField, NotOurs
from tests.cluster.objects import autoscaler, deployment, ingress, service
from tests.testbed.fixtures.cluster import Cluster
from tests.testbed.workloads import is_rolled_out

pytestmark = pytest.mark.cluster

REPORT, HEAL = ApplyPolicy(), ApplyPolicy(heal=True)


def actions(changes: object) -> list[str]:
    """What became of each object."""
    return [f"{change.ref.kind} {change.action}" for change in changes]  # type: ignore[attr-defined]


def replicas(port: Port, namespace: str) -> int:
    """The number that the Deployment asks for."""
    live = port.read(ObjectRef(DEPLOYMENT, namespace, "chat"))
    assert live is not None
    return int(live["spec"]["replicas"])


def least_seen(port: Port, namespace: str, act: Callable[[], object], seconds: float = 3.0) -> set[int]:
    """Every number of replicas that a watch has seen from before `act` until some seconds after it."""
    from threading import Event, Thread

    stop, seen, listed = Event(), [], Event()

    def follow() -> None:
        for event in port.watch(DEPLOYMENT, namespace, stop):
            if event.body:
                seen.append(int(event.body["spec"]["replicas"]))
            listed.set()

    thread = Thread(target=follow, daemon=True)
    thread.start()
    assert listed.wait(10)
    act()
    time.sleep(seconds)
    stop.set()
    thread.join(10)
    return set(seen)


def test_objects_are_created_in_order_and_then_unchanged(port: Port, namespace: str) -> None:
    """Service before workload before what refers to them; the second time nothing is written."""
    wanted = [ingress(namespace), autoscaler(namespace), deployment(namespace, replicas=None), service(namespace)]
    first = collect_changes(apply_objects(port, wanted, REPORT))
    assert actions(first) == [
        "Service created",
        "Deployment created",
        "HorizontalPodAutoscaler created",
        "Ingress created",
    ]
    again = collect_changes(apply_objects(port, wanted, REPORT))
    assert {change.action for change in again} == {Action.UNCHANGED}


def test_a_failed_object_stops_no_other(port: Port, namespace: str) -> None:
    """The Deployment is refused, the rest is applied, and the reason is the API server's."""
    broken = deployment(namespace)
    broken["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    changes = collect_changes(apply_objects(port, [broken, service(namespace), ingress(namespace)], REPORT))
    assert actions(changes) == ["Service created", "Deployment failed", "Ingress created"]
    assert "selector" in changes.failed[0].reason


def test_an_immutable_selector_is_named(port: Port, namespace: str) -> None:
    """The error says which field, and what to do."""
    apply_object(port, deployment(namespace), REPORT)
    moved = deployment(namespace, revision=2)
    moved["spec"]["selector"]["matchLabels"] = {"app": "chat", "more": "yes"}
    moved["spec"]["template"]["metadata"]["labels"]["more"] = "yes"
    change = apply_object(port, moved, REPORT).change
    assert isinstance(change.error, ImmutableField)
    assert "spec.selector" in change.reason


def test_what_others_made_is_left_alone(port: Port, testbed: Cluster, namespace: str) -> None:
    """An object of that name that revstamp has not applied is refused by name of its maker."""
    testbed.kubectl("create", "deployment", "chat", "--image=registry.internal/other:1", "-n", namespace)
    change = apply_object(port, deployment(namespace), REPORT).change
    assert isinstance(change.error, NotOurs)
    assert "kubectl-create" in change.reason


def test_handing_replicas_to_an_autoscaler_never_resets_them(port: Port, namespace: str) -> None:
    """From a fixed four to an autoscaler: no moment with another number."""
    apply_objects(port, [deployment(namespace, replicas=4)], REPORT)
    wanted = [deployment(namespace, revision=1, replicas=None), autoscaler(namespace, 2, 6)]
    seen = least_seen(port, namespace, lambda: apply_objects(port, wanted, REPORT))
    assert seen == {4}


def test_without_the_handover_the_server_would_reset_them(port: Port, namespace: str) -> None:
    """The fact that the handover exists for."""
    port.apply(deployment(namespace, replicas=4))
    port.apply(deployment(namespace, replicas=None))
    assert replicas(port, namespace) == 1


def test_an_endpoint_started_again_gets_its_least_replicas(port: Port, namespace: str) -> None:
    """An autoscaler does nothing for a workload at zero."""
    apply_objects(port, [deployment(namespace, replicas=0)], REPORT)
    apply_objects(port, [deployment(namespace, replicas=None), autoscaler(namespace, 3, 6)], REPORT)
    assert replicas(port, namespace) == 3


def test_a_new_workload_starts_with_what_its_autoscaler_keeps(port: Port, namespace: str) -> None:
    """Not with one replica and the rest a quarter of a minute later."""
    apply_objects(port, [deployment(namespace, replicas=None), autoscaler(namespace, 3, 6)], REPORT)
    assert replicas(port, namespace) == 3


def test_fixed_replicas_take_over_from_an_autoscaler_that_goes(port: Port, testbed: Cluster, namespace: str) -> None:
    """The autoscaler is pruned first, then its number gives way to git's."""
    apply_objects(port, [deployment(namespace, replicas=None), autoscaler(namespace, 4, 6)], REPORT)
    testbed.api.wait(f"/apis/apps/v1/namespaces/{namespace}/deployments/chat", lambda it: it["spec"]["replicas"] == 4)
    fixed = deployment(namespace, revision=1, replicas=2)
    doomed = (ObjectRef(AUTOSCALER, namespace, "chat-hpa"),)
    result = run_pass(port, EndpointPass("chat", [fixed], doomed, REPORT))
    assert actions(result.changes) == ["Deployment configured", "HorizontalPodAutoscaler pruned"]
    assert replicas(port, namespace) == 2


def test_a_working_autoscaler_of_others_keeps_its_replicas(port: Port, testbed: Cluster, namespace: str) -> None:
    """Not even force takes them: two would fight."""
    apply_objects(port, [deployment(namespace, replicas=2)], REPORT)
    other = autoscaler(namespace, 4, 6)
    other["metadata"] = {"name": "theirs", "namespace": namespace}
    testbed.api.create(other)
    testbed.api.wait(f"/apis/apps/v1/namespaces/{namespace}/deployments/chat", lambda it: it["spec"]["replicas"] == 4)
    change = apply_object(
        port, deployment(namespace, revision=2, replicas=2), ApplyPolicy(heal=True, force=True)
    ).change
    assert change.action is Action.CONFIGURED
    assert "spec.replicas is left to" in change.reason
    assert replicas(port, namespace) == 4


def scaled(port: Port, testbed: Cluster, namespace: str) -> ObjectRef:
    """A Deployment that somebody has scaled."""
    apply_objects(port, [deployment(namespace, replicas=2)], REPORT)
    testbed.kubectl("scale", "deployment/chat", "--replicas=5", "-n", namespace)
    return ObjectRef(DEPLOYMENT, namespace, "chat")


def test_a_persons_scale_is_reported_and_left(port: Port, testbed: Cluster, namespace: str) -> None:
    """By the policy `report`, with who and what."""
    scaled(port, testbed, namespace)
    change = apply_object(port, deployment(namespace, replicas=2), REPORT).change
    (drift,) = change.drift
    assert (change.action, drift.kind, drift.manager) == (Action.SKIPPED, DriftKind.SCALED, "kubectl")
    assert (drift.live, drift.wanted) == ("5", "2")
    assert replicas(port, namespace) == 5


def test_a_persons_scale_does_not_keep_the_next_revision_away(port: Port, testbed: Cluster, namespace: str) -> None:
    """The new template goes in, their number stays."""
    scaled(port, testbed, namespace)
    change = apply_object(port, deployment(namespace, revision=2, replicas=2), REPORT).change
    assert change.action is Action.CONFIGURED
    assert "left to kubectl" in change.reason
    assert replicas(port, namespace) == 5


def test_a_persons_scale_is_undone_where_the_environment_heals(port: Port, testbed: Cluster, namespace: str) -> None:
    """And it is said."""
    scaled(port, testbed, namespace)
    change = apply_object(port, deployment(namespace, replicas=2), HEAL).change
    assert change.action is Action.CONFIGURED
    assert "undone: scaled by kubectl" in change.reason
    assert replicas(port, namespace) == 2


def edited(port: Port, testbed: Cluster, namespace: str) -> None:
    """Somebody changes the image, and adds a variable that git does not have."""
    apply_objects(port, [deployment(namespace)], REPORT)
    patch = (
        '{"spec":{"template":{"spec":{"containers":[{"name":"server","image":"registry.internal/mine:1",'
        '"env":[{"name":"DEBUG","value":"1"}]}]}}}}'
    )
    testbed.kubectl("patch", "deployment/chat", "-n", namespace, "--field-manager=kubectl-edit", "-p", patch)


def test_a_persons_edit_is_reported_and_left(port: Port, testbed: Cluster, namespace: str) -> None:
    """Image and variable are both named."""
    edited(port, testbed, namespace)
    change = apply_object(port, deployment(namespace), REPORT).change
    (drift,) = change.drift
    assert (change.action, drift.kind, drift.manager) == (Action.SKIPPED, DriftKind.EDITED, "kubectl-edit")
    assert any("image" in field for field in drift.fields)
    assert any("DEBUG" in field for field in drift.fields)


def test_a_persons_edit_conflicts_with_the_next_revision(port: Port, testbed: Cluster, namespace: str) -> None:
    """What runs would not be what git says, so it is an error that names manager and field."""
    edited(port, testbed, namespace)
    newer = deployment(namespace, revision=2, image="registry.internal/serve/vllm:2")
    change = apply_object(port, newer, REPORT).change
    assert isinstance(change.error, ApplyConflict)
    (conflict,) = change.error.details["conflicts"]
    assert conflict["manager"] == "kubectl-edit"
    assert conflict["field"].endswith(".image")


def test_a_persons_edit_is_undone_where_the_environment_heals(port: Port, testbed: Cluster, namespace: str) -> None:
    """The image comes back, and the variable that git does not have goes."""
    edited(port, testbed, namespace)
    change = apply_object(port, deployment(namespace), HEAL).change
    assert change.action is Action.CONFIGURED
    live = port.read(change.ref)
    assert live is not None
    (container,) = live["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.internal/serve/vllm:1"
    assert "env" not in container
    assert apply_object(port, deployment(namespace), HEAL).change.action is Action.UNCHANGED


@pytest.mark.parametrize("policy", [REPORT, HEAL])
def test_a_persons_restart_is_reported_and_left(
    port: Port, testbed: Cluster, namespace: str, policy: ApplyPolicy
) -> None:
    """Undoing it would restart the pods once more."""
    apply_objects(port, [deployment(namespace)], REPORT)
    testbed.kubectl("rollout", "restart", "deployment/chat", "-n", namespace)
    change = apply_object(port, deployment(namespace), policy).change
    assert change.action is Action.UNCHANGED
    assert [drift.kind for drift in change.drift] == [DriftKind.RESTARTED]


def test_a_restart_does_not_keep_the_next_revision_away(port: Port, testbed: Cluster, namespace: str) -> None:
    """The new revision rolls as ever."""
    apply_objects(port, [deployment(namespace)], REPORT)
    testbed.kubectl("rollout", "restart", "deployment/chat", "-n", namespace)
    assert apply_object(port, deployment(namespace, revision=2), REPORT).change.action is Action.CONFIGURED
    testbed.api.wait(f"/apis/apps/v1/namespaces/{namespace}/deployments/chat", is_rolled_out)


def test_a_dry_run_changes_nothing(port: Port, namespace: str) -> None:
    """Neither where there is nothing yet, nor where there is something."""
    assert apply_object(port, deployment(namespace), ApplyPolicy(dry_run=True)).change.action is Action.CREATED
    assert port.read(ref_of(deployment(namespace))) is None
    apply_object(port, deployment(namespace, replicas=4), REPORT)
    changes: list[ObjectChange] = [
        apply_object(port, deployment(namespace, revision=2, replicas=2), ApplyPolicy(dry_run=True)).change
    ]
    assert actions(changes) == ["Deployment configured"]
    assert replicas(port, namespace) == 4
