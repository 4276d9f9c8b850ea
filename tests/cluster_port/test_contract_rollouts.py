"""Contract of the cluster port: what Deployments do with their pods, and say of themselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from generator.cluster.kinds import AUTOSCALER, DEPLOYMENT, POD, REPLICA_SET
from generator.cluster.port import Body, Happening
from generator.errors import ObjectInvalid, QuotaExceeded
from tests.cluster.objects import autoscaler
from tests.cluster_port.subject import Subject, Watcher
from tests.testbed.workloads import is_rolled_out, make_deployment

pytestmark = pytest.mark.sweep

REVISION = "revstamp.io/revision"


def condition(body: Body, name: str) -> dict[str, Any]:
    """One condition; empty where there is none."""
    found = [one for one in (body.get("status") or {}).get("conditions") or () if one["type"] == name]
    return dict(found[0]) if found else {}


def changed_at(body: Body, name: str) -> datetime:
    """Since when a condition is as it is."""
    return datetime.fromisoformat(condition(body, name)["lastTransitionTime"])


def says(name: str, status: str, reason: str) -> Callable[[Body], bool]:
    """Whether a condition has this status for this reason."""
    return lambda body: (condition(body, name).get("status"), condition(body, name).get("reason")) == (status, reason)


def is_ready(pod: Body) -> bool:
    """By its own condition."""
    return condition(pod, "Ready").get("status") == "True"


def revision(body: Body) -> str:
    """By its own annotation."""
    return str(body["metadata"]["annotations"][REVISION])


def limits(body: dict[str, Any], surge: Any, unavailable: Any) -> dict[str, Any]:
    """With these limits of a rolling update."""
    body["spec"]["strategy"] = {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable},
    }
    return body


class Pods:
    """Live pods as a watch has shown them, after each event."""

    def __init__(self, watcher: Watcher) -> None:
        self.states: list[list[Body]] = []
        live: dict[str, Body] = {}
        for event in watcher.events:
            if event.happening is Happening.PUT:
                live[event.body["metadata"]["uid"]] = event.body
            elif event.happening is Happening.GONE:
                live.pop(event.body["metadata"]["uid"], None)
            self.states.append(list(live.values()))

    def least_ready(self) -> int:
        """The fewest ready pods that were not ending, from the first time that there were enough."""
        counts = [sum(is_ready(pod) and not ends(pod) for pod in state) for state in self.states]
        return min(counts)

    def most(self) -> int:
        """The most pods that were not ending."""
        return max(sum(not ends(pod) for pod in state) for state in self.states)


def ends(pod: Body) -> bool:
    """Whether it is being deleted."""
    return bool(pod["metadata"].get("deletionTimestamp"))


@pytest.mark.parametrize(
    ("surge", "unavailable", "least", "most"),
    [(1, 0, 3, 4), (0, 1, 2, 3), (2, 0, 3, 5), ("50%", "0%", 3, 5), ("25%", "25%", 3, 4), (0, "100%", 0, 3)],
)
def test_a_rolling_update_keeps_its_limits(
    subject: Subject, surge: Any, unavailable: Any, least: int, most: int
) -> None:
    """Never fewer ready pods and never more pods than the strategy promises."""
    changes = {"replicas": 3, "fate": "slow-load", "after": "200ms", "drain": "100ms"}
    subject.roll_out(limits(make_deployment(subject.namespace, revision=1, **changes), surge, unavailable))
    with Watcher(subject.port, POD, subject.namespace) as watcher:
        subject.roll_out(limits(make_deployment(subject.namespace, revision=2, **changes), surge, unavailable))
        subject.until(lambda: len(subject.pods()) == 3)
    pods = Pods(watcher)
    after_listing = Pods(watcher)
    after_listing.states = pods.states[3:]
    assert after_listing.least_ready() >= least
    assert pods.most() <= most
    assert {revision(pod) for pod in subject.pods()} == {"2"}


def test_a_rollout_says_how_far_it_is(subject: Subject) -> None:
    """The same counts and reasons, in the same order."""
    # Long enough for real controllers to come to rest in between.
    changes = {"fate": "slow-load", "after": "300ms" if subject.port.is_simulated else "3s", "drain": "300ms"}
    subject.roll_out(make_deployment(subject.namespace, revision=1, **changes))
    with Watcher(subject.port, DEPLOYMENT, subject.namespace) as watcher:
        subject.roll_out(make_deployment(subject.namespace, revision=2, **changes))
    seen = [
        (
            tuple(body["status"].get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")),
            condition(body, "Progressing")["reason"],
        )
        for body in watcher.bodies()
        if body["status"]["observedGeneration"] == body["metadata"]["generation"]
    ]
    steps = [
        ((2, 2, 2), "NewReplicaSetAvailable"),
        ((2, 0, 2), "NewReplicaSetCreated"),
        ((3, 1, 2), "ReplicaSetUpdated"),
        ((3, 1, 3), "ReplicaSetUpdated"),
        ((3, 2, 2), "ReplicaSetUpdated"),
        ((3, 2, 3), "ReplicaSetUpdated"),
        ((2, 2, 2), "NewReplicaSetAvailable"),
    ]
    # A busy ReplicaSet controller has made the pod before the Deployment's first status is written.
    created = ((3, 1, 2), "NewReplicaSetCreated")
    hurried = [*steps[:1], created, *steps[3:]] if created in seen and not subject.port.is_simulated else steps
    left = iter(seen)
    assert all(step in left for step in hurried), seen
    # In between the old pod may be gone before the new one is there.
    assert set(seen) <= {*steps, *hurried, ((2, 1, 2), "ReplicaSetUpdated")}


def test_a_status_is_about_the_generation_that_it_names(subject: Subject) -> None:
    """Right after an apply it is still that of the one before."""
    subject.roll_out(make_deployment(subject.namespace, revision=1))
    applied = subject.port.apply(make_deployment(subject.namespace, revision=2))
    assert applied["metadata"]["generation"] == 2
    assert applied["status"]["observedGeneration"] == 1
    subject.wait(DEPLOYMENT, lambda it: it["status"]["observedGeneration"] == 2)


def test_replica_sets_carry_the_revision_and_a_hash(subject: Subject) -> None:
    """One per template; the old one is kept at zero."""
    subject.roll_out(make_deployment(subject.namespace, revision=1))
    live = subject.roll_out(make_deployment(subject.namespace, revision=2))
    sets = subject.replica_sets()
    assert {key: one["spec"]["replicas"] for key, one in sets.items()} == {"1": 0, "2": 2}
    numbers = {key: one["metadata"]["annotations"]["deployment.kubernetes.io/revision"] for key, one in sets.items()}
    assert numbers == {"1": "1", "2": "2"}
    assert live["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"
    new = sets["2"]
    digest = new["metadata"]["labels"]["pod-template-hash"]
    assert new["metadata"]["name"] == f"chat-{digest}"
    assert new["spec"]["selector"]["matchLabels"] == {"app": "chat", "pod-template-hash": digest}
    assert {pod["metadata"]["labels"]["pod-template-hash"] for pod in subject.pods() if not ends(pod)} == {digest}
    owner = new["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("Deployment", live["metadata"]["uid"], True)


def test_the_old_template_takes_its_replica_set_again(subject: Subject) -> None:
    """With the next number; its own is history."""
    subject.roll_out(make_deployment(subject.namespace, revision=1))
    subject.roll_out(make_deployment(subject.namespace, revision=2))
    subject.roll_out(make_deployment(subject.namespace, revision=1))
    annotations = subject.replica_sets()["1"]["metadata"]["annotations"]
    assert annotations["deployment.kubernetes.io/revision"] == "3"
    assert annotations["deployment.kubernetes.io/revision-history"] == "1"
    assert len(subject.replica_sets()) == 2


def test_old_replica_sets_go_when_the_history_is_full(subject: Subject) -> None:
    """As many stay as the limit says."""
    for number in (1, 2, 3, 4):
        body = make_deployment(subject.namespace, revision=number, replicas=1)
        body["spec"]["revisionHistoryLimit"] = 1
        subject.roll_out(body)
    subject.until(lambda: set(subject.replica_sets()) == {"3", "4"})


def test_recreate_ends_all_pods_before_the_first_new_one(subject: Subject) -> None:
    """To the end of their drain."""
    changes = {"drain": "500ms"}

    def recreate(number: int) -> dict[str, Any]:
        body = make_deployment(subject.namespace, revision=number, **changes)
        body["spec"]["strategy"] = {"type": "Recreate"}
        return body

    subject.roll_out(recreate(1))
    with Watcher(subject.port, POD, subject.namespace) as watcher:
        subject.port.apply(recreate(2))
        subject.wait(DEPLOYMENT, lambda it: is_rolled_out(it) and "2" in subject.replica_sets())
    for state in Pods(watcher).states:
        assert len({revision(pod) for pod in state}) <= 1


def test_a_default_of_one_strategy_forbids_the_other(subject: Subject) -> None:
    """`rollingUpdate` that the server filled in stays when only the type is changed."""
    body = make_deployment(subject.namespace)
    del body["spec"]["strategy"]
    subject.port.apply(body)
    body["spec"]["strategy"] = {"type": "Recreate"}
    with pytest.raises(ObjectInvalid) as refused:
        subject.port.apply(body)
    assert "spec.strategy.rollingUpdate" in refused.value.message


def test_scaling_replaces_no_pod(subject: Subject) -> None:
    """Up and down."""
    subject.roll_out(make_deployment(subject.namespace, replicas=1))
    (before,) = subject.pods()
    subject.roll_out(make_deployment(subject.namespace, replicas=3))
    assert before["metadata"]["uid"] in {pod["metadata"]["uid"] for pod in subject.pods()}
    subject.roll_out(make_deployment(subject.namespace, replicas=1))
    subject.until(lambda: len(subject.pods()) == 1)
    assert len(subject.replica_sets()) == 1


def test_scaling_in_the_middle_of_a_rollout_keeps_both_templates(subject: Subject) -> None:
    """Each gets its share."""
    subject.roll_out(make_deployment(subject.namespace, revision=1, replicas=4))
    stuck = {"revision": 2, "fate": "never-ready"}
    subject.port.apply(make_deployment(subject.namespace, replicas=4, **stuck))
    subject.wait(DEPLOYMENT, lambda it: it["status"].get("updatedReplicas") == 1)
    subject.port.apply(make_deployment(subject.namespace, replicas=8, **stuck))
    subject.wait(DEPLOYMENT, lambda it: it["status"].get("replicas") == 9)
    counts = {key: one["spec"]["replicas"] for key, one in subject.replica_sets().items()}
    assert sum(counts.values()) == 9
    assert counts["1"] >= 7


def test_a_deployment_at_zero_has_no_pods(subject: Subject) -> None:
    """And is complete."""
    subject.roll_out(make_deployment(subject.namespace, replicas=2))
    live = subject.roll_out(make_deployment(subject.namespace, replicas=0))
    subject.until(lambda: not subject.pods())
    assert says("Available", "True", "MinimumReplicasAvailable")(live)
    assert says("Progressing", "True", "NewReplicaSetAvailable")(live)


def test_a_failed_revision_leaves_the_old_pods_serving(subject: Subject) -> None:
    """And can be replaced by the next one, while it fails."""
    subject.roll_out(make_deployment(subject.namespace, revision=1))
    subject.port.apply(make_deployment(subject.namespace, revision=2, fate="image-pull"))
    stuck = subject.wait(DEPLOYMENT, lambda it: it["status"].get("updatedReplicas") == 1)
    assert stuck["status"]["availableReplicas"] == 2
    assert stuck["status"]["unavailableReplicas"] == 1
    assert says("Available", "True", "MinimumReplicasAvailable")(stuck)
    subject.roll_out(make_deployment(subject.namespace, revision=3))
    assert {revision(pod) for pod in subject.pods() if not ends(pod)} == {"3"}


def test_the_failed_pods_of_an_old_revision_go_first(subject: Subject) -> None:
    """They count for nothing."""
    subject.port.apply(make_deployment(subject.namespace, revision=1, fate="never-ready"))
    subject.wait(DEPLOYMENT, lambda it: it["status"].get("updatedReplicas") == 2)
    subject.roll_out(make_deployment(subject.namespace, revision=2))
    assert {revision(pod) for pod in subject.pods() if not ends(pod)} == {"2"}


def test_a_deadline_that_passes_is_said(subject: Subject) -> None:
    """While the old pods go on; nothing is undone."""
    subject.roll_out(make_deployment(subject.namespace, revision=1))
    body = make_deployment(subject.namespace, revision=2, fate="never-ready")
    body["spec"]["progressDeadlineSeconds"] = 2
    subject.port.apply(body)
    late = subject.wait(DEPLOYMENT, says("Progressing", "False", "ProgressDeadlineExceeded"))
    assert "has timed out progressing" in condition(late, "Progressing")["message"]
    assert late["status"]["availableReplicas"] == 2


def test_a_ready_pod_counts_after_its_least_time(subject: Subject) -> None:
    """`minReadySeconds`."""
    body = make_deployment(subject.namespace, replicas=1)
    body["spec"]["minReadySeconds"] = 2
    live = subject.roll_out(body)
    (pod,) = subject.pods()
    assert (changed_at(live, "Available") - changed_at(pod, "Ready")).total_seconds() >= 2


def test_a_paused_deployment_rolls_nothing(subject: Subject) -> None:
    """Until it is no longer paused."""
    subject.roll_out(make_deployment(subject.namespace, revision=1))
    body = make_deployment(subject.namespace, revision=2)
    body["spec"]["paused"] = True
    applied = subject.port.apply(body)
    subject.wait(DEPLOYMENT, lambda it: it["status"]["observedGeneration"] == applied["metadata"]["generation"])
    assert {revision(pod) for pod in subject.pods()} == {"1"}
    body["spec"]["paused"] = False
    subject.roll_out(body)
    assert {revision(pod) for pod in subject.pods() if not ends(pod)} == {"2"}


def test_a_pod_that_no_node_has_gpus_for_is_unschedulable(subject: Subject) -> None:
    """In the scheduler's words, in the pod and as an event."""
    subject.port.apply(make_deployment(subject.namespace, replicas=1, gpus=9))
    pod = subject.wait_pod(says("PodScheduled", "False", "Unschedulable"))
    message = condition(pod, "PodScheduled")["message"]
    assert message.startswith("0/16 nodes are available: ")
    assert "16 Insufficient nvidia.com/gpu" in message
    assert pod["status"]["phase"] == "Pending"
    assert not pod["status"].get("containerStatuses")
    subject.until(lambda: ("Warning", "FailedScheduling") in subject.events(pod["metadata"]["uid"]))


def test_a_pod_goes_where_its_affinity_says(subject: Subject) -> None:
    """By the memory of the GPUs, as revstamp asks for it; else it says what did not match."""

    def wanting(memory: str, gpus: int, name: str) -> dict[str, Any]:
        body = make_deployment(subject.namespace, name=name, replicas=1, gpus=gpus)
        requirement = {"key": "nvidia.com/gpu.memory", "operator": "Gt", "values": [memory]}
        terms = {"nodeSelectorTerms": [{"matchExpressions": [requirement]}]}
        body["spec"]["template"]["spec"]["affinity"] = {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}
        }
        return body

    subject.roll_out(wanting("74000", 1, "big"))
    (pod,) = subject.pods("big")
    assert pod["spec"]["nodeName"].startswith("h100-80-")
    subject.port.apply(wanting("30000", 9, "none"))
    refused = subject.wait_pod(says("PodScheduled", "False", "Unschedulable"), "none")
    message = condition(refused, "PodScheduled")["message"]
    assert "8 Insufficient nvidia.com/gpu, 8 node(s) didn't match Pod's node affinity/selector." in message


def test_a_quota_refuses_pods_and_says_so(subject: Subject) -> None:
    """No pod exists; ReplicaSet and Deployment say why, and go on when there is room."""
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "gpus", "namespace": subject.namespace},
        "spec": {"hard": {"requests.nvidia.com/gpu": "0"}},
    }
    made = subject.port.apply(quota)
    subject.until(lambda: (_read(subject, made) or {}).get("status", {"hard": 1}).get("hard"))
    subject.port.apply(make_deployment(subject.namespace, replicas=1, gpus=1))
    failed = subject.wait(DEPLOYMENT, says("ReplicaFailure", "True", "FailedCreate"))
    message = condition(failed, "ReplicaFailure")["message"]
    assert "exceeded quota: gpus, requested: requests.nvidia.com/gpu=1" in message
    assert "used: requests.nvidia.com/gpu=0, limited: requests.nvidia.com/gpu=0" in message
    assert subject.pods() == []
    (owner,) = subject.port.list(REPLICA_SET, subject.namespace)
    subject.until(lambda: ("Warning", "FailedCreate") in subject.events(owner["metadata"]["uid"]))
    assert owner["status"]["replicas"] == 0
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "alone", "namespace": subject.namespace},
        "spec": make_deployment(subject.namespace, gpus=1)["spec"]["template"]["spec"],
    }
    with pytest.raises(QuotaExceeded):
        subject.port.apply(pod)
    subject.port.delete(_ref(made), uid=made["metadata"]["uid"])
    live = subject.wait(DEPLOYMENT, is_rolled_out)
    assert condition(live, "ReplicaFailure") == {}


def _ref(body: Body) -> Any:
    from generator.cluster.kinds import ref_of

    return ref_of(body)


def _read(subject: Subject, body: Body) -> Body | None:
    return subject.port.read(_ref(body))


@pytest.mark.parametrize("owned", [True, False])
def test_an_autoscaler_holds_its_least(subject: Subject, owned: bool) -> None:
    """Without metrics it does no more. It owns the field only where somebody did before."""
    body = make_deployment(subject.namespace, replicas=1)
    if not owned:
        del body["spec"]["replicas"]
    subject.port.apply(body)
    subject.port.apply(autoscaler(subject.namespace, 2, 3))
    live = subject.wait(DEPLOYMENT, lambda it: it["spec"]["replicas"] == 2 and is_rolled_out(it), seconds=60)
    holders = [
        (entry["manager"], entry["operation"], entry.get("subresource"))
        for entry in live["metadata"]["managedFields"]
        if "f:replicas" in entry["fieldsV1"].get("f:spec", {})
    ]
    assert holders == ([("kube-controller-manager", "Update", "scale")] if owned else [])
    subject.wait(AUTOSCALER, lambda it: it.get("status", {}).get("desiredReplicas") == 2, "chat-hpa", seconds=60)


def test_an_autoscaler_lets_nobody_past_its_most(subject: Subject) -> None:
    """Nor does it wake what was scaled to zero."""
    subject.port.apply(make_deployment(subject.namespace, replicas=4))
    subject.port.apply(make_deployment(subject.namespace, "none", replicas=0))
    subject.port.apply(autoscaler(subject.namespace, 2, 3))
    second = autoscaler(subject.namespace, 2, 3)
    second["metadata"]["name"], second["spec"]["scaleTargetRef"]["name"] = "none-hpa", "none"
    subject.port.apply(second)
    subject.wait(DEPLOYMENT, lambda it: it["spec"]["replicas"] == 3 and is_rolled_out(it), seconds=60)
    disabled = subject.wait(AUTOSCALER, says("ScalingActive", "False", "ScalingDisabled"), "none-hpa", seconds=60)
    assert disabled["status"].get("desiredReplicas", 0) == 0
    assert subject.read(DEPLOYMENT, "none")["spec"]["replicas"] == 0
