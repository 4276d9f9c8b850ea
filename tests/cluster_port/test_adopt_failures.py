"""An adoption that cannot be carried out leaves what serves, and ends where it fails."""

from __future__ import annotations

from typing import Any

import pytest

from generator.cluster.adopt import adopt
from generator.cluster.adoption_plan import Step, plan_adoption
from generator.cluster.changes import Action, ObjectChange
from generator.cluster.drift import is_ours
from generator.cluster.kinds import DEPLOYMENT, POD, REPLICA_SET, SERVICE
from generator.cluster.simulated import PlannedFault, SimulatedCluster
from generator.errors import AdmissionRefused, ClusterUnreachable
from tests.cluster.test_adopt import make_legacy, wanted
from tests.cluster_port.subject import Subject

SPACE = "llm-ops-dev"


def start_legacy(subject: Subject) -> None:
    """The platform's objects, their pods ready."""
    for body in make_legacy(subject.namespace, 3):
        subject.port.create(body, manager="platform")
    subject.wait(DEPLOYMENT, lambda it: it.get("status", {}).get("availableReplicas") == 3)


def run_adoption(subject: Subject, manifests: list[dict[str, Any]]) -> tuple[ObjectChange, ...]:
    """Plan it and carry it out; a wait for a rollout would fail at once."""
    plan = plan_adoption(subject.port, manifests)
    assert Step.REPLACE in [step.step for step in plan.steps]
    return adopt(subject.port, manifests, plan, rollout_seconds=0)


def test_a_deployment_that_would_be_refused_leaves_everything_untouched(subject: Subject) -> None:
    """Its template's labels do not fit its selector: the server says so before the old one is deleted."""
    start_legacy(subject)
    manifests = wanted(subject.namespace)
    manifests[0]["spec"]["template"]["metadata"]["labels"].pop("app")
    before = subject.read(DEPLOYMENT)["metadata"]["uid"]
    (only,) = run_adoption(subject, manifests)
    assert only.action is Action.FAILED
    assert "would not be admitted" in only.reason
    assert subject.read(DEPLOYMENT)["metadata"]["uid"] == before
    assert not is_ours(subject.read(SERVICE, "chat-svc"))
    names = [body["metadata"]["name"] for body in subject.port.list(DEPLOYMENT, subject.namespace)]
    assert names == ["chat"]


@pytest.fixture
def simulated() -> Subject:
    """A cluster whose requests can be made to fail."""
    subject = Subject(SimulatedCluster(strict_namespaces=False), SPACE)
    start_legacy(subject)
    return subject


def plan_fault(subject: Subject, error: Any, **where: Any) -> None:
    """Have requests fail."""
    assert isinstance(subject.port, SimulatedCluster)
    subject.port.faults.plan(PlannedFault(error, times=None, **where))


def test_an_admission_policy_is_heard_before_the_deletion(simulated: Subject) -> None:
    """The check is made under a name of its own."""
    plan_fault(simulated, AdmissionRefused("no image of this registry"), verb="apply", name="chat-adopt-check")
    (only,) = run_adoption(simulated, wanted(SPACE))
    assert isinstance(only.error, AdmissionRefused)
    assert not is_ours(simulated.read(DEPLOYMENT))


def test_it_ends_with_the_first_step_that_fails(simulated: Subject) -> None:
    """The new Deployment cannot be made: its pods are kept, nothing comes after, and nobody waits for a rollout."""
    plan_fault(simulated, ClusterUnreachable("the network is cut"), verb="apply", kind="Deployment", name="chat")
    done = run_adoption(simulated, wanted(SPACE))
    assert [(change.ref.kind.name, change.action) for change in done] == [
        ("Service", Action.CONFIGURED),
        ("Deployment", Action.FAILED),
    ]
    assert simulated.port.read(simulated.ref(DEPLOYMENT)) is None
    assert len(list(simulated.port.list(POD, SPACE))) == 3
    assert [one["spec"]["replicas"] for one in simulated.port.list(REPLICA_SET, SPACE)] == [3]


def test_after_a_failure_the_same_command_goes_on(simulated: Subject) -> None:
    """The plan is made anew from what is there."""
    plan_fault(simulated, ClusterUnreachable("the network is cut"), verb="apply", kind="Deployment", name="chat")
    run_adoption(simulated, wanted(SPACE))
    assert isinstance(simulated.port, SimulatedCluster)
    simulated.port.faults.forget()
    done = adopt(simulated.port, wanted(SPACE), plan_adoption(simulated.port, wanted(SPACE)), rollout_seconds=60)
    assert Action.FAILED not in {change.action for change in done}
    assert plan_adoption(simulated.port, wanted(SPACE)).is_done
