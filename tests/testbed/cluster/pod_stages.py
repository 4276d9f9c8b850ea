"""What the fake kubelet does to pods: a stage for each step of each fate.

Owns: when a stage applies, how long it waits, which status it writes. Refuses: overlap; where two stages match a pod,
the fake kubelet throws dice, so each is told apart by fate and by the state that the one before has left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.testbed.cluster import fates
from tests.testbed.cluster.pod_status import RUNNING, pod_status, terminated, waiting
from tests.testbed.cluster.stages import Stage, make_stage

_NEW = ".status.startTime", "DoesNotExist"
_IS_RUNNING = ".status.containerStatuses[0].state.running", "Exists"
_READY = '.status.conditions[] | select(.type == "Ready") | .status'
_REASON = ".status.containerStatuses[0].state.waiting.reason"
_INIT_REASON = ".status.initContainerStatuses[0].state.waiting.reason"
_BACK_OFF = 2_000  # a kubelet starts with 10 s and doubles; tests have no time for that
_BACK_OFF_TEXT = "back-off 2s restarting failed container=%s pod=%s"


def make_pod_stages() -> list[Stage]:
    """All stages of pods, but for those of jobs and deletion that the fake kubelet brings along."""
    return [
        *_starting(),
        *_crashing("Error", 1, ("crash-loop", "fail-later")),
        *_crashing("OOMKilled", 137, ("oom",)),
        *_pulling(),
        *_blocked(),
        *_initializing(),
        _draining(),
    ]


def _starting() -> list[Stage]:
    ready = pod_status("Running", RUNNING, ready=True)
    return [
        _stage("pod-ready", (fates.NONE, "fail-later"), (_NEW,), ready),
        _stage(
            "pod-loading", ("slow-load", "never-ready", "crash-loop", "oom"), (_NEW,), pod_status("Running", RUNNING)
        ),
        _stage("pod-loaded", ("slow-load",), (_IS_RUNNING, (_READY, "In", "False")), ready, after=3_000),
    ]


def _crashing(reason: str, exit_code: int, which: Sequence[str]) -> list[Stage]:
    """Running → CrashLoopBackOff with one restart more → running again, for ever or until it has been often enough."""
    ended = terminated(reason, exit_code)
    back_off = waiting("CrashLoopBackOff", _BACK_OFF_TEXT, "$c.name", "$root.metadata.name")
    name = reason.lower()
    not_yet, often_enough = (fates.RECOVERED, "In", "false"), (fates.RECOVERED, "In", "true")
    crashed = pod_status("Running", back_off, last=ended, restarts=1)
    return [
        _stage(
            f"pod-crash-{name}",
            which,
            (_IS_RUNNING, not_yet),
            crashed,
            after=1_000,
            event=("Warning", "BackOff", "Back-off restarting failed container"),
        ),
        _stage(
            f"pod-restart-{name}",
            which,
            ((_REASON, "In", "CrashLoopBackOff"),),
            pod_status("Running", RUNNING, last=ended),
            wait=_BACK_OFF,
        ),
        _stage(
            f"pod-recovered-{name}",
            which,
            (_IS_RUNNING, often_enough, (_READY, "In", "False")),
            pod_status("Running", RUNNING, ready=True, last=ended),
            wait=500,
        ),
    ]


def _pulling() -> list[Stage]:
    """ErrImagePull and ImagePullBackOff take turns, as a kubelet's do."""
    failed = "failed to resolve reference %s: not found"
    event = "Warning", "Failed", "Failed to pull image: not found"
    which = ("image-pull",)
    error = pod_status("Pending", waiting("ErrImagePull", failed, "$c.image"))
    back_off = pod_status("Pending", waiting("ImagePullBackOff", "Back-off pulling image: " + failed, "$c.image"))
    return [
        _stage("pod-pull", which, (_NEW,), error, after=100, event=event),
        _stage("pod-pull-back-off", which, ((_REASON, "In", "ErrImagePull"),), back_off, wait=1_000),
        _stage("pod-pull-again", which, ((_REASON, "In", "ImagePullBackOff"),), error, wait=10_000, event=event),
    ]


def _blocked() -> list[Stage]:
    config = waiting("CreateContainerConfigError", "secret not found")
    mount = "Warning", "FailedMount", "MountVolume.SetUp failed for volume: not found"
    return [
        _stage(
            "pod-config-error",
            ("config-error",),
            (_NEW,),
            pod_status("Pending", config),
            after=100,
            event=("Warning", "Failed", "Error: secret not found"),
        ),
        _stage(
            "pod-mount-failed",
            ("mount-failed",),
            (_NEW,),
            # Without its volumes not even an init container has run.
            pod_status(
                "Pending",
                waiting("ContainerCreating"),
                sandbox=False,
                initialized=False,
                init_state=waiting("PodInitializing"),
            ),
            event=mount,
        ),
    ]


def _initializing() -> list[Stage]:
    """Init containers, such as the one that downloads the model."""
    blocked = waiting("PodInitializing")
    ended = terminated("Error", 1)
    back_off = waiting("CrashLoopBackOff", _BACK_OFF_TEXT, "$c.name", "$root.metadata.name")
    running = pod_status("Pending", blocked, initialized=False, init_state=RUNNING)
    crashed = pod_status("Pending", blocked, initialized=False, init_state=back_off, init_last=ended, init_restarts=1)
    again = pod_status("Pending", blocked, initialized=False, init_state=RUNNING, init_last=ended)
    is_running = ".status.initContainerStatuses[0].state.running", "Exists"
    return [
        _stage("pod-init", ("slow-init", "init-crash"), (_NEW,), running),
        _stage(
            "pod-init-done",
            ("slow-init",),
            ((_READY, "In", "False"),),
            pod_status("Running", RUNNING, ready=True),
            after=3_000,
        ),
        _stage("pod-init-crash", ("init-crash",), (is_running,), crashed, after=1_000),
        _stage("pod-init-again", ("init-crash",), ((_INIT_REASON, "In", "CrashLoopBackOff"),), again, wait=_BACK_OFF),
    ]


def _draining() -> Stage:
    """At once, unless the pod says that its requests take their time."""
    selector = [{"key": ".metadata.deletionTimestamp", "operator": "Exists"}]
    delay = {"durationMilliseconds": 0, "durationFrom": {"expressionFrom": fates.DRAIN}}
    return make_stage("v1", "Pod", "pod-delete", selector, {"finalizers": {"empty": True}, "delete": True}, delay)


def _stage(
    name: str,
    which: Sequence[str],
    when: Sequence[tuple[str, ...]],
    status: str,
    *,
    after: int | None = None,
    wait: int = 0,
    event: tuple[str, str, str] | None = None,
) -> Stage:
    """`after`: how long, in milliseconds, unless the pod says otherwise; `wait`: how long in any case."""
    selector: list[dict[str, Any]] = [
        {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"},
        {"key": fates.FATE, "operator": "In", "values": list(which)},
    ]
    for key, operator, *values in when:
        selector.append({"key": key, "operator": operator, **({"values": values} if values else {})})
    delay: dict[str, Any] = {"durationMilliseconds": wait if after is None else after}
    if after is not None:
        delay["durationFrom"] = {"expressionFrom": fates.AFTER}
    then: dict[str, Any] = {"statusTemplate": status}
    if event:
        then["event"] = dict(zip(("type", "reason", "message"), event, strict=True))
    return make_stage("v1", "Pod", name, selector, then, delay)
