"""The ledger: accepted wishes a second, pages of ten thousand endpoints, a million events beside.

On SQLite and, where it is installed, on a PostgreSQL of its own whose commits are durable as in production (`fsync` is
off in the testbed: its writes reach the operating system, not the disk). There is no peer: nothing else keeps such a
ledger.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, text

from generator.store.database import Database
from generator.store.endpoints import EndpointState, EndpointStates
from generator.store.ledger import Ledger, now
from generator.store.platform import PlatformRows
from generator.store.platform_tables import PLATFORM
from generator.store.redeployment import Wish
from generator.store.retention import prune_events
from generator.store.schema import upgrade_schema
from generator.store.states import Kind
from tests.bench.harness import Bench, Row, benchmark, interleave, median, seconds, tell
from tests.testbed.postgres import MISSING, PostgresServer, find_binaries

_BATCH = 10_000
_PAGE = 100
_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@benchmark("ledger")
def measure(bench: Bench) -> Iterator[Row]:
    """All rows, of one database after the other."""
    files = [f"sqlite:///{bench.scratch / name}.db" for name in ("ledger", "beside")]
    yield from _measure_databases(bench, "SQLite", *files)
    with _postgres(bench) as urls:
        if urls:
            yield from _measure_databases(bench, "PostgreSQL", *urls)


@contextmanager
def _postgres(bench: Bench) -> Iterator[list[str]]:
    """Two databases of a server of one's own; none where it is not installed, or where only running is shown."""
    binaries = find_binaries()
    if binaries is None or bench.scale == "tiny":
        if binaries is None:
            bench.note(MISSING)
        yield []
        return
    server = PostgresServer(binaries)
    try:
        yield [f"{server.create_database().url}?options=-csynchronous_commit%3Don" for _ in range(2)]
    finally:
        server.stop()


def _measure_databases(bench: Bench, name: str, url: str, url_beside: str) -> Iterator[Row]:
    """The second one holds many old events."""
    tell(f"ledger: {name}")
    database, beside = Database(url), Database(url_beside)
    upgrade_schema(database)
    upgrade_schema(beside)
    wishes = bench.pick(full=400, quick=40, tiny=4)
    rate = _accept(database, wishes, 1)
    yield Row(f"{name}: accept, 1 client", round(rate, 1), "a second")
    yield Row(f"{name}: accept, 8 clients", round(_accept(database, wishes, 8), 1), "a second")
    yield from _measure_beside(bench, name, database, beside)
    yield from _measure_pages(bench, name, database)
    database.close()
    beside.close()


def _accept(database: Database, count: int, clients: int) -> float:
    """Wishes a second, each for an endpoint of its own."""
    ledger = Ledger(database)

    def send(_: int) -> None:
        endpoint = f"e-{uuid.uuid4().hex[:20]}"
        ledger.accept(Wish(str(uuid.uuid4()), "prod", endpoint, Kind.REDEPLOY, "Ann <ann@example.com>", "bench"))

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(send, range(clients)))
        started = time.perf_counter()
        list(pool.map(send, range(count)))
        return count / (time.perf_counter() - started)


def _measure_pages(bench: Bench, name: str, database: Database) -> Iterator[Row]:
    """Pages in the middle of all."""
    count, rounds = bench.pick(full=10_000, quick=1000, tiny=20), bench.pick(full=30, quick=10, tiny=1)
    states, platform = EndpointStates(database), PlatformRows(database)
    rollout = {"phase": "Ready", "pods": [{"name": f"pod-{number}", "ready": True} for number in range(4)]}
    moment = now()
    rows = [EndpointState("prod", f"e{number:06}", "healthy", moment, rollout=rollout) for number in range(count)]
    states.write(rows)
    middle = _add_platform_rows(database, count)
    for words, page in (
        ("endpoints", lambda: states.page(limit=_PAGE, after=("prod", f"e{count // 2:06}"))),
        ("rows of the platform", lambda: platform.list_endpoints(limit=_PAGE, before=middle)),
    ):
        assert page()  # connected, reflected, and not empty
        taken = median(seconds(page) for _ in range(rounds)) * 1000
        what = f"{name}: a page of {_PAGE} of {count:,} {words}"
        yield Row(what, round(taken, 1), "ms", goal="under 50 ms", goal_met=taken < 50)


def _add_platform_rows(database: Database, count: int) -> tuple[datetime, str]:
    """A model, and so many endpoints with a deployment each; time and id of the one in the middle."""
    model, spec = str(uuid.uuid4()), {"gpus": 1, "model_ref": "m-1", "runtime": {"max_input_tokens": 4096}}
    values = {"name": "m", "version": "1", "type": "base", "status": "approved", "model_family": "llama"}
    ids = [str(uuid.uuid4()) for _ in range(count)]
    times = [_LONG_AGO + timedelta(seconds=number) for number in range(count)]
    endpoints: list[dict[str, Any]] = [
        {"id": each, "model_entry_id": model, "environment": "prod", "route": f"/{each}", "status": "healthy"}
        | {"deployment_spec": spec, "created_at": moment}
        for each, moment in zip(ids, times, strict=True)
    ]
    bounds = {"replica_count": 1, "min_replicas": 1, "max_replicas": 3, "serving_framework": "kserve"}
    deployments = [
        {"id": str(uuid.uuid4()), "serving_endpoint_id": each, "framework_resource_id": each}
        | {"framework_namespace": "llm-ops-prod", **bounds}
        for each in ids
    ]

    def work(connection: Connection) -> None:
        connection.execute(insert(PLATFORM.tables["model_catalog_entries"]).values(id=model, **values))
        connection.execute(insert(PLATFORM.tables["serving_endpoints"]), endpoints)
        connection.execute(insert(PLATFORM.tables["serving_deployments"]), deployments)

    database.write(work)
    return times[count // 2], ids[count // 2]


def _measure_beside(bench: Bench, name: str, database: Database, beside: Database) -> Iterator[Row]:
    """What many old events cost: nothing to whoever accepts, and seconds to take them away."""
    count = bench.pick(full=1_000_000, quick=20_000, tiny=40)
    wishes, rounds = bench.pick(full=100, quick=20, tiny=2), bench.pick(full=11, quick=5, tiny=1)
    tell(f"ledger: {name}: {count:,} events")
    _add_events(beside, count)
    samples = {"without": lambda: _accept(database, wishes, 1), "beside": lambda: _accept(beside, wishes, 1)}
    taken = {key: median(values) for key, values in interleave(samples, rounds).items()}
    ratio = taken["beside"] / taken["without"]
    yield Row(
        f"{name}: accept beside {count:,} events", round(taken["beside"], 1), "a second", "without them",
        round(taken["without"], 1), round(ratio, 2), "as fast (0.8)", ratio >= 0.8,
    )  # fmt: skip
    started = time.perf_counter()
    pruned = prune_events(beside, now() - timedelta(days=90), pause_seconds=0)
    taken = time.perf_counter() - started
    assert pruned.events == count
    yield Row(f"{name}: prune", round(pruned.events / taken), "events a second")


_ADD_ROWS = """
    INSERT INTO revstamp_redeployments (request_id, environment, endpoint, kind, state, created_at)
    WITH RECURSIVE n (i) AS (SELECT CAST(:low AS integer) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :high)
    SELECT 'old-' || i, 'prod', 'old-' || i, 'redeploy', 'pending', '2020-01-01 00:00:00.000000' FROM n
"""
_SETTLE = """
    UPDATE revstamp_redeployments SET state = 'failed', settled_at = '2020-01-01 00:00:00.000000'
    WHERE request_id LIKE 'old-%' AND state = 'pending'
"""
_ADD_EVENTS = """
    INSERT INTO revstamp_redeployment_events (redeployment_id, at, name, message)
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10)
    SELECT r.id, '2020-01-01 00:00:00.000000', 'phase', 'Loading' FROM revstamp_redeployments r, n
    WHERE r.request_id LIKE 'old-%' AND r.id > :low AND r.id <= :high
"""


def _add_events(database: Database, count: int) -> None:
    """Old events about phases, ten a settled redeployment; made by the database itself."""
    rows = -(-count // 10)
    for low in range(0, rows, _BATCH):
        _execute(database, _ADD_ROWS, low=low, high=min(rows, low + _BATCH))
        _execute(database, _SETTLE)
    most = text("SELECT max(id) FROM revstamp_redeployments")
    last = int(database.read(lambda connection: connection.execute(most).scalar()) or 0)
    for low in range(0, last, _BATCH):
        _execute(database, _ADD_EVENTS, low=low, high=low + _BATCH)
    if not database.is_sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))


def _execute(database: Database, statement: str, **values: int) -> None:
    database.write(lambda connection: connection.execute(text(statement), values))
