"""Redeploys never leave fewer ready pods than the strategy promises, one after the other or into one another."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from generator.cluster.kinds import DEPLOYMENT, INFERENCE_SERVICE
from generator.service.desired import DesiredEnvironment
from generator.service.workspace import Workspace
from generator.settings import Settings
from tests.cluster.gitops import GitOps, Running, reconciling
from tests.cluster.gitops_fixtures import Open
from tests.proofs.ready_pods import ReadyPods, counting
from tests.testbed.fixtures.cluster import Cluster

ENDPOINTS: dict[str, dict[str, Any]] = {
    "plain": {"replicas": {"min": 3, "max": 3}},
    "served": {"replicas": {"min": 2, "max": 2}, "framework": "kserve"},
    "scarce": {"replicas": {"min": 3, "max": 3}, "gpus": 1},
}
"""A Deployment, an InferenceService, and one whose old pod has to go before the new one has a GPU."""
BROKEN = "registry.internal/serve/vllm:fate-image-pull"
_BROKEN_ROUND = 7
"""Of ten rounds this one is broken; the next one mends it."""


def desired(gitops: GitOps) -> DesiredEnvironment:
    """What the tip wants."""
    workspace = Workspace.open(gitops.root, Settings())
    return DesiredEnvironment(workspace.repository.snapshot(gitops.tip), gitops.environment)


def promised(gitops: GitOps, name: str) -> int:
    """Replicas less maxUnavailable, as the manifest at the tip says."""
    for body in desired(gitops).read(name).bodies:
        if body["kind"] == DEPLOYMENT.name:
            return int(body["spec"]["replicas"]) - _unavailable(body["spec"]["strategy"])
        if body["kind"] == INFERENCE_SERVICE.name:
            predictor = body["spec"]["predictor"]
            return int(predictor["minReplicas"]) - _unavailable(predictor["deploymentStrategy"])
    raise AssertionError(f"{name} has no workload")


def _unavailable(strategy: Any) -> int:
    assert strategy["type"] == "RollingUpdate"
    return int(strategy["rollingUpdate"]["maxUnavailable"])


def is_settled(running: Running, gitops: GitOps, name: str) -> bool:
    """Whether only pods of the tip's revision serve."""
    loop = running.reconciler.loops[gitops.environment]
    status = loop.term.tracker.status(name) if loop.term is not None else None
    wanted = desired(gitops).read(name).revision
    return bool(status and status.newest_live and status.expectation.revision == wanted)


def choose_options(number: int, chance: random.Random) -> tuple[str, ...]:
    """Options of a redeploy: the same again, another image whose pods take their time to load, or a broken one."""
    if number % 10 == _BROKEN_ROUND:
        return ("--image", BROKEN)
    if number % 10 != _BROKEN_ROUND + 1 and chance.random() < 0.3:
        return ()
    return (
        "--image",
        f"registry.internal/serve/vllm:fate-slow-load-after-{chance.randrange(200, 1500, 100)}ms-drain-1s",
    )


def redeploy_all(gitops: GitOps, running: Running, counted: ReadyPods, chance: random.Random, rounds: int) -> int:
    """Redeploy all endpoints `rounds` times, half of the times without waiting for the last one; how many waited."""
    waited = 0
    for number in range(rounds):
        for name in ENDPOINTS:
            gitops.type("redeploy", f"{gitops.environment}/{name}", *choose_options(number, chance))
        if number % 10 == _BROKEN_ROUND:
            running.wait(lambda: _is_failing(running, gitops), "a broken revision shows")
        elif number % 2 or number == rounds - 1:
            waited += 1
            for name in ENDPOINTS:
                running.wait(lambda name=name: is_settled(running, gitops, name), f"{name} of round {number}", 120)  # type: ignore[misc]
                assert counted.count(name) >= promised(gitops, name)
        else:
            time.sleep(chance.uniform(0, 1.5))  # somewhere in the middle of the rollout
    return waited


def _is_failing(running: Running, gitops: GitOps) -> bool:
    term = running.reconciler.loops[gitops.environment].term
    return term is not None and all(
        (status := term.tracker.status(name)) is not None and status.failure is not None and status.serving
        for name in ENDPOINTS
    )


def prove(gitops: GitOps, opening: Open, testbed: Cluster, chance: random.Random, rounds: int) -> None:
    """The endpoints serve; then they are redeployed, and counted all the while."""
    gitops.edit_environment(lambda spec: spec["gpuPools"][0].update(spareGpus=0))
    for name, changes in ENDPOINTS.items():
        add_endpoint(gitops, name, changes)
    began = time.monotonic()
    with (
        reconciling(gitops, opening, poll=0.1) as running,
        counting(testbed.api, gitops.namespace) as counted,
    ):
        running.wait_applied(gitops.tip)
        for name in ENDPOINTS:
            running.wait(lambda name=name: is_settled(running, gitops, name), f"{name} serves")  # type: ignore[misc]
            # KServe's Deployment begins with one pod; its autoscaler brings the others.
            running.wait(lambda name=name: counted.count(name) >= ENDPOINTS[name]["replicas"]["min"], f"all of {name}")  # type: ignore[misc]
            counted.begin(name)
        waited = redeploy_all(gitops, running, counted, chance, rounds)
        lines = [(name, promised(gitops, name), counted.least(name)) for name in ENDPOINTS]
    print(f"\n{'endpoint':10} {'redeploys':>9} {'overlapping':>11} {'promised':>8} {'least':>6}")
    for name, least, seen in lines:
        print(f"{name:10} {rounds:9} {rounds - waited:11} {least:8} {seen:6}")
    print(f"{counted.samples} samples in {time.monotonic() - began:.0f} s")
    low = {name: counted.history(name, least) for name, least, seen in lines if seen < least}
    assert not low, low


def add_endpoint(gitops: GitOps, name: str, changes: dict[str, Any]) -> None:
    """With pods that take a second to go."""
    spec = {key: value for key, value in changes.items() if key != "gpus"}
    gitops.add(name, image="registry.internal/serve/vllm:first-drain-1s", server="vllm", **spec)
    if "gpus" in changes:
        gitops.type("redeploy", f"{gitops.environment}/{name}", "--use-gpu", "--gpus", str(changes["gpus"]))


@pytest.mark.cluster
def test_no_redeploy_takes_more_pods_away_than_its_strategy_says(
    gitops: GitOps, opening: Open, testbed: Cluster, chance: random.Random
) -> None:
    """Four redeploys of each, two of them into the one before."""
    prove(gitops, opening, testbed, chance, 4)


@pytest.mark.soak
def test_no_redeploy_of_fifty_takes_more_pods_away_than_its_strategy_says(
    gitops: GitOps, opening: Open, testbed: Cluster, chance: random.Random
) -> None:
    """Half of them into the one before; some of the revisions are broken."""
    prove(gitops, opening, testbed, chance, 50)
