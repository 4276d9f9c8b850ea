"""Killed at any moment, the reconciler loses nothing and deletes nothing that should stay."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.gitops import GitOps
from tests.proofs.agreement import find_disagreements, wait_for_agreement
from tests.proofs.bystanders import GUARDED, make_bystanders, read_uids
from tests.proofs.instances import Instance, Instances, instances_of
from tests.proofs.stream import CommitStream
from tests.proofs.witness import witnessing
from tests.testbed.fixtures.cluster import Cluster

_NATURAL = 25
"""Of so many kills, after one the lease of the dead has to run out; after the others it is taken away, to save time."""


_AT_WORK = 0.7
"""Of so many kills the victim leads, and commits have just come in; the others meet whatever there is."""


@dataclass
class Tally:
    """What a run came to."""

    kills: int = 0
    in_pairs: int = 0
    working: int = 0
    """Kills of an instance that led at that moment."""


def find_leader(instances: Instances) -> Instance | None:
    """The one that has said that it leads."""
    return next((each for each in instances.running if each.lines("leading")), None)


def kill_once(
    instances: Instances, testbed: Cluster, stream: CommitStream, chance: random.Random, tally: Tally
) -> None:
    """Commits while one or two instances run; then one of them dies."""
    wanted = chance.choice([1, 1, 2])
    while len(instances.running) < wanted:
        instances.start()
    at_work = chance.random() < _AT_WORK
    if at_work:
        instances.running[0].wait(lambda: find_leader(instances) is not None, "one leads")
    for _ in range(chance.randint(1, 2)):
        stream.step()
    time.sleep(chance.random() * (0.5 if at_work else 2.0))  # any moment: starting, listing, applying, waiting
    victim = (find_leader(instances) if at_work else None) or chance.choice(instances.running)
    tally.working += bool(victim.lines("leading"))
    victim.kill()
    tally.kills += 1
    tally.in_pairs += wanted == 2
    if tally.kills % _NATURAL != _NATURAL // 2:
        # Only of the dead: the lease of one that lives says its own process.
        path = f"/apis/coordination.k8s.io/v1/namespaces/{stream.gitops.namespace}/leases/revstamp-test"
        lease = testbed.api.find(path)
        if lease is not None and f"_{victim.process.pid}_" in str(lease["spec"].get("holderIdentity")):
            testbed.api.delete(path)


def prove(gitops: GitOps, testbed: Cluster, logs: Path, chance: random.Random, kills: int) -> None:
    """Bystanders, a stream of commits, kills; then agreement."""
    gitops.edit_environment(lambda spec: spec["policies"].update(pruneLimit=200))
    stream, tally, began = CommitStream(gitops, chance), Tally(), time.monotonic()
    make_bystanders(gitops, testbed.api)
    stream.begin()
    with (
        witnessing(testbed.api, gitops.namespace) as witness,
        instances_of(gitops.root, testbed.kubeconfig, logs) as instances,
    ):
        instances.start()
        wait_for_agreement(gitops, testbed.api, {GUARDED}, 60)
        testbed.api.wait(f"/apis/apps/v1/namespaces/{gitops.namespace}/deployments/keep-served-predictor", bool)
        uids = read_uids(gitops, testbed.api)
        while tally.kills < kills:
            kill_once(instances, testbed, stream, chance, tally)
        stream.end()
        if not instances.running:
            instances.start()
        took = wait_for_agreement(
            gitops, testbed.api, {GUARDED}, 120, lambda: instances.running[-1].log.read_text()[-6000:]
        )
        wrong = witness.wrongly_deleted(stream.may_go)
        later = read_uids(gitops, testbed.api)
        lost = find_disagreements(gitops, testbed.api, {GUARDED})
        bugs = instances.bugs() + instances.tracebacks()
    print(f"\ncommits {stream.commits} {dict(sorted(stream.counts.items()))}")
    print("kills  leading  of two  lost  wrongly deleted  settled after  seconds")
    print(
        f"{tally.kills:5} {tally.working:8} {tally.in_pairs:7} {len(lost):5} {len(wrong):16} {took:13.1f}s"
        f"{time.monotonic() - began:9.0f}"
    )
    assert not wrong
    assert {name: later.get(name) for name in uids} == uids
    assert not lost
    assert not bugs


@pytest.mark.cluster
def test_what_is_killed_five_times_loses_nothing(
    gitops: GitOps, testbed: Cluster, tmp_path: Path, chance: random.Random
) -> None:
    """At moments chosen by chance, with one and with two instances."""
    prove(gitops, testbed, tmp_path / "logs", chance, 5)


@pytest.mark.soak
def test_what_is_killed_a_hundred_times_loses_nothing(
    gitops: GitOps, testbed: Cluster, tmp_path: Path, chance: random.Random
) -> None:
    """The same for longer."""
    prove(gitops, testbed, tmp_path / "logs", chance, 100)
