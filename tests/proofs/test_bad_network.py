"""Through a network and servers that fail all the time, git and cluster agree in the end, and it was said meanwhile."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.gitops import GitOps
from tests.fleet_repository import git
from tests.proofs.agreement import find_disagreements, wait_for_agreement
from tests.proofs.bystanders import GUARDED, make_bystanders, read_uids
from tests.proofs.instances import Instance, instances_of
from tests.proofs.stream import CommitStream
from tests.proofs.witness import witnessing
from tests.testbed.api_faults import (
    Answer,
    DropAnswer,
    DropRequest,
    EndWatch,
    Match,
    conflict,
    gone,
    internal_error,
    too_many_requests,
)
from tests.testbed.fault_proxy import FaultProxy
from tests.testbed.faults import Delay
from tests.testbed.fixtures.cluster import Cluster
from tests.testbed.git_faults import BUSY, CutRequest
from tests.testbed.git_server import GitServer

ORDINARY = Match(watch=False)
FAULTS: dict[str, tuple[Match, object, int]] = {
    "429": (ORDINARY, too_many_requests(1), 4),
    "503": (ORDINARY, Answer(503, "ServiceUnavailable", "no endpoints available for service"), 4),
    "500": (Match("PATCH"), internal_error(), 3),
    "409": (Match("P*"), conflict(), 3),
    "cut before": (ORDINARY, DropRequest(), 3),
    "cut answer": (ORDINARY, DropAnswer(), 3),
    "cut middle": (ORDINARY, DropAnswer(5), 3),
    "slow": (ORDINARY, Delay(0.5), 12),
    "half open": (Match("P*"), Delay(8.0), 1),
    "watch forgotten": (Match(watch=True), gone(), 3),
    "watch cut soon": (Match(watch=True), EndWatch(after_events=1, broken=True), 4),
}
"""What befalls so many of the next requests."""


class BadNetwork:
    """A reconciler that reaches its API server through a proxy and its remote through a server with faults."""

    def __init__(self, instance: Instance, proxy: FaultProxy, remote: GitServer, chance: random.Random) -> None:
        self.instance, self.proxy, self.remote, self.chance = instance, proxy, remote, chance
        self.met: Counter[str] = Counter()

    def plan_fault(self) -> None:
        """One of the faults, chosen by chance; also for what is asked of the remote."""
        name = self.chance.choice(sorted(FAULTS))
        match, action, times = FAULTS[name]
        self.proxy.next(match, action, times)
        self.met[name] += 1
        if self.chance.random() < 0.3:
            self.proxy.cut_watches(how=self.chance.choice([EndWatch(broken=True), EndWatch(error=gone()), EndWatch()]))
            self.met["all watches cut"] += 1
        if self.chance.random() < 0.3:
            self.remote.next("fetch", self.chance.choice([BUSY, CutRequest(), Delay(1.0)]), times=2)
            self.met["remote"] += 1

    def take_api_away(self, seconds: float) -> None:
        """Until `/readyz` and the metrics have said so, and so long at least."""
        self.proxy.clear()
        self.proxy.next(Match(), DropRequest(), times=None)
        self.proxy.cut_watches(how=EndWatch(broken=True))
        self._wait_until_said("revstamp_cluster_failing_seconds", seconds)
        self.proxy.clear()
        self.instance.wait(lambda: self.instance.readiness().get("ready"), "ready again", 60)
        assert self.instance.metric("revstamp_cluster_failing_seconds") == 0
        self.met["API server away"] += 1

    def take_remote_away(self, seconds: float) -> None:
        """The same for the remote."""
        self.remote.next("fetch", BUSY, times=None)
        self._wait_until_said("revstamp_source_failing_seconds", seconds)
        self.remote.clear()
        self.instance.wait(lambda: self.instance.readiness().get("ready"), "ready again", 60)
        assert self.instance.metric("revstamp_source_failing_seconds") == 0
        self.met["remote away"] += 1

    def _wait_until_said(self, metric: str, seconds: float) -> None:
        began = time.monotonic()
        self.instance.wait(lambda: self.instance.ask("/readyz")[0] == 503, "/readyz says no", 30)
        self.instance.wait(lambda: self.instance.metric(metric) > 0, f"{metric} counts", 10)
        self.instance.wait(lambda: time.monotonic() - began >= seconds, "the outage ends")
        assert self.instance.ask("/readyz")[0] == 503
        assert self.instance.ask("/healthz")[0] == 200


def make_remote(gitops: GitOps, remote: GitServer) -> str:
    """A bare repository that people reach by its path, and the reconciler over HTTP."""
    bare = remote.root / "origin.git"
    git(remote.root, "init", "-q", "--bare", "-b", "main", str(bare))
    git(gitops.root, "remote", "add", "origin", str(bare))
    git(gitops.root, "push", "-q", "-u", "origin", "main")
    return remote.url("origin.git", "ann")


def prove(
    gitops: GitOps,
    testbed: Cluster,
    remote: GitServer,
    proxy: FaultProxy,
    chance: random.Random,
    steps: int,
    away: float,
) -> float:
    """Commits and faults, an outage of each side; then agreement. How many attempts have failed."""
    gitops.edit_environment(lambda spec: spec["policies"].update(pruneLimit=200))
    make_bystanders(gitops, testbed.api)
    address, folder, began = make_remote(gitops, remote), remote.root, time.monotonic()
    kubeconfig = proxy.write_kubeconfig(folder / "kubeconfig")
    stream = CommitStream(gitops, chance)
    stream.begin()
    with (
        witnessing(testbed.api, gitops.namespace) as witness,
        instances_of(gitops.root, kubeconfig, folder / "logs") as instances,
    ):
        instance = instances.start("--url", address, "--mirror", str(folder / "mirror"))
        network = BadNetwork(instance, proxy, remote, chance)
        instance.wait(lambda: instance.readiness().get("ready"), "ready at first")
        wait_for_agreement(gitops, testbed.api, {GUARDED}, 60)
        uids = read_uids(gitops, testbed.api)
        for number in range(steps):
            network.plan_fault()
            for _ in range(chance.randint(1, 2)):
                stream.step()
            time.sleep(chance.uniform(0, 1.0))  # so that faults meet passes at any moment
            if number == steps // 3:
                network.take_api_away(away)
            if number == 2 * steps // 3:
                network.take_remote_away(away)
        stream.end()
        took = wait_for_agreement(gitops, testbed.api, {GUARDED}, 120, lambda: instance.log.read_text()[-6000:])
        instance.wait(lambda: instance.readiness().get("ready"), "ready in the end", 60)
        failures = instance.metric("revstamp_failures_total")
        wrong, later = witness.wrongly_deleted(stream.may_go), read_uids(gitops, testbed.api)
        lost = find_disagreements(gitops, testbed.api, {GUARDED})
        bugs = instances.bugs() + instances.tracebacks()
    print(
        f"\ncommits {stream.commits} {dict(sorted(stream.counts.items()))}\nfaults {dict(sorted(network.met.items()))}"
    )
    print("failures counted  lost  wrongly deleted  settled after  seconds")
    print(f"{failures:16.0f} {len(lost):5} {len(wrong):16} {took:13.1f}s{time.monotonic() - began:9.0f}")
    assert not wrong
    assert {name: later.get(name) for name in uids} == uids
    assert not lost
    assert not bugs
    return failures


@pytest.mark.cluster
def test_faults_and_outages_are_survived_and_said(
    gitops: GitOps,
    testbed: Cluster,
    git_server: GitServer,
    start_fault_proxy: Callable[[Path], FaultProxy],
    chance: random.Random,
) -> None:
    """A few of each; both sides are away until `/readyz` has said so."""
    prove(gitops, testbed, git_server, start_fault_proxy(testbed.kubeconfig), chance, 6, 0.0)


@pytest.mark.soak
def test_hundreds_of_faults_and_long_outages_are_survived_and_said(
    gitops: GitOps,
    testbed: Cluster,
    git_server: GitServer,
    start_fault_proxy: Callable[[Path], FaultProxy],
    chance: random.Random,
) -> None:
    """Both sides are away for 20 seconds."""
    assert prove(gitops, testbed, git_server, start_fault_proxy(testbed.kubeconfig), chance, 60, 20.0) > 0
