"""One workload takes another one's place: the old one goes as soon as the new one serves."""

from __future__ import annotations

from typing import Any

from generator.cluster.changes import Action, ChangeSet, ObjectChange
from generator.cluster.kinds import DEPLOYMENT, INFERENCE_SERVICE, SERVICE, ObjectRef
from generator.cluster.simulated import SimulatedCluster
from generator.reconciler.endpoint_result import EndpointResult
from generator.reconciler.fence import FencedCluster
from generator.rollout.status import Verdict
from tests.cluster.gitops import GitOps, keep, reconciling, term_of
from tests.reconciler.conftest import NAMESPACE


class LateIngress(FencedCluster):
    """A cluster whose InferenceServices are not Ready before the test says so, though their pods are."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        super().__init__(cluster, lambda: True)
        self.is_late = True

    def _hide(self, body: Any) -> Any:
        if self.is_late and body is not None and body.get("kind") == INFERENCE_SERVICE.name and "status" in body:
            others = [one for one in body["status"].get("conditions") or () if one["type"] != "Ready"]
            return {**body, "status": {**body["status"], "conditions": others}}
        return body

    def read(self, ref: Any) -> Any:
        """As the cluster does."""
        return self._hide(super().read(ref))

    def apply(self, body: Any, **options: Any) -> Any:
        """As the cluster does."""
        return self._hide(super().apply(body, **options))


def test_an_old_workload_goes_when_its_successor_says_that_it_serves(gitops: GitOps, cluster: SimulatedCluster) -> None:
    """KServe says so after its pods are ready; nothing else of the endpoint changes then."""
    shared = LateIngress(cluster)
    old, new = ObjectRef(DEPLOYMENT, NAMESPACE, "chat"), ObjectRef(INFERENCE_SERVICE, NAMESPACE, "chat")
    with reconciling(gitops, lambda _: shared, poll=0.1) as running:
        running.wait_applied(gitops.tip)
        gitops.add("chat", framework="kserve")
        running.wait(lambda: "kept until" in running.lines.getvalue(), "kept")
        running.wait(lambda: is_ready(cluster, new), "ready")
        running.wait(lambda: "chat" in term_of(running)._swapping and not len(term_of(running).queue), "a quiet moment")
        assert cluster.read(old) is not None
        shared.is_late = False
        live: Any = cluster.read(new)
        cluster.patch(new, [{"op": "add", "path": "/metadata/labels/seen", "value": live["metadata"]["uid"]}])
        running.wait(lambda: cluster.read(old) is None, "pruned")
        running.wait(lambda: (s := term_of(running).tracker.status("chat")) and s.verdict is Verdict.HEALTHY, "healthy")
    assert "DrainTimeout" not in running.lines.getvalue()


def is_ready(cluster: SimulatedCluster, ref: ObjectRef) -> bool:
    """Whether an InferenceService says so."""
    live: Any = cluster.read(ref) or {}
    conditions = (live.get("status") or {}).get("conditions") or ()
    return any((one["type"], one["status"]) == ("Ready", "True") for one in conditions)


def test_a_successor_that_serves_at_once_is_not_waited_for(gitops: GitOps, cluster: SimulatedCluster) -> None:
    """One without pods may serve while its own pass goes on, and nothing happens to it afterwards."""
    for name, framework in (("chat", "kserve"), ("search", "deployment")):
        gitops.add(name, framework=framework, replicas={"min": 0, "max": 0})
    with reconciling(gitops, keep(cluster), poll=0.1) as running:
        running.wait_applied(gitops.tip)
        for name, framework in (("chat", "deployment"), ("search", "kserve")):
            gitops.add(name, framework=framework, replicas={"min": 0, "max": 0})
        running.wait(lambda: cluster.read(ObjectRef(INFERENCE_SERVICE, NAMESPACE, "chat")) is None, "pruned")
        running.wait(lambda: cluster.read(ObjectRef(DEPLOYMENT, NAMESPACE, "search")) is None, "pruned")


def test_what_fails_while_workloads_swap_keeps_its_delay(gitops: GitOps, cluster: SimulatedCluster) -> None:
    """Else each event of its pods would be another attempt."""
    with reconciling(gitops, keep(cluster), poll=0.1) as running:
        running.wait_applied(gitops.tip)
        term, ref = term_of(running), ObjectRef(DEPLOYMENT, NAMESPACE, "chat")
        waits = ObjectChange(ref, Action.SKIPPED, "kept until InferenceService llm-test/chat serves")
        fails = ObjectChange(ObjectRef(SERVICE, NAMESPACE, "chat-svc"), Action.FAILED, "no")
        term._note_swap("chat", EndpointResult("chat", gitops.tip, 2, 2, ChangeSet((waits, fails))))
        assert "chat" not in term._swapping
        term._note_swap("chat", EndpointResult("chat", gitops.tip, 2, 2, ChangeSet((waits,))))
        running.wait(lambda: "chat" not in term._swapping, "another look, which finds nothing to wait for")
