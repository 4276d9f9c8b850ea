"""Assessing what a real cluster shows: the live objects of a namespace, looked at again and again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from generator.rollout.assess import assess
from generator.rollout.expect import expect
from generator.rollout.status import Expectation, LiveObjects, Memory, PhaseBudgets, Reason, RolloutStatus
from generator.rollout.trim import trim_deployment, trim_event, trim_inference_service, trim_pod, trim_replica_set
from tests.cluster.first_signs import is_shown
from tests.testbed.kube.api import Api, Object

FAILURES = {
    "image-pull": Reason.IMAGE_PULL,
    "crash-loop": Reason.CRASH_LOOP,
    "oom": Reason.OUT_OF_MEMORY,
    "config-error": Reason.CONFIG_ERROR,
    "mount-failed": Reason.MOUNT_FAILED,
    "init-crash": Reason.DOWNLOAD_FAILED,
}
"""What a fate of a pod is to be called."""

SHORT = PhaseBudgets(
    capacity_seconds=6, download_seconds=6, load_seconds=6, drain_seconds=20, pull_seconds=60, start_seconds=30,
    attempts=3, failing_seconds=6,
)  # fmt: skip
LONG = PhaseBudgets()


class Follower:
    """Reads everything of one endpoint and assesses it, whole and trimmed, with one memory."""

    def __init__(self, api: Api, manifest: Object, revision: int, budgets: PhaseBudgets = LONG) -> None:
        self.api = api
        self.namespace = manifest["metadata"]["namespace"]
        self.expectation: Expectation = expect("test", "chat", [manifest], revision, revision, budgets)
        self.memory = Memory()
        self.seen: list[RolloutStatus] = []
        self.moments: list[datetime] = []
        """The time of each look, as the assessment was given it."""
        self.first_sign: datetime | None = None
        """The time of the first look at objects that told of something wrong."""

    def read(self) -> LiveObjects:
        """The pods first: what they belong to is then there too."""
        core, apps = f"/api/v1/namespaces/{self.namespace}", f"/apis/apps/v1/namespaces/{self.namespace}"
        pods, events = self.api.items(f"{core}/pods"), self.api.items(f"{core}/events")
        sets = self.api.items(f"{apps}/replicasets")
        name = self.expectation.workload
        if self.expectation.kind == "Deployment":
            workload = deployment = self.api.find(f"{apps}/deployments/{name}")
        else:
            deployment = self.api.find(f"{apps}/deployments/{name}-predictor")
            path = f"/apis/serving.kserve.io/v1beta1/namespaces/{self.namespace}/inferenceservices/{name}"
            workload = self.api.find(path)
        return LiveObjects(workload, deployment, tuple(sets), tuple(pods), tuple(events))

    def look(self) -> RolloutStatus:
        """One assessment; the one of the trimmed objects has to be the same."""
        live, now = self.read(), datetime.now(UTC)
        if self.first_sign is None and is_shown(live.pods, live.events):
            self.first_sign = now
        status, memory = assess(self.expectation, live, now, self.memory)
        assert assess(self.expectation, trim(live), now, self.memory) == (status, memory)
        self.memory = memory
        self.seen.append(status)
        self.moments.append(now)
        return status

    def until(self, good: Callable[[RolloutStatus], Any], seconds: float = 60.0) -> RolloutStatus:
        """Look until the answer is good; fails with the last answer."""
        deadline = time.monotonic() + seconds
        while True:
            status = self.look()
            if good(status):
                return status
            assert time.monotonic() < deadline, f"not as expected after {seconds:g} s: {status.to_dict()}"
            time.sleep(0.05)

    def forget(self) -> None:
        """As after a restart of revstamp."""
        self.memory = replace(Memory())


def trim(live: LiveObjects) -> LiveObjects:
    """As a watch keeps them."""
    workload = live.workload
    if workload is not None:
        workload = trim_deployment(workload) if workload["kind"] == "Deployment" else trim_inference_service(workload)
    return LiveObjects(
        workload,
        trim_deployment(live.deployment) if live.deployment is not None else None,
        tuple(trim_replica_set(body) for body in live.replica_sets),
        tuple(trim_pod(body) for body in live.pods),
        tuple(trim_event(body) for body in live.events),
        tuple(trim_inference_service(body) for body in live.revisions),
    )
