"""What is wrong with one pod of the new revision.

Owns: the signs of a pod and of its containers. Refuses: signs of controllers (`controller_failures`), and how long a
sign may last (`failing`). Source of the words: the kubelet's waiting reasons and ends of containers.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from generator.rollout.events import Event, EventIndex
from generator.rollout.live import newest, oldest, one_line
from generator.rollout.phases import find_load_budget, was_ready_since_start
from generator.rollout.pods import Container, Ended, Pod
from generator.rollout.signs import Patience, Sign, make_sign
from generator.rollout.status import PhaseBudgets, Reason

PULL_REASONS = frozenset(
    {
        "ImagePullBackOff",
        "ErrImagePull",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
CONFIG_REASONS = frozenset({"CreateContainerConfigError", "CreateContainerError"})
CRASH_REASONS = frozenset({"CrashLoopBackOff", "RunContainerError", "PostStartHookError", "PreStartHookError"})
MOUNT_EVENTS = ("FailedMount", "FailedAttachVolume", "FailedMapVolume")
OOM_KILLED = "OOMKilled"
KILLED = 137
"""128 + SIGKILL: the kernel out of memory, or a kubelet after a failed probe."""
_MOUNT_RECENT = timedelta(seconds=150)
"""A kubelet tries to mount again after two minutes and two seconds at most."""


def find_pod_signs(pod: Pod, events: EventIndex, budgets: PhaseBudgets, now: datetime) -> Iterator[Sign]:
    """The signs of an active pod, those of init containers first."""
    if pod.is_ready:
        return
    if pod.scheduled.status != "True":
        yield from _find_scheduling(pod)
        return
    yield from _find_mounts(pod, events, now)
    for container, is_init in _waited_for(pod):
        key = f"{pod.uid}/{container.name}"
        what = f"pod {pod.name}, container {container.name}"
        if container.waiting in PULL_REASONS:
            yield _judge_pull(pod, container, what, key, events)
        elif container.waiting in CONFIG_REASONS:
            yield _judge_config(pod, container, what, key, events)
        elif has_crashed(pod, container):
            yield _judge_crash(pod, container, what, key, events, budgets, is_init=is_init)


def _waited_for(pod: Pod) -> Iterator[tuple[Container, bool]]:
    """Containers that are not as they should be. Only a sidecar among init containers counts as a server."""
    for container in pod.init_containers:
        if not container.is_done and not (container.is_sidecar and container.is_ready):
            yield container, not container.is_sidecar
    for container in pod.containers:
        if not container.is_ready:
            yield container, False


def _find_scheduling(pod: Pod) -> Iterator[Sign]:
    if pod.scheduled.status != "False" or pod.scheduled.reason == "SchedulingGated":
        return
    yield make_sign(
        Reason.UNSCHEDULABLE,
        f"pod {pod.name} fits on no node",
        pod.scheduled.message or pod.scheduled.reason,
        patience=Patience.PHASE,
        since=pod.scheduled.since or pod.created,
        key=pod.uid,
    )


def _find_mounts(pod: Pod, events: EventIndex, now: datetime) -> Iterator[Sign]:
    """Only events tell, and they stay when it is over: believed while the pod's sandbox is not there."""
    if pod.mounted.status == "True" or any(item.has_run for item in (*pod.init_containers, *pod.containers)):
        return
    found = events.about(pod.uid, *MOUNT_EVENTS)
    if not found:
        return
    event = found[-1]
    if not pod.mounted.status and (event.last is None or now - event.last > _MOUNT_RECENT):
        return
    yield make_sign(
        Reason.MOUNT_FAILED,
        f"pod {pod.name}: a volume cannot be mounted",
        event.message or event.reason,
        patience=Patience.TIME,
        since=oldest(*(item.first for item in found)),
        attempts=sum(item.count for item in found),
        key=pod.uid,
    )


def _judge_pull(pod: Pod, container: Container, what: str, key: str, events: EventIndex) -> Sign:
    pulls = [event for event in events.about(pod.uid, "Failed", "FailedPull") if _is_pull(event, container)]
    words = [event.message for event in pulls[-1:]]
    said = container.waiting_message
    if not said or "back-off" in said.lower():  # the event before tells why; the message may have forgotten
        said = one_line(said, *words)
    return make_sign(
        Reason.IMAGE_PULL,
        f"{what}: the image {container.image} cannot be pulled",
        container.waiting,
        said,
        since=oldest(*(event.first for event in pulls)),
        attempts=sum(event.count for event in pulls),
        key=key,
        waiting=container.waiting,
    )


def _is_pull(event: Event, container: Container) -> bool:
    """Whether it is a failed pull of this image; `Error: ErrImagePull` is the same one told twice."""
    message = event.message
    names_other = '"' in message and bool(container.image) and container.image not in message
    return "pull image" in message.lower() and not names_other


def _judge_config(pod: Pod, container: Container, what: str, key: str, events: EventIndex) -> Sign:
    said = container.waiting_message
    failed = [event for event in events.about(pod.uid, "Failed") if said and said in event.message]
    what = f"{what}: {said or 'its configuration is not complete'}"
    since = oldest(*(event.first for event in failed))
    words = (container.waiting, said)
    return make_sign(Reason.CONFIG_ERROR, what, *words, patience=Patience.TIME, since=since, key=key)


def has_crashed(pod: Pod, container: Container) -> bool:
    """Whether its last run ended and it has not been ready since. A sidecar that ends well is no crash."""
    if container.waiting in CRASH_REASONS:
        return True
    if container.ended is None:
        return False
    if container.has_ended:
        return not container.is_done or not container.is_sidecar
    return container.restarts > 0 and not was_ready_since_start(pod, container)


def _judge_crash(
    pod: Pod,
    container: Container,
    what: str,
    key: str,
    events: EventIndex,
    budgets: PhaseBudgets,
    *,
    is_init: bool,
) -> Sign:
    ended = container.ended or Ended("", 0, "", None, None)
    attempts = max(container.restarts, 1)
    backed_off = [event for event in events.about(pod.uid, "BackOff") if container.name in _names(event, container)]
    since = oldest(*(event.first for event in backed_off if "pull" not in event.message.lower()), ended.finished_at)
    reason, how = _tell_end(pod, container, ended, events, is_init=is_init)
    patience = Patience.ATTEMPTS
    if reason is Reason.LOAD_TIMEOUT and ended.seconds >= find_load_budget(pod, budgets):
        patience = Patience.NONE
    words = (ended.message, _describe_end(ended), container.waiting, container.waiting_message)
    return make_sign(
        reason, f"{what} {how}", *words, patience=patience, since=since, attempts=attempts, key=key,
        waiting=container.waiting,
    )  # fmt: skip


def _names(event: Event, container: Container) -> str:
    """A back-off event names its container in most versions; where it names none it may be about any."""
    return event.message if "container=" in event.message or "container " in event.message else container.name


def _tell_end(pod: Pod, container: Container, ended: Ended, events: EventIndex, *, is_init: bool) -> tuple[Reason, str]:
    """Why the container ended: memory before time, time before anything else."""
    if ended.reason == OOM_KILLED:
        return Reason.OUT_OF_MEMORY, "was killed, since its memory limit was reached"
    if is_init:
        return Reason.DOWNLOAD_FAILED, f"could not bring the model ({_describe_code(ended)})"
    probes = [event.message for event in events.about(pod.uid, "Unhealthy", "Killing")]
    if _ran_out_of_time(container, ended):
        return Reason.LOAD_TIMEOUT, f"did not start within {container.startup_seconds or 0:g} s and was killed"
    if ended.exit_code == KILLED and not any("probe failed" in message for message in probes):
        return Reason.OUT_OF_MEMORY, "was killed (exit code 137), most often for want of memory"
    return Reason.CRASH_LOOP, f"ended ({_describe_code(ended)})"


def _ran_out_of_time(container: Container, ended: Ended) -> bool:
    """Whether the kubelet stopped it because its startup probe was spent: killed, after just that long."""
    limit = container.startup_seconds
    return limit is not None and ended.exit_code in (KILLED, 143) and ended.seconds >= limit - 1


def _describe_code(ended: Ended) -> str:
    return f"exit code {ended.exit_code}" if ended.finished_at or ended.reason else "it cannot be started"


def _describe_end(ended: Ended) -> str:
    return f"{ended.reason or 'ended'} (exit code {ended.exit_code})" if ended.finished_at or ended.reason else ""


def find_eviction(pod: Pod) -> tuple[str, datetime | None] | None:
    """Why the cluster took the pod away, in the cluster's words, and when; None where it did not."""
    if pod.disrupted.status == "True" and (pod.is_terminating or pod.is_finished):
        return one_line(pod.disrupted.reason, pod.disrupted.message), pod.disrupted.since
    if pod.is_finished and pod.end_reason:
        ends = (container.ended.finished_at for container in pod.containers if container.ended)
        return one_line(pod.end_reason, pod.end_message), newest(pod.ready.since, *ends)
    return None
