"""The kubelet of all nodes: it starts pods, and plays their fates.

Owns: a table of steps, each with the state it follows, its pause and what the pod shows afterwards. Refuses: nodes
(`scheduling`), replacing pods (`replica_sets`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from generator.cluster.port import Body
from generator.cluster.simulated.bodies import Address, address_of, find_condition, is_terminating
from generator.cluster.simulated.fates import Fate, read_drain, read_fate
from generator.cluster.simulated.pod_states import Look, make_status, running, terminated, waiting
from generator.cluster.simulated.world import World

_COMPONENT = "kubelet"
_CRASHES = {"crash-loop": ("Error", 1), "fail-later": ("Error", 1), "oom": ("OOMKilled", 137)}
_BEFORE_INIT = ("image-pull", "config-error")
"""Fates that strike before an init container runs."""


@dataclass(frozen=True, slots=True)
class Step:
    """After `pause` seconds the pod shows `look`; `event` is sort, reason and message."""

    pause: float
    look: Look
    event: tuple[str, str, str] | None = None


class Kubelet:
    """Leads pods that have a node from step to step."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._planned: dict[str, str] = {}
        self._addresses = 0

    def sync(self, address: Address) -> None:
        """Plan the pod's next step, unless it is planned already."""
        pod = self._world.store.find(address)
        if pod is None or not pod["spec"].get("nodeName"):
            return
        uid = str(pod["metadata"]["uid"])
        if is_terminating(pod):
            self._plan(pod, uid, "drain", self._drain_seconds(pod), lambda: self._end(uid))
            return
        step = self._find_step(pod)
        if step is not None:
            token = str(pod["metadata"]["resourceVersion"])
            if self._planned.get(uid) is None:
                self._plan(pod, uid, token, step.pause, lambda: self._show(uid))

    def forget(self, uid: str) -> None:
        """The pod is gone."""
        self._planned.pop(uid, None)

    def _plan(self, pod: Body, uid: str, token: str, pause: float, act: Callable[[], None]) -> None:
        if self._planned.get(uid) == token:
            return
        self._planned[uid] = token

        def strike() -> None:
            if self._planned.get(uid) == token:
                del self._planned[uid]
                act()

        self._world.driver.schedule(pause, strike)

    def _drain_seconds(self, pod: Body) -> float:
        return min(read_drain(pod, self._world.times), float(pod["metadata"].get("deletionGracePeriodSeconds", 30)))

    def _end(self, uid: str) -> None:
        pod = self._world.store.find_uid(uid)
        if pod is not None and is_terminating(pod):
            self._world.store.remove(address_of(pod))

    def _show(self, uid: str) -> None:
        pod = self._world.store.find_uid(uid)
        if pod is None or is_terminating(pod):
            return
        step = self._find_step(pod)
        if step is None:
            return
        self._addresses += 1
        ip = f"10.{self._addresses >> 16 & 255}.{self._addresses >> 8 & 255}.{self._addresses & 255}"
        status = make_status(pod, step.look, self._world.now_text(), ip)
        shown = self._world.write_status(pod, status)
        if step.event:
            self._world.events.write(shown, *step.event, _COMPONENT)

    def _find_step(self, pod: Body) -> Step | None:
        fate = read_fate(pod, self._world.times)
        return _NextStep(self._world, pod, fate).find()


class _NextStep:
    """What comes next for one pod, read from what it shows now."""

    def __init__(self, world: World, pod: Body, fate: Fate) -> None:
        self._pod = pod
        self._fate = fate
        self._times = world.times
        self._now = world.now_text()
        self._status: dict[str, Any] = dict(pod.get("status") or {})
        self._state = _first(self._status, "containerStatuses")
        self._inits = self._status.get("initContainerStatuses") or []
        self._name = str(pod["spec"]["containers"][0]["name"])

    def find(self) -> Step | None:
        if not self._state:
            return self._create()
        state = self._state.get("state") or {}
        reason = (state.get("waiting") or {}).get("reason", "")
        if reason == "ContainerCreating":
            return self._after_creating()
        if reason == "PodInitializing":
            return self._in_init()
        if reason in ("ErrImagePull", "ImagePullBackOff"):
            return self._pulling(reason)
        if reason == "CrashLoopBackOff":
            last = dict(self._state.get("lastState") or {})
            return Step(self._times.back_off_seconds, Look("Running", running(self._now), last=last))
        if "running" in state:
            return self._running()
        return None

    def _create(self) -> Step:
        """The first that a pod shows once it has a node."""
        if self._fate.name == "mount-failed":
            words = "Warning", "FailedMount", "MountVolume.SetUp failed for volume: not found"
            return Step(0.0, Look("Pending", waiting("ContainerCreating"), sandbox=False), words)
        if self._pod["spec"].get("initContainers") and self._fate.name not in _BEFORE_INIT:
            return Step(0.0, self._initializing(0, waiting("PodInitializing")))
        return Step(0.0, Look("Pending", waiting("ContainerCreating")))

    def _after_creating(self) -> Step | None:
        """Volumes and images are there, or they are not."""
        name = self._fate.name
        if name == "mount-failed":
            return None
        if name == "image-pull":
            return self._pull_failed(self._fate.after)
        if name == "config-error":
            look = Look("Pending", waiting("CreateContainerConfigError", "secret not found"))
            return Step(self._fate.after, look, ("Warning", "Failed", "Error: secret not found"))
        return self._start(self._times.pull_seconds)

    def _start(self, pause: float) -> Step:
        """The server starts: ready at once for a pod that fails later, as in the tests' fake kubelet."""
        if self._fate.name == "fail-later":
            return Step(pause, Look("Running", running(self._now), ready=True, started=True))
        return Step(pause, Look("Running", running(self._now)))

    def _initializing(self, place: int, state: dict[str, Any], **more: Any) -> Look:
        return Look("Pending", waiting("PodInitializing"), initialized=False, init=state, init_place=place, **more)

    def _in_init(self) -> Step | None:
        place = next((place for place, one in enumerate(self._inits) if not one["ready"]), len(self._inits))
        if place == len(self._inits):
            return self._start(0.0)
        one = self._inits[place]
        state = one.get("state") or {}
        last = dict(one.get("lastState") or {})
        reason = (state.get("waiting") or {}).get("reason")
        if reason == "PodInitializing":
            return Step(self._times.pull_seconds, self._initializing(place, running(self._now)))
        if reason == "CrashLoopBackOff":
            return Step(self._times.back_off_seconds, self._initializing(place, running(self._now), init_last=last))
        if self._fate.name == "init-crash" and place == 0:
            return self._crash_init(one)
        slow = self._fate.name == "slow-init" and place == 0
        pause = self._fate.after if slow else self._times.download_seconds
        if place + 1 < len(self._inits):
            return Step(pause, self._initializing(place + 1, running(self._now)))
        return self._start(pause)

    def _crash_init(self, one: dict[str, Any]) -> Step:
        began = ((one.get("state") or {}).get("running") or {}).get("startedAt", self._now)
        ended = terminated("Error", 1, began, self._now)
        look = self._initializing(0, self._back_off(str(one["name"])), init_last=ended, init_restarts=1)
        event = "Warning", "BackOff", "Back-off restarting failed container"
        return Step(self._fate.after, look, event)

    def _pull_failed(self, pause: float) -> Step:
        image = self._pod["spec"]["containers"][0]["image"]
        look = Look("Pending", waiting("ErrImagePull", f"failed to resolve reference {image}: not found"))
        return Step(pause, look, ("Warning", "Failed", "Failed to pull image: not found"))

    def _pulling(self, reason: str) -> Step:
        if reason == "ImagePullBackOff":
            return self._pull_failed(self._times.pull_retry_seconds)
        image = self._pod["spec"]["containers"][0]["image"]
        message = f"Back-off pulling image: failed to resolve reference {image}: not found"
        return Step(self._times.pull_back_off_seconds, Look("Pending", waiting("ImagePullBackOff", message)))

    def _running(self) -> Step | None:
        state, last = dict(self._state["state"]), dict(self._state.get("lastState") or {})
        ready = find_condition(self._pod, "Ready").get("status") == "True"
        if self._fate.name in _CRASHES:
            if self._fate.times is None or int(self._state["restartCount"]) < self._fate.times:
                return self._crash()
            if not ready:
                look = Look("Running", state, ready=True, started=True, last=last)
                return Step(self._times.recover_seconds, look)
            return None
        if ready or self._fate.name == "never-ready":
            return None
        if self._fate.name == "slow-load":
            return Step(self._fate.after, Look("Running", state, ready=True, started=True))
        if not self._state["started"] and self._times.warm_seconds:
            return Step(self._times.load_seconds, Look("Running", state, started=True))
        pause = self._times.warm_seconds if self._state["started"] else self._times.load_seconds
        return Step(pause, Look("Running", state, ready=True, started=True))

    def _crash(self) -> Step:
        reason, code = _CRASHES[self._fate.name]
        began = self._state["state"]["running"]["startedAt"]
        ended = terminated(reason, code, began, self._now)
        look = Look("Running", self._back_off(self._name), last=ended, restarts=1)
        return Step(self._fate.after, look, ("Warning", "BackOff", "Back-off restarting failed container"))

    def _back_off(self, container: str) -> dict[str, Any]:
        pause = f"{self._times.back_off_seconds:g}s"
        pod = self._pod["metadata"]["name"]
        return waiting("CrashLoopBackOff", f"back-off {pause} restarting failed container={container} pod={pod}")


def _first(status: dict[str, Any], name: str) -> dict[str, Any]:
    found = status.get(name) or [{}]
    return dict(found[0])
