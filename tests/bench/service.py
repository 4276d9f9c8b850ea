"""The service: redeploys accepted and committed, from a pod's event to the ledger's row, the status reader's memory.

Nothing like it is known to compare with. Accepting is everything that is done before a client has its answer: the tip
is read from the remote, the endpoint planned and rendered, the row, its event and the audit written. PostgreSQL runs
with `fsync` off, as tests have it; SQLite waits for the disk.
"""

from __future__ import annotations

import io
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from generator.cluster.port import Cluster as Port
from generator.gitops.remote import Remote
from generator.gitops.repository import Repository
from generator.reconciler.log import make_log
from generator.reconciler.source import BranchSource
from generator.service.recording import Asker
from generator.service.redeployments import Redeployments
from generator.service.trunk import MirroredTrunk
from generator.store.database import Database
from generator.store.ledger import Ledger
from generator.store.platform import PlatformRows
from generator.store.queries import Filter
from generator.store.schema import upgrade_schema
from generator.store.states import State
from generator.worker.background import WORKER, Background
from tests.bench.cluster_fleet import make_fleet, name_of
from tests.bench.harness import Bench, Row, benchmark, percentile, seconds, tell
from tests.bench.reader_latency import measure_latencies
from tests.bench.reader_memory import measure_memory
from tests.cluster.gitops import GitOps
from tests.fleet_repository import git
from tests.testbed.postgres import MISSING, PostgresServer, find_binaries

_LATENCY_GOAL = 200
_MEMORY_GOAL = 300


@benchmark("service")
def measure(bench: Bench) -> Iterator[Row]:
    """All rows; those of PostgreSQL only where it is installed."""
    for row in _measure_all(bench):
        tell(f"service: {row.name}: {row.value} {row.unit}")
        yield row


def _measure_all(bench: Bench) -> Iterator[Row]:
    yield from _measure_redeploys(bench, bench.pick(full=400, quick=40, tiny=4))
    rounds = bench.pick(full=200, quick=20, tiny=3)
    latencies = measure_latencies(bench.scratch / "latency", bench.pick(full=1000, quick=50, tiny=2), rounds)
    for what, values in latencies.items():
        value, goal = round(percentile(values, 0.99) * 1000, 1), f"< {_LATENCY_GOAL} ms"
        yield Row(f"{what} to the ledger's row, p99", value, "ms", goal=goal, goal_met=value < _LATENCY_GOAL)
    for count in dict.fromkeys((bench.pick(full=1000, quick=100, tiny=2), bench.pick(full=10_000, quick=100, tiny=2))):
        peak, goal = measure_memory(bench.scratch / f"memory-{count}", count), f"< {_MEMORY_GOAL} MiB"
        yield Row(f"memory of read-status, {count} endpoints", peak, "MiB", goal=goal, goal_met=peak < _MEMORY_GOAL)


def _measure_redeploys(bench: Bench, count: int) -> Iterator[Row]:
    """On each database, by one client and by eight: accepted only, and until a worker in this process has committed."""
    fleet = make_fleet(bench.scratch / "fleet", "bench", count, running=0)
    with ExitStack() as ending:
        for name, make_url in open_databases(bench, ending):
            for clients in (1, 8):
                what = f"{clients} client{'s' if clients > 1 else ''}, {name}"
                with _serving(bench, fleet, make_url()) as (service, _):
                    took = seconds(lambda: _redeploy_all(service, clients, count))  # noqa: B023 - called at once
                yield Row(f"redeploys accepted, {what}", round(count / took, 1), "/s")
                with _serving(bench, fleet, make_url(), is_working=True) as (service, _):
                    took = seconds(lambda: _redeploy_all(service, clients, count, is_working=True))  # noqa: B023
                yield Row(f"redeploys accepted and committed, {what}", round(count / took, 1), "/s")


def open_databases(bench: Bench, ending: ExitStack) -> Iterator[tuple[str, Callable[[], str]]]:
    """The kinds of database, and what makes the URL of a new one."""
    numbers = itertools.count()
    yield "SQLite", lambda: f"sqlite:///{bench.scratch}/ledger-{next(numbers)}.db"
    binaries = find_binaries()
    if binaries is None:
        bench.note(f"PostgreSQL is not measured: {MISSING}")
        return
    server = PostgresServer(binaries)
    ending.callback(server.stop)
    yield "PostgreSQL", lambda: server.create_database().url


@contextmanager
def _serving(bench: Bench, fleet: GitOps, url: str, *, is_working: bool = False) -> Iterator[tuple[Redeployments, str]]:
    """A service on a mirror of its own, perhaps with a worker; the remote is a bare repository on the same disk."""
    folder = Path(tempfile.mkdtemp(dir=bench.scratch))
    origin, mirror = folder / "origin.git", folder / "mirror.git"
    git(folder, "clone", "-q", "--bare", str(fleet.root), str(origin))
    repository, database, remote = (
        Repository.clone_mirror(str(origin), mirror),
        Database(url),
        Remote(str(origin), "main"),
    )
    upgrade_schema(database)
    service = Redeployments(MirroredTrunk(repository, "main", remote), Ledger(database), PlatformRows(database))
    log, source = make_log("json", io.StringIO()), BranchSource(repository, "main", remote, 5.0)
    worker = Background(service, source, _open_no_cluster, "bench", log, parts=(WORKER,))
    if is_working:
        worker.start()
    try:
        yield service, url
    finally:
        worker.close()
        database.close()


def _open_no_cluster(name: str) -> Port:
    raise AssertionError(f"the worker asks for the cluster {name}")


def _redeploy_all(service: Redeployments, clients: int, count: int, *, is_working: bool = False) -> None:
    """Each endpoint once; with a worker, until the last one is in git."""
    names = [f"test/{name_of(number)}" for number in range(count)]
    with ThreadPoolExecutor(clients) as pool:
        for accepted in pool.map(lambda name: service.redeploy(name, Asker("Ann <ann@example.com>")), names):
            assert accepted.is_new
    while is_working and service.queries.count(Filter(states=[State.COMMITTED])) < count:
        time.sleep(0.02)
