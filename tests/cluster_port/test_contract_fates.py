"""Contract of the cluster port: what a pod shows of each fate, field by field as a rollout is judged by them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from generator.cluster.kinds import POD
from generator.cluster.port import Body, Happening
from generator.cluster.simulated import DEFAULT_POOLS
from generator.cluster.simulated.fates import FATES
from tests.cluster_port.subject import Subject, Watcher
from tests.testbed.cluster.fates import FATES as TESTBED_FATES
from tests.testbed.cluster.spec import DEFAULT_POOLS as TESTBED_POOLS
from tests.testbed.workloads import make_deployment, make_inference_service

pytestmark = pytest.mark.sweep

Look = tuple[str, str, str, str, int, str, str]
"""Phase, conditions that hold, state and why, last end, restarts, init container's state and why, its last end."""

LOADING = ("Running", "isp", "running unready", "", 0, "", "")
READY = ("Running", "icrsp", "running ready", "", 0, "", "")
CREATING = ("Pending", "is", "waiting ContainerCreating", "", 0, "", "")
INIT = ("Pending", "sp", "waiting PodInitializing", "", 0, "running", "")

PASSES: dict[str, list[Look]] = {
    "": [READY],
    "slow-load": [LOADING, READY],
    "never-ready": [LOADING],
    "image-pull": [
        ("Pending", "isp", "waiting ErrImagePull", "", 0, "", ""),
        ("Pending", "isp", "waiting ImagePullBackOff", "", 0, "", ""),
    ],
    "crash-loop": [
        LOADING,
        ("Running", "isp", "waiting CrashLoopBackOff", "Error 1", 1, "", ""),
        ("Running", "isp", "running unready", "Error 1", 1, "", ""),
        ("Running", "isp", "waiting CrashLoopBackOff", "Error 1", 2, "", ""),
    ],
    "oom": [
        LOADING,
        ("Running", "isp", "waiting CrashLoopBackOff", "OOMKilled 137", 1, "", ""),
        ("Running", "isp", "running unready", "OOMKilled 137", 1, "", ""),
        ("Running", "isp", "waiting CrashLoopBackOff", "OOMKilled 137", 2, "", ""),
    ],
    "config-error": [("Pending", "isp", "waiting CreateContainerConfigError", "", 0, "", "")],
    "mount-failed": [CREATING],
    "fail-later": [READY, ("Running", "isp", "waiting CrashLoopBackOff", "Error 1", 1, "", "")],
    "slow-init": [INIT, ("Running", "icrsp", "running ready", "", 0, "terminated Completed", "")],
    "init-crash": [
        INIT,
        ("Pending", "sp", "waiting PodInitializing", "", 0, "waiting CrashLoopBackOff", "Error 1"),
        ("Pending", "sp", "waiting PodInitializing", "", 0, "running", "Error 1"),
        ("Pending", "sp", "waiting PodInitializing", "", 0, "waiting CrashLoopBackOff", "Error 1"),
    ],
}
WARNINGS = {
    "image-pull": "Failed",
    "crash-loop": "BackOff",
    "oom": "BackOff",
    "config-error": "Failed",
    "mount-failed": "FailedMount",
    "fail-later": "BackOff",
}
_LETTERS = {
    "Initialized": "i",
    "ContainersReady": "c",
    "Ready": "r",
    "PodScheduled": "s",
    "PodReadyToStartContainers": "p",
}


def look_at(pod: Body) -> Look:
    """What of a pod is compared."""
    status = pod["status"]
    held = {one["type"] for one in status.get("conditions") or () if one["status"] == "True"}
    first = (status.get("containerStatuses") or [{}])[0]
    init = (status.get("initContainerStatuses") or [{}])[0]
    return (
        status["phase"],
        "".join(letter for name, letter in _LETTERS.items() if name in held),
        _state(first, ready=True),
        _end(first),
        first.get("restartCount", 0),
        _state(init),
        _end(init),
    )


def _state(container: Body, ready: bool = False) -> str:
    state = container.get("state") or {}
    for name, inner in state.items():
        words = f"{name} {inner.get('reason', '')}".strip()
        return f"{words} {'ready' if container['ready'] else 'unready'}" if ready and name == "running" else words
    return ""


def _end(container: Body) -> str:
    ended = (container.get("lastState") or {}).get("terminated") or {}
    return f"{ended['reason']} {ended['exitCode']}" if ended else ""


def is_passed(seen: list[Look], wanted: list[Look]) -> bool:
    """Whether all that is wanted was seen, in this order."""
    left = iter(seen)
    return all(look in left for look in wanted)


def test_the_simulation_knows_every_fate_of_the_testbed() -> None:
    """And this suite all of them."""
    assert FATES == TESTBED_FATES
    assert set(PASSES) == {"", *FATES}


def test_the_simulation_has_the_nodes_of_the_testbed() -> None:
    """So that what schedules in one schedules in the other."""
    assert [asdict(pool) for pool in DEFAULT_POOLS] == [asdict(pool) for pool in TESTBED_POOLS]


@pytest.mark.parametrize("fate", PASSES)
def test_a_fate_shows_the_same(subject: Subject, fate: str) -> None:
    """Phase, conditions, container states, last ends, counts, in their order; and the warning."""
    changes: dict[str, Any] = {"fate": fate} if fate else {}
    if fate not in ("", "never-ready", "mount-failed"):
        changes["after"] = "300ms"
    with Watcher(subject.port, POD, subject.namespace) as watcher:
        subject.port.apply(make_deployment(subject.namespace, replicas=1, **changes))
        await_looks(watcher, PASSES[fate])
    pod = list(watcher.bodies())[-1]
    if fate in WARNINGS:
        subject.until(lambda: ("Warning", WARNINGS[fate]) in subject.events(pod["metadata"]["uid"]))
    assert {body["metadata"]["uid"] for body in watcher.bodies()} == {pod["metadata"]["uid"]}


def await_looks(watcher: Watcher, wanted: list[Look]) -> None:
    """Wait until the watch has shown all of them, in their order."""
    try:
        watcher.wait(lambda events: is_passed(looks(events), wanted))
    except AssertionError as error:
        raise AssertionError(f"seen: {looks(watcher.events)}, wanted: {wanted}") from error


def looks(events: list[Any]) -> list[Look]:
    """Of the pods that were put."""
    return [look_at(event.body) for event in events if event.happening is Happening.PUT]


def test_an_image_chooses_the_fate(subject: Subject) -> None:
    """Where the template is not the test's to change."""
    image = "registry.internal/serve/vllm:fate-slow-load-after-500ms"
    with Watcher(subject.port, POD, subject.namespace) as watcher:
        subject.port.apply(make_deployment(subject.namespace, replicas=1, image=image))
        await_looks(watcher, [LOADING, READY])


def test_a_crash_may_be_over_after_some_restarts(subject: Subject) -> None:
    """The pod becomes ready, with its restarts and its last end."""
    changes = {"fate": "crash-loop", "after": "200ms", "times": 1}
    recovered = ("Running", "icrsp", "running ready", "Error 1", 1, "", "")
    subject.port.apply(make_deployment(subject.namespace, replicas=1, **changes))
    pod = subject.wait_pod(lambda it: look_at(it) == recovered)
    assert pod["status"]["containerStatuses"][0]["started"] is True


def test_the_words_of_a_failure_are_the_same(subject: Subject) -> None:
    """Messages of states, as evidence is taken from them."""
    subject.port.apply(make_deployment(subject.namespace, "pull", replicas=1, fate="image-pull"))
    subject.port.apply(make_deployment(subject.namespace, "crash", replicas=1, fate="crash-loop", after="100ms"))

    def waits(reason: str) -> Any:
        return lambda pod: look_at(pod)[2] == f"waiting {reason}"

    pulls = subject.wait_pod(waits("ImagePullBackOff"), "pull")
    (state,) = [one["state"]["waiting"] for one in pulls["status"]["containerStatuses"]]
    image = "registry.internal/serve/vllm:1"
    assert state["message"] == f"Back-off pulling image: failed to resolve reference {image}: not found"
    crashes = subject.wait_pod(waits("CrashLoopBackOff"), "crash")
    (state,) = [one["state"]["waiting"] for one in crashes["status"]["containerStatuses"]]
    name = crashes["metadata"]["name"]
    assert state["message"] == f"back-off 2s restarting failed container=server pod={name}"


def test_an_unready_pod_says_why(subject: Subject) -> None:
    """In its Ready condition."""
    subject.port.apply(make_deployment(subject.namespace, replicas=1, fate="never-ready"))
    pod = subject.wait_pod(lambda it: look_at(it) == LOADING)
    (ready,) = [one for one in pod["status"]["conditions"] if one["type"] == "Ready"]
    assert (ready["reason"], ready["message"]) == ("ContainersNotReady", "containers with unready status")
    container = pod["status"]["containerStatuses"][0]
    assert container["state"]["running"]["startedAt"]
    assert container["started"] is False
    assert pod["status"]["startTime"]


def test_a_pod_drains_as_long_as_it_says(subject: Subject) -> None:
    """It stays ready and says when it must be gone."""
    subject.roll_out(make_deployment(subject.namespace, replicas=1, drain="700ms"))
    with Watcher(subject.port, POD, subject.namespace) as watcher:
        subject.port.apply(make_deployment(subject.namespace, replicas=0))
        watcher.wait(lambda events: events[-1].happening is Happening.GONE)
    ending = [body for body in watcher.bodies() if body["metadata"].get("deletionTimestamp")]
    assert ending
    assert look_at(ending[0]) == READY


def test_an_init_container_that_works_comes_first(subject: Subject) -> None:
    """The server waits for it; then it has completed."""
    body = make_deployment(subject.namespace, replicas=1, fate="slow-init", after="500ms")
    with Watcher(subject.port, POD, subject.namespace) as watcher:
        subject.port.apply(body)
        await_looks(watcher, PASSES["slow-init"])
    done = list(watcher.bodies())[-1]["status"]["initContainerStatuses"][0]
    assert done["state"]["terminated"]["exitCode"] == 0
    assert done["ready"] is True


def test_the_fate_of_an_inference_service_reaches_its_pods(subject: Subject) -> None:
    """By its annotations."""
    subject.port.apply(make_inference_service(subject.namespace, fate="oom", after="200ms"))
    wanted = PASSES["oom"][1]
    subject.until(
        lambda: any(
            look_at(pod) == wanted
            for pod in subject.port.list(POD, subject.namespace, "app=isvc.chat-predictor")
            if pod["status"].get("containerStatuses")
        )
    )
