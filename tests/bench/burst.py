"""A hundred redeploys at once, onto a remote whose pushes take half a second.

Ours: a hundred threads hand a redeploy each to one broker. The peer: writers with a clone of their own that fetch,
rebase and push until it is in, as a pipeline without a broker does; it writes files that were rendered beforehand.
Times count from the moment when all hundred are there.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, SimpleQueue

from generator.gitops.broker import CommitBroker
from generator.gitops.remote import Remote
from generator.gitops.repository import Repository
from generator.service.commit import Author, OperationChange
from generator.service.committed_files import fleet_at
from generator.service.fleet import EndpointRef
from generator.service.operations import PatchOperation
from tests.bench.fleet_data import ENVIRONMENT, clone_bare, identity, open_repository, write_folder
from tests.bench.harness import Bench, Row, benchmark, percentile, run

PEER = "fetch-rebase-push loop"
HOOK = """\
#!/bin/sh
echo push >> "{log}"
sleep {delay}
"""


@dataclass(slots=True)
class Outcome:
    """When each redeploy was in, in seconds from the start, and how many pushes that took."""

    times: list[float] = field(default_factory=list)
    elapsed: float = 0.0
    pushes: int = 0
    wanted: int = 0

    @property
    def rate(self) -> float:
        """Commits per second."""
        return len(self.times) / self.elapsed

    @property
    def slowest(self) -> float:
        """The 99th percentile; what was not in at the end counts as if it were in then."""
        return percentile([*self.times, *[self.elapsed] * (self.wanted - len(self.times))], 0.99)


@benchmark("burst")
def measure(bench: Bench) -> Iterator[Row]:
    """Pushes, 99th percentile, commits per second."""
    wanted = bench.pick(full=100, quick=40, tiny=3)
    writers = bench.pick(full=16, quick=8, tiny=2)
    limit = bench.pick(full=45, quick=10, tiny=5)
    delay = {"full": 0.5, "quick": 0.2, "tiny": 0.01}[bench.scale]
    size = bench.pick(full=1000, quick=100, tiny=4)
    kept = open_repository(bench.cache, size)
    own = _run_broker(_Origin(bench, kept, "own", delay), wanted)
    peer = _run_loop(_Origin(bench, kept, "peer", delay), wanted, writers, limit)
    if len(peer.times) < wanted:
        bench.note(f"the peer's {writers} writers had {len(peer.times)} of {wanted} in after {peer.elapsed:.0f} s")
    shown = f"{PEER}, {writers} writers"
    lost = wanted - len(own.times)
    yield Row(
        "burst: pushes", own.pushes, "pushes", shown, peer.pushes, goal="at most 3, none lost",
        goal_met=own.pushes <= 3 and not lost,
    )  # fmt: skip
    yield Row("burst: redeploys lost", lost, "redeploys", goal="0", goal_met=not lost)
    row = Row("burst: p99", round(own.slowest, 2), "s", shown, round(peer.slowest, 2))
    yield replace(row, ratio=round(peer.slowest / own.slowest, 2), goal="under 5 s", goal_met=own.slowest < 5)
    row = Row("burst: throughput", round(own.rate, 2), "commits/s", shown, round(peer.rate, 2))
    yield replace(row, ratio=round(own.rate / peer.rate, 2) if peer.rate else None)


class _Origin:
    """A bare remote whose pushes take their time, and a log of them."""

    def __init__(self, bench: Bench, kept: Path, name: str, delay: float) -> None:
        self.folder = bench.scratch / name
        self.folder.mkdir()
        self.git_dir = clone_bare(kept, self.folder / "origin.git")
        self._log = self.folder / "pushes"
        hook = self.git_dir / "hooks" / "pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(HOOK.format(log=self._log, delay=delay), encoding="utf-8")
        hook.chmod(0o755)
        self.start = run(["git", "rev-parse", "main"], self.git_dir).decode().strip()

    @property
    def pushes(self) -> int:
        """How many pushes reached it."""
        return self._log.read_text("utf-8").count("push") if self._log.exists() else 0

    def count_commits(self) -> int:
        """How many commits came in."""
        return int(run(["git", "rev-list", "--count", f"{self.start}..main"], self.git_dir))


def _run_broker(origin: _Origin, wanted: int) -> Outcome:
    mirror = Repository.clone_mirror(str(origin.git_dir), origin.folder / "mirror.git")
    broker = CommitBroker(mirror, "main", Remote(str(origin.git_dir), "main"))
    refs = [EndpointRef(ENVIRONMENT, identity(number)[0]) for number in range(wanted)]
    barrier = threading.Barrier(wanted + 1)
    outcome = Outcome(wanted=wanted)

    def redeploy(ref: EndpointRef) -> float:
        change = OperationChange(mirror, "main", PatchOperation(str(ref), restart=True), Author(f"burst-{ref.name}"))
        barrier.wait()
        broker.commit(change.change())
        return time.perf_counter() - started

    with ThreadPoolExecutor(wanted) as pool:
        futures = [pool.submit(redeploy, ref) for ref in refs]
        started = time.perf_counter()  # before any of them can go on
        barrier.wait()
        times = [future.result() for future in futures]
    outcome.elapsed = time.perf_counter() - started
    outcome.pushes = origin.pushes
    after = Repository.open(origin.git_dir)
    fleet = fleet_at(after.snapshot(after.tip("main")))
    stamps = [fleet.stamp(ref) for ref in refs]
    there = sum(
        stamp is not None and stamp.request_id == f"burst-{ref.name}" for ref, stamp in zip(refs, stamps, strict=True)
    )
    outcome.times = sorted(times)[: min(there, origin.count_commits())]
    return outcome


def _run_loop(origin: _Origin, wanted: int, writers: int, limit: float) -> Outcome:
    outcome = Outcome(wanted=wanted)
    tasks: SimpleQueue[tuple[int, Mapping[str, bytes]]] = SimpleQueue()
    source = Repository.open(origin.git_dir)
    snapshot = source.snapshot(source.tip("main"))
    for number in range(wanted):
        tasks.put((number, _render(source, snapshot.commit, number)))
    clones = [origin.folder / f"writer-{number}" for number in range(writers)]
    for clone in clones:
        run(["git", "clone", "-q", "--local", origin.git_dir, clone], origin.folder)
    started = time.perf_counter()
    deadline = started + limit

    def write(clone: Path) -> None:
        while time.perf_counter() < deadline:
            try:
                number, files = tasks.get_nowait()
            except Empty:
                return
            if _push_until_in(clone, number, files, deadline):
                outcome.times.append(time.perf_counter() - started)

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, clones))
    outcome.elapsed = time.perf_counter() - started
    outcome.pushes = origin.pushes
    for clone in clones:
        shutil.rmtree(clone, ignore_errors=True)
    return outcome


def _render(source: Repository, tip: str | None, number: int) -> Mapping[str, bytes]:
    name = f"{ENVIRONMENT}/{identity(number)[0]}"
    change = OperationChange(source, "main", PatchOperation(name, restart=True), Author(f"loop-{number}"))
    proposal = change.build(source.snapshot(tip))
    assert proposal is not None
    return proposal.change.writes


def _push_until_in(clone: Path, number: int, files: Mapping[str, bytes], deadline: float) -> bool:
    write_folder(clone, files)
    run(["git", "add", "--", *files], clone)
    run(["git", "commit", "-q", "-m", f"redeploy {number}"], clone)
    while time.perf_counter() < deadline:
        run(["git", "fetch", "-q", "origin", "main"], clone)
        run(["git", "rebase", "-q", "FETCH_HEAD"], clone)
        if subprocess.run(["git", "push", "-q", "origin", "HEAD:main"], cwd=clone, capture_output=True).returncode == 0:
            return True
    return False
