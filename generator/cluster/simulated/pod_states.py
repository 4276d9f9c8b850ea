"""The status of a pod, as a kubelet writes it.

Owns: conditions and container statuses from few words. Refuses: when each applies (`kubelet`).

The first container has the fate; the others are the ones beside it and run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from generator.cluster.port import Body
from generator.cluster.simulated.bodies import find_condition

State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Look:
    """What a pod is to show. `restarts` and `init_restarts` are added to the counts; `last` stands as `lastState`.

    Without a `sandbox` its volumes are not mounted.
    `init` is the state of the init container at `init_place`; those before it have completed, those after it wait.
    """

    phase: str
    state: State
    ready: bool = False
    started: bool = False
    last: State = field(default_factory=dict)
    restarts: int = 0
    initialized: bool = True
    sandbox: bool = True
    init: State = field(default_factory=dict)
    init_last: State = field(default_factory=dict)
    init_restarts: int = 0
    init_place: int = 0


def waiting(reason: str, message: str = "") -> State:
    """A container that does not run yet, or not any more."""
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


def running(now: str) -> State:
    """A container that runs since now."""
    return {"running": {"startedAt": now}}


def terminated(reason: str, code: int, started: str, now: str) -> State:
    """A container that has ended."""
    return {"terminated": {"exitCode": code, "reason": reason, "startedAt": started, "finishedAt": now}}


def make_status(pod: Body, look: Look, now: str, ip: str) -> dict[str, Any]:
    """The whole status, with what stays of the one before: start, address, restart counts, times of conditions."""
    before = pod.get("status") or {}
    status: dict[str, Any] = {
        "phase": look.phase,
        "conditions": _conditions(pod, look, now),
        "startTime": before.get("startTime") or now,
        "containerStatuses": _containers(pod, look),
        "qosClass": before.get("qosClass") or _quality(pod),
    }
    if pod["spec"].get("initContainers"):
        status["initContainerStatuses"] = _init_containers(pod, look, now)
    if look.phase == "Running":
        address = before.get("podIP") or ip
        status |= {"podIP": address, "podIPs": [{"ip": address}]}
    return status


def _conditions(pod: Body, look: Look, now: str) -> list[dict[str, Any]]:
    unready = {} if look.ready else {"reason": "ContainersNotReady", "message": "containers with unready status"}
    uninitialized = {} if look.initialized else {"reason": "ContainersNotInitialized"}
    scheduled = find_condition(pod, "PodScheduled")
    conditions = [
        _condition(pod, "PodReadyToStartContainers", look.sandbox, {}, now),
        _condition(pod, "Initialized", look.initialized, uninitialized, now),
        _condition(pod, "ContainersReady", look.ready, unready, now),
        _condition(pod, "Ready", look.ready, unready, now),
        *([dict(scheduled)] if scheduled else []),
    ]
    gates = [str(gate["conditionType"]) for gate in pod["spec"].get("readinessGates") or ()]
    return conditions + [_condition(pod, gate, True, {}, now) for gate in gates]


def _condition(pod: Body, name: str, holds: bool, words: Mapping[str, str], now: str) -> dict[str, Any]:
    status = str(holds)
    known = find_condition(pod, name)
    since = known["lastTransitionTime"] if known.get("status") == status else now
    return {"type": name, "status": status, "lastProbeTime": None, "lastTransitionTime": since, **words}


def _containers(pod: Body, look: Look) -> list[dict[str, Any]]:
    known = {one["name"]: one for one in (pod.get("status") or {}).get("containerStatuses") or ()}
    found = []
    for place, container in enumerate(pod["spec"]["containers"]):
        before = known.get(container["name"], {})
        runs = look.phase == "Running"
        if place == 0:
            found.append(_one(container, look.state, look.last, look.ready, look.started, before, look.restarts))
        elif runs:
            began = (before.get("state") or {}).get("running") or look.state.get("running")
            state = {"running": began or {"startedAt": (pod.get("status") or {}).get("startTime")}}
            found.append(_one(container, state, {}, True, True, before, 0))
        else:
            found.append(_one(container, look.state, {}, False, False, before, 0))
    return found


def _init_containers(pod: Body, look: Look, now: str) -> list[dict[str, Any]]:
    known = {one["name"]: one for one in (pod.get("status") or {}).get("initContainerStatuses") or ()}
    found = []
    for place, container in enumerate(pod["spec"]["initContainers"]):
        before = known.get(container["name"], {})
        if container.get("restartPolicy") == "Always" and look.initialized:
            state = before.get("state") if "running" in (before.get("state") or {}) else running(now)
            found.append(_one(container, state or running(now), {}, True, True, before, 0))
        elif look.initialized or place < look.init_place:
            found.append(_one(container, _completed(before, now), {}, True, False, before, 0))
        elif place == look.init_place:
            found.append(_one(container, look.init, look.init_last, False, False, before, look.init_restarts))
        else:
            found.append(_one(container, waiting("PodInitializing"), {}, False, False, before, 0))
    return found


def _completed(before: Mapping[str, Any], now: str) -> State:
    state = before.get("state") or {}
    if "terminated" in state:
        return dict(state)
    began = (state.get("running") or {}).get("startedAt") or now
    return terminated("Completed", 0, began, now)


def _one(
    container: Mapping[str, Any],
    state: State,
    last: State,
    ready: bool,
    started: bool,
    before: Mapping[str, Any],
    restarts: int,
) -> dict[str, Any]:
    return {
        "name": container["name"],
        "state": state,
        "lastState": last,
        "ready": ready,
        "restartCount": int(before.get("restartCount", 0)) + restarts,
        "image": container["image"],
        "imageID": container["image"],
        "started": started,
    }


def _quality(pod: Body) -> str:
    resources = [one.get("resources") or {} for one in pod["spec"]["containers"]]
    kinds = [{name: one.get(name) or {} for name in ("requests", "limits")} for one in resources]
    basic = ("cpu", "memory")
    if not any(name in one[place] for one in kinds for place in one for name in basic):
        return "BestEffort"
    full = all(
        one["limits"].get(name) and one["limits"].get(name) == one["requests"].get(name)
        for one in kinds
        for name in basic
    )
    return "Guaranteed" if full else "Burstable"
