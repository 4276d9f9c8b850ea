"""What else is worth knowing about a rollout, in one sentence.

Owns: the note of a status. Refuses: causes of failures (`causes`) and the line for people (`words`).
"""

from __future__ import annotations

from collections.abc import Iterator

from generator.render.pods import value_at
from generator.rollout.live import one_line, read_conditions
from generator.rollout.phases import Place
from generator.rollout.status import Expectation, Phase
from generator.rollout.workload import Pods, Workload, read_replicas


def write_note(expectation: Expectation, workload: Workload, place: Place, pods: Pods) -> str:
    """Notes that hold now, joined; empty where there is nothing to add."""
    return "; ".join(_list_notes(expectation, workload, place, pods))


def _list_notes(expectation: Expectation, workload: Workload, place: Place, pods: Pods) -> Iterator[str]:
    if not expectation.kind:
        yield "nothing is deployed"
        return
    if place.phase is Phase.NOT_APPLIED:
        yield workload.absence
        return
    if place.phase is Phase.WAITING_FOR_CAPACITY:
        yield _say_capacity(expectation, pods)
    if value_at(workload.deployment, "spec", "paused") is True:
        yield "the Deployment is paused"
    asked = read_replicas(workload.deployment)
    if workload.deployment is not None and asked < expectation.replicas:
        yield f"the Deployment asks for {asked} of {expectation.replicas} pods"
    if workload.traffic < 100:
        yield f"canary: {workload.traffic} % of the requests"
    if place.phase is Phase.LIVE and pods.terminating:
        yield f"{len(pods.terminating)} pods are ending"
    progressing = read_conditions(workload.deployment).get("Progressing")
    if progressing is not None and progressing.reason == "ProgressDeadlineExceeded" and place.phase is not Phase.LIVE:
        yield "Kubernetes' own progress deadline has passed, the budgets of the endpoint count"


def _say_capacity(expectation: Expectation, pods: Pods) -> str:
    """How many GPUs one pod needs, and the scheduler's words."""
    waiting = [pod for pod in pods.active if pod.scheduled.status == "False"]
    said = one_line(waiting[0].scheduled.message or waiting[0].scheduled.reason) if waiting else ""
    count = f"{len(waiting)} pods wait, each needs" if len(waiting) > 1 else "needs"
    gpus = f"{count} {expectation.gpus} GPU{'s' if expectation.gpus != 1 else ''}" if expectation.gpus else ""
    return ": ".join(part for part in (gpus, said) if part) or "waits for capacity"
