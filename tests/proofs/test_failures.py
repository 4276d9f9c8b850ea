"""Every failure is named within seconds of its first sign in the cluster, and settled when its budget is spent."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from generator.cli.main import run
from generator.rollout.status import Reason, RolloutStatus, Verdict
from tests.cluster.assessment import FAILURES
from tests.cluster.first_signs import FirstSigns
from tests.cluster.gitops import GitOps, Running, reconciling
from tests.cluster.gitops_fixtures import Open
from tests.proofs.watching import watching
from tests.testbed.fixtures.cluster import Cluster
from tests.testbed.kube.api import Object

pytestmark = pytest.mark.cluster

BUDGET = 6
"""Seconds of each budget."""
NAMED = 5.0
"""Seconds from the first sign until it has a name."""
SETTLED = 15.0
"""Seconds from when it is due until it is settled."""
REASONS = {**FAILURES, "never-ready": Reason.LOAD_TIMEOUT, "no-gpus": Reason.UNSCHEDULABLE}
LATE = {"never-ready": 10, "image-pull": 22}
"""Seconds until these are due: a load by whole periods of its probe, nothing being wrong before; three pulls, with
eleven seconds from one to the next."""
FRAMEWORKS = {"d": "deployment", "k": "kserve"}


def add_all(gitops: GitOps, *, broken: bool) -> None:
    """One endpoint of each framework for each fate, in one commit."""
    for letter, framework in FRAMEWORKS.items():
        for fate in REASONS:
            spec: dict[str, Any] = {"framework": framework}
            if broken and fate == "no-gpus":
                spec["deployment"] = {"use_gpu": True}
            elif broken:
                spec |= {"image": f"registry.internal/serve/vllm:fate-{fate}-after-500ms", "server": "vllm"}
            gitops.add(f"{letter}-{fate}", commit=False, **spec)
    gitops.type("commit", "-m", "broken" if broken else "good")


def place(spec: dict[str, Any]) -> None:
    """Small budgets, all rollouts at once; no node has as many GPUs as one replica asks for."""
    spec["budgets"] |= {"failingSeconds": BUDGET, "loadSeconds": BUDGET, "capacitySeconds": BUDGET}
    spec["policies"] |= {"maxConcurrentRollouts": 100}
    spec["resources"]["gpus"] = 9
    spec["gpuPools"] = [{"name": "big", "gpus": 90, "gpusPerNode": 9, "gpuMemoryMib": 81559}]


class Told:
    """What the reconciler's tracker tells of the second revisions, at the moment when it does."""

    def __init__(self, running: Running) -> None:
        self.named: dict[str, float] = {}
        self.settled: dict[str, float] = {}
        self.spent: dict[str, float] = {}
        """Seconds from the failure's own time until it was a verdict."""
        self.last: dict[str, RolloutStatus] = {}
        term = running.reconciler.loops["test"].term
        assert term is not None
        self._go_on = term.tracker._on_change
        term.tracker._on_change = self._note

    def _note(self, before: RolloutStatus | None, after: RolloutStatus) -> None:
        now, moment, name = time.monotonic(), datetime.now(UTC), after.expectation.endpoint
        if after.expectation.revision == 2:
            self.last[name] = after
            if after.failure is not None and after.failure.reason is REASONS[name[2:]]:
                self.named.setdefault(name, now)
            if after.failure is not None and after.verdict is Verdict.FAILED and name not in self.settled:
                self.settled[name] = now
                self.spent[name] = (moment - after.failure.since).total_seconds()
        self._go_on(before, after)


def test_each_failure_is_named_in_time_and_settled_when_it_is_due(
    gitops: GitOps, opening: Open, testbed: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """All fates of both kinds of workload at once, by commit, reconciler and controllers; the old pods serve on."""
    gitops.edit_environment(place)
    names = [f"{letter}-{fate}" for letter in FRAMEWORKS for fate in REASONS]
    signs, core = FirstSigns(), f"/api/v1/namespaces/{gitops.namespace}"
    with reconciling(gitops, opening, poll=0.1) as running:
        add_all(gitops, broken=False)
        running.wait_applied(gitops.tip)
        testbed.api.wait(f"{core}/pods", lambda found: count_ready(found) >= len(names), 60)
        told = Told(running)
        with (
            watching(testbed.api, f"{core}/pods", signs.see_pod),
            watching(testbed.api, f"{core}/events", signs.see_event),
        ):
            add_all(gitops, broken=True)
            running.wait(lambda: set(told.settled) >= set(names), "all are settled", seconds=120)
            signed = {name: signs.wait(name) for name in names}
        capsys.readouterr()
        assert (
            run(["-C", str(gitops.root), "status", "-e", "test", "--kubeconfig", str(testbed.kubeconfig), "-o", "json"])
            == 0
        )
        said = capsys.readouterr().out
    lines = [(name, told.named[name] - signed[name], told.settled[name] - signed[name]) for name in names]
    print(f"\n{'endpoint':16} {'named after':>12} {'settled after':>14}")
    for name, until_named, until_settled in lines:
        print(f"{name:16} {until_named:11.2f}s {until_settled:13.2f}s")
    assert not [line for line in lines if line[1] > NAMED + LATE.get(line[0][2:], 0)]
    assert not [name for name, seconds in told.spent.items() if seconds < BUDGET]
    assert not [line for line in lines if line[2] > LATE.get(line[0][2:], BUDGET) + SETTLED]
    assert not [name for name, status in told.last.items() if status.newest_live]
    # Without spare GPUs the only old pod has to go first, and the plan said so.
    assert {name for name, status in told.last.items() if not status.serving} <= {"d-no-gpus", "k-no-gpus"}
    for item in json.loads(said)["endpoints"]:
        assert item["rollout"]["failure"]["reason"] == REASONS[item["endpoint"][2:]].value


def count_ready(found: Object) -> int:
    """Ready pods of a list."""
    return sum(
        item["type"] == "Ready" and item["status"] == "True"
        for pod in found["items"]
        for item in pod.get("status", {}).get("conditions") or []
    )
