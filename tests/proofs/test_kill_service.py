"""Killed at any moment, with everything they need going away in between, worker, reader and reconciler lose nothing."""

from __future__ import annotations

import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from generator.gitops.remote import Remote
from generator.gitops.repository import Repository
from generator.service.redeployments import Redeployments
from generator.service.trunk import MirroredTrunk
from generator.spec.names import endpoint_name
from generator.store.ledger import Ledger
from generator.store.platform import PlatformRows
from generator.store.states import State
from tests.cluster.gitops import GitOps, make_gitops
from tests.proofs.askers import Askers, asking
from tests.proofs.outages import KINDS, Outages
from tests.proofs.service_agreement import (
    commits_by_request,
    find_differences,
    find_doubled,
    find_illegal,
    find_lost,
    find_unfounded,
    list_rows,
    record_states,
)
from tests.proofs.service_parts import ROLES, ServiceParts, serving
from tests.proofs.test_bad_network import make_remote
from tests.testbed.fault_proxy import FaultProxy
from tests.testbed.fixtures.cluster import Cluster
from tests.testbed.git_server import GitServer
from tests.testbed.postgres_crash import CrashingPostgres
from tests.worker.stage import add_rows, open_database

_AT_WORK = 0.6
"""Of so many kills the victim is the one that leads; the others meet whatever there is, starting ones too."""
MODEL = "64a15960-62cd-51a2-9721-85edaa194da1"
"""The catalogue's entry that every endpoint of this proof serves."""


@contextmanager
def everything(
    tmp_path: Path, testbed: Cluster, namespace: str, postgres: CrashingPostgres, remote: GitServer, proxy: FaultProxy
) -> Iterator[tuple[GitOps, Redeployments, ServiceParts]]:
    """Repository, remote, database, clients' service and the means to start the rest."""
    gitops = make_gitops(tmp_path / "gitops", namespace, environment="dev")
    gitops.edit_environment(lambda spec: spec.setdefault("budgets", {}).update(failingSeconds=10, preStopSeconds=1))
    url = make_remote(gitops, remote)
    address = postgres.create_database().url
    database = open_database(address)
    record_states(database)
    mirror = Repository.clone_mirror(url, tmp_path / "clients.git")
    trunk = MirroredTrunk(mirror, "main", Remote(url, "main"))
    parts = ServiceParts(
        gitops.root, url, database, address, proxy.write_kubeconfig(tmp_path / "kubeconfig"), testbed.api,
        f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/revstamp-dev", tmp_path / "logs",
    )  # fmt: skip
    with ExitStack() as ending:
        ending.callback(database.close)
        ending.enter_context(serving(parts))
        yield gitops, Redeployments(trunk, Ledger(database), PlatformRows(database)), parts


def add_endpoints(service: Redeployments, namespace: str, count: int, chance: random.Random) -> list[str]:
    """Rows of so many endpoints, every third of them served by KServe; their ids."""
    ids = [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(count)]
    model = {
        "id": MODEL, "name": "chat", "version": "1.0", "type": "fine-tuned", "status": "approved",
        "owner_team": "nlp", "model_family": "llama", "storage_uri": "s3://models/chat/1.0",
        "metadata": {"job_type": "SFT", "max_position_embeddings": 8192},
    }  # fmt: skip
    endpoints = [
        {
            "id": identity, "model_entry_id": MODEL, "environment": "dev", "route": f"/llm/e{number}",
            "status": "deploying", "min_replicas": 1, "max_replicas": 1, "use_gpu": False,
            "runtime_image": "registry.internal/serve/vllm:first", "deployment_spec": {"use_gpu": False},
        }
        for number, identity in enumerate(ids)
    ]  # fmt: skip
    deployments = [
        {
            "serving_endpoint_id": identity, "serving_framework": "kserve" if number % 3 == 2 else "deployment",
            "framework_resource_id": endpoint_name(identity), "framework_namespace": namespace,
            "replica_count": 1, "min_replicas": 1, "max_replicas": 1,
        }
        for number, identity in enumerate(ids)
    ]  # fmt: skip
    assert service.platform is not None
    add_rows(service.platform, {"models": [model], "endpoints": endpoints, "deployments": deployments})
    return ids


def kill_once(parts: ServiceParts, chance: random.Random, longest: float, *, is_away: bool = False) -> None:
    """Have one or two of each role; one of them dies at a moment chosen by chance, most often one that is at work."""
    role, at_work = chance.choice(ROLES), not is_away and chance.random() < _AT_WORK
    for each in ROLES:
        parts.fill(each, chance.choice([1, 2]))
    if at_work:
        parts.wait(lambda: parts.find_leader(role) is not None, f"a {role} leads")
    time.sleep(chance.uniform(0, longest))  # any moment: starting, reading, committing, watching, writing
    if victims := parts.running(role):
        parts.kill(role, (parts.find_leader(role) if at_work else None) or chance.choice(victims))


def prove(
    gitops: GitOps, service: Redeployments, parts: ServiceParts, outages: Outages, chance: random.Random,
    kills: int, endpoints: int, clients: int, away: float,
) -> None:  # fmt: skip
    """A stream of requests, kills, outages; then everything is settled, and all agree."""
    began, targets = time.monotonic(), add_endpoints(service, gitops.namespace, endpoints, chance)
    askers = Askers(service, targets, chance)
    for role in ROLES:
        parts.fill(role)
    for target in targets:
        askers.ask(target, "again")
    wait_until_settled(service, parts, 120)
    every = max(2, kills // (4 if kills < 50 else 30))
    with asking(askers, clients):
        while (number := sum(parts.kills.values())) < kills:
            if number % every == every - 1:
                kind = KINDS[number // every % len(KINDS)]
                with outages.away(kind):
                    kill_once(parts, chance, away, is_away=True)
                outages.lose_answers()
            kill_once(parts, chance, 2.0)
    for role in ROLES:
        parts.fill(role)
    stopped = time.monotonic()
    wait_until_settled(service, parts, 300)
    differences, took = wait_until_agreed(gitops, service, parts, targets, stopped)
    tell(service, parts, outages, askers, gitops, differences, took, time.monotonic() - began)


def wait_until_settled(service: Redeployments, parts: ServiceParts, seconds: float) -> None:
    """Until no redeployment is without a verdict."""
    end = time.monotonic() + seconds
    while rows := service.queries.unsettled():
        told = [f"{row.id} {row.name} {row.kind} {row.state} r{row.revision} {row.phase} {row.message}" for row in rows]
        assert time.monotonic() < end, "\n".join([*told, parts.tails()])
        time.sleep(0.2)


def wait_until_agreed(
    gitops: GitOps, service: Redeployments, parts: ServiceParts, targets: list[str], since: float
) -> tuple[list[str], float]:
    """What is different still after a minute; and how long everything has taken since a moment."""
    end, rows = time.monotonic() + 60, list_rows(service)
    while (found := find_differences(gitops, parts.api, service, targets, rows)) and time.monotonic() < end:
        rows = list_rows(service)
        time.sleep(0.3)
    return found, time.monotonic() - since


def tell(
    service: Redeployments, parts: ServiceParts, outages: Outages, askers: Askers, gitops: GitOps,
    differences: list[str], took: float, seconds: float,
) -> None:  # fmt: skip
    """The table, and the claims."""
    rows = list_rows(service)
    commits = commits_by_request(outages.remote.root / "origin.git")
    illegal, holders = find_illegal(parts.database)
    lost, doubled, bugs = find_lost(rows, askers.done, 0), find_doubled(rows, commits), parts.bugs()
    states = Counter(row.state for row in rows)
    refused = states.pop(State.REFUSED, 0)
    table = {
        "kills": f"{sum(parts.kills.values())}: {_say(parts.kills)}",
        "of one at work, of one of two": f"{parts.at_work}, {parts.in_pairs}",
        "outages": _say(outages.counts),
        "requests, copies and attempts": f"{len(askers.done)}, {sum(one.attempts for one in askers.done)}",
        "accepted": f"{sum(states.values())}: {_say(Counter({state.value: n for state, n in states.items()}))}",
        "refused": refused,
        "commits of them": sum(len(commits.get(row.request_id, ())) for row in rows if row.state is not State.REFUSED),
        "lost": len(lost),
        "doubled": len(doubled),
        "illegal steps": len(illegal),
        "holders of one lock at most": holders,
        "disagreements": len(differences),
        "answers no client should get": len(askers.surprises),
        "seconds until all was settled and agreed": f"{took:.1f}",
        "seconds": f"{seconds:.0f}",
    }
    print("\n| what | figure |\n|---|---|\n" + "\n".join(f"| {what} | {value} |" for what, value in table.items()))
    wrong = [*find_unfounded(rows), *lost, *doubled, *illegal, *differences, *askers.surprises, *map(str, bugs)]
    assert not wrong, "\n".join(wrong)
    assert holders == 1


def _say(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


@pytest.mark.cluster
@pytest.mark.testbed
def test_a_service_that_is_killed_a_dozen_times_loses_nothing(
    tmp_path: Path,
    testbed: Cluster,
    namespace: str,
    crashing_postgres: CrashingPostgres,
    git_server: GitServer,
    start_fault_proxy: Callable[[Path], FaultProxy],
    chance: random.Random,
) -> None:
    """Two clients, three endpoints; each of the three servers is away once."""
    proxy = start_fault_proxy(testbed.kubeconfig)
    with everything(tmp_path, testbed, namespace, crashing_postgres, git_server, proxy) as (gitops, service, parts):
        prove(gitops, service, parts, Outages(git_server, crashing_postgres, proxy, chance), chance, 12, 3, 2, 1.0)


@pytest.mark.soak
def test_a_service_that_is_killed_two_hundred_times_loses_nothing(
    tmp_path: Path,
    testbed: Cluster,
    namespace: str,
    crashing_postgres: CrashingPostgres,
    git_server: GitServer,
    start_fault_proxy: Callable[[Path], FaultProxy],
    chance: random.Random,
) -> None:
    """Four clients, eight endpoints; the servers are away for some seconds, thirty times in all."""
    proxy = start_fault_proxy(testbed.kubeconfig)
    with everything(tmp_path, testbed, namespace, crashing_postgres, git_server, proxy) as (gitops, service, parts):
        prove(gitops, service, parts, Outages(git_server, crashing_postgres, proxy, chance), chance, 200, 8, 4, 4.0)
