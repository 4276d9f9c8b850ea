"""The API of a real `revstamp serve`: reads and redeploys by 50 clients at once, open streams, the start.

Nothing like it is known to compare with; the platform asks for a p95 under 2 s with failures under 5 %. Clients look
once a second, as people do, or without a pause; they run beside the server on the same processors. PostgreSQL runs with
`fsync` off, as tests have it; SQLite waits for the disk.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from generator.store.database import Database
from generator.store.endpoints import EndpointState, EndpointStates
from generator.store.schema import upgrade_schema
from tests.bench.cluster_fleet import make_fleet, name_of
from tests.bench.harness import Bench, Row, benchmark, percentile, tell
from tests.bench.service import open_databases

CLIENTS = 50
WHO = {"X-User-Id": "bench", "X-User-Roles": "llm-ops-user"}
OWN = "/revstamp/v1"
_READ_GOAL, _START_GOAL = 150, 2


@benchmark("api")
def measure(bench: Bench) -> Iterator[Row]:
    """All rows, on SQLite and, where it is installed, on PostgreSQL."""
    for row in _measure_all(bench):
        tell(f"api: {row.name}: {row.value} {row.unit}")
        yield row


def _measure_all(bench: Bench) -> Iterator[Row]:
    count = bench.pick(full=300, quick=40, tiny=3)
    fleet = make_fleet(bench.scratch / "fleet", "bench", count, running=0)
    with ExitStack() as ending:
        for name, make_url in open_databases(bench, ending):
            url = make_url()
            _fill(url, fleet.environment, count)
            if name == "SQLite":
                with serving(fleet.root, url):
                    pass  # an installation has its bytecode compiled
            with serving(fleet.root, url) as (base, _, started):
                if name == "SQLite":
                    met = started < _START_GOAL
                    yield Row("start of `revstamp serve`", round(started, 2), "s", goal="< 2 s", goal_met=met)
                yield from _measure_reads(bench, base, fleet.environment, count, name)
                yield from _measure_writes(bench, base, fleet.environment, count, name)
            if name == "SQLite":
                quiet = make_url()  # no wishes of before wait to be committed in it
                _fill(quiet, fleet.environment, count)
                with serving(fleet.root, quiet) as (base, process, _):
                    yield from _measure_streams(bench, base, process, fleet.environment)


def _fill(url: str, environment: str, count: int) -> None:
    """What a status reader would have written of each endpoint."""
    database, moment = Database(url), datetime.now(UTC)
    upgrade_schema(database)
    states = [
        EndpointState(environment, name_of(number), "healthy", moment, revision=1, pod_revision=1, good_revision=1)
        for number in range(count)
    ]
    EndpointStates(database).write(states)
    database.close()


@contextmanager
def serving(root: Path, url: str) -> Iterator[tuple[str, subprocess.Popen[bytes], float]]:
    """API and worker as a process; its address, and the seconds until it answered."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["-C", str(root), "serve", "--only", "api", "--only", "worker", "--listen", f"127.0.0.1:{port}"]
    known = {**os.environ, "REVSTAMP_DATABASE": url, "REVSTAMP_WRITES_PER_MINUTE": "80000"}
    command = [sys.executable, "-m", "generator.cli.main", *words]
    began = time.perf_counter()
    with (root.parent / "served.log").open("ab") as log:
        process = subprocess.Popen(command, env=known, stdout=log, stderr=log)
        try:
            base = f"http://127.0.0.1:{port}"
            while not _answers(base):
                assert process.poll() is None, "the server has ended"
            yield base, process, time.perf_counter() - began
        finally:
            process.terminate()
            process.wait(60)


def _answers(base: str) -> bool:
    try:
        return httpx.get(f"{base}/healthz", timeout=2).status_code == 200
    except httpx.HTTPError:
        time.sleep(0.01)
        return False


@dataclass
class Tally:
    """What came of many requests: seconds each, and how many failed."""

    took: list[float]
    failed: int
    seconds: float

    def rows(self, what: str, goal_ms: int | None = None) -> Iterator[Row]:
        """Throughput, and latency at three points."""
        yield Row(f"{what}, {CLIENTS} clients", round(len(self.took) / self.seconds, 1), "/s")
        for share in (0.5, 0.95, 0.99):
            value = round(percentile(self.took, share) * 1000, 1)
            is_goal = goal_ms is not None and share == 0.95
            goal = f"< {goal_ms} ms, none failed" if is_goal else None
            met = value < goal_ms and not self.failed if is_goal and goal_ms is not None else None
            yield Row(f"{what}, p{share * 100:.0f}", value, "ms", goal=goal, goal_met=met)
        yield Row(f"{what}, failed", self.failed, "requests")


def _measure_reads(bench: Bench, base: str, environment: str, count: int, name: str) -> Iterator[Row]:
    """A page's reads in the proportions of a person at work: many looks at one thing, some at all."""
    one = f"{OWN}/endpoints/{environment}/{name_of(0)}"
    paths = [one] * 4 + [f"{OWN}/redeployments?limit=20"] * 3 + [f"{OWN}/endpoints?limit=100"] * 2
    paths += [f"/endpoints/{environment}/{name_of(1)}"]
    chance = random.Random(7)

    def choose() -> tuple[str, str]:
        return "GET", chance.choice(paths)

    seconds = bench.pick(full=20, quick=4, tiny=1)
    asyncio.run(_drive(base, choose, 1, warm_up=True))
    what = f"{count} endpoints, {name}"
    people = asyncio.run(_drive(base, choose, seconds, pause=1.0))
    yield from people.rows(f"reads, one a second each, {what}", _READ_GOAL)
    yield from asyncio.run(_drive(base, choose, seconds)).rows(f"reads, without pause, {what}", _READ_GOAL)


def _measure_writes(bench: Bench, base: str, environment: str, count: int, name: str) -> Iterator[Row]:
    numbers = itertools.count()

    def choose() -> tuple[str, str]:
        place = f"{environment}/{name_of(next(numbers) % count)}"
        return "POST", f"{OWN}/endpoints/{place}/redeploy?supersede=true"

    yield from asyncio.run(_drive(base, choose, bench.pick(full=20, quick=4, tiny=1))).rows(f"redeploys, {name}")


async def _drive(
    base: str, choose: Callable[[], tuple[str, str]], seconds: float, *, pause: float = 0.0, warm_up: bool = False
) -> Tally:
    """All clients at once, each sending its next request when the last one is answered, `pause` seconds later."""
    took: list[float] = []
    failed, end = 0, 0.0

    async def work(client: httpx.AsyncClient) -> None:
        nonlocal failed
        await asyncio.sleep(random.random() * pause)
        while time.perf_counter() < end:
            method, path = choose()
            began = time.perf_counter()
            try:
                failed += (await client.request(method, path)).status_code >= 400
            except httpx.HTTPError:
                failed += 1
            took.append(time.perf_counter() - began)
            await asyncio.sleep(random.uniform(0.5, 1.5) * pause)

    async with AsyncExitStack() as open_ones:
        clients = []
        for _ in range(1 if warm_up else CLIENTS):  # before the clock runs: each reads certificates otherwise
            client = httpx.AsyncClient(base_url=base, headers=WHO, timeout=60, verify=False)
            clients.append(await open_ones.enter_async_context(client))
            await client.get("/healthz")
        began = time.perf_counter()
        end = began + seconds
        await asyncio.gather(*(work(client) for client in clients))
        return Tally(took, failed, time.perf_counter() - began)


def _measure_streams(bench: Bench, base: str, process: subprocess.Popen[bytes], environment: str) -> Iterator[Row]:
    """So many people listen; one redeploys: how long until the last of them has heard of it."""
    count = bench.pick(full=500, quick=50, tiny=3)
    before = _resident(process.pid)
    delays = asyncio.run(_listen(base, count, f"{environment}/{name_of(2)}"))
    yield Row(f"an event to the last of {count} open streams", round(max(delays) * 1000, 1), "ms")
    grown = (_peak(process.pid) - before) / 1024 / 1024
    yield Row(f"memory of {count} open streams", round(grown, 1), "MiB")


async def _listen(base: str, count: int, place: str) -> list[float]:
    opened = asyncio.Semaphore(0)
    heard: list[float] = []

    async def follow(number: int) -> None:
        headers = {**WHO, "X-User-Id": f"listener-{number // 50}"}
        async with _stream(base, headers) as lines:
            opened.release()
            async for line in lines:
                if line.startswith("event: accepted"):
                    heard.append(time.perf_counter())
                    return

    tasks = [asyncio.create_task(follow(number)) for number in range(count)]
    for _ in range(count):
        await opened.acquire()
    await asyncio.sleep(1)
    async with httpx.AsyncClient(base_url=base, headers=WHO, timeout=60) as client:
        answer = await client.post(f"{OWN}/endpoints/{place}/redeploy", params={"supersede": True})
        assert answer.status_code == 202, answer.text
        sent = time.perf_counter()
    await asyncio.wait_for(asyncio.gather(*tasks), 60)
    return [moment - sent for moment in heard]


@asynccontextmanager
async def _stream(base: str, headers: dict[str, str]) -> AsyncIterator[AsyncIterator[str]]:
    limits = httpx.Limits(max_connections=1)
    async with (
        httpx.AsyncClient(base_url=base, headers=headers, timeout=120, limits=limits) as client,
        client.stream("GET", f"{OWN}/events") as answer,
    ):
        lines = answer.aiter_lines()
        await anext(lines)
        yield lines


def _resident(number: int) -> int:
    """Bytes of memory that a process holds."""
    return int(Path(f"/proc/{number}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _peak(number: int) -> int:
    """The most that it ever held."""
    text = Path(f"/proc/{number}/status").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("VmHWM"))) * 1024
