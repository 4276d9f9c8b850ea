"""When the cluster first showed that something is wrong, told from its objects alone.

Owns: the words of pods and events that say so. Refuses: naming what is wrong; that is what is tested by it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

Body = Mapping[str, Any]

_WAITS = ("ErrImage", "ImagePull", "CrashLoop", "CreateContainerConfig")


class FirstSigns:
    """When each endpoint first showed that something is wrong, for a watch of its pods and one of its events."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._pods: dict[str, str] = {}
        self._mounts: dict[str, float] = {}
        """When a volume could not be mounted, by the pod's uid: the event may be seen before its pod."""
        self.times: dict[str, float] = {}

    def see_pod(self, _event: str, pod: Body) -> None:
        """A pod of an endpoint."""
        name = _name_endpoint(pod)
        with self._changed:
            uid = pod["metadata"]["uid"]
            self._pods[uid] = name
            if uid in self._mounts:
                self.times.setdefault(name, self._mounts[uid])
            if shows_failure(pod):
                self.times.setdefault(name, time.monotonic())
            self._changed.notify_all()

    def see_event(self, _event: str, event: Body) -> None:
        """Only an event tells that a volume is not mounted."""
        if not _tells_of_mount(event):
            return
        uid = event["involvedObject"].get("uid", "")
        with self._changed:
            at = self._mounts.setdefault(uid, time.monotonic())
            if uid in self._pods:
                self.times.setdefault(self._pods[uid], at)
            self._changed.notify_all()

    def wait(self, name: str, seconds: float = 60.0) -> float:
        """When an endpoint first showed it; waits until it does."""
        with self._changed:
            assert self._changed.wait_for(lambda: name in self.times, seconds), f"nothing is wrong with {name}"
            return self.times[name]


def is_shown(pods: Iterable[Body], events: Iterable[Body]) -> bool:
    """Whether any of them tells that something is wrong."""
    return any(map(shows_failure, pods)) or any(map(_tells_of_mount, events))


def shows_failure(pod: Body) -> bool:
    """Whether the pod's status tells what is wrong with it."""
    status = pod.get("status", {})
    if _name_endpoint(pod).endswith("never-ready"):
        images = " ".join(container["image"] for container in pod["spec"]["containers"])
        return "never-ready" in images and "running" in json.dumps(status.get("containerStatuses") or [])
    states = [*(status.get("containerStatuses") or []), *(status.get("initContainerStatuses") or [])]
    waits = [state.get("state", {}).get("waiting", {}).get("reason", "") for state in states]
    if any(word.startswith(_WAITS) for word in waits):
        return True
    ends = [state.get(part, {}).get("terminated") or {} for state in states for part in ("state", "lastState")]
    if any(end.get("exitCode") for end in ends):
        return True
    return any(item.get("reason") == "Unschedulable" for item in status.get("conditions") or [])


def _tells_of_mount(event: Body) -> bool:
    return event.get("reason") == "FailedMount"


def _name_endpoint(pod: Body) -> str:
    return str((pod["metadata"].get("labels") or {}).get("revstamp.io/endpoint", ""))
