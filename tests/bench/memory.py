"""Peak memory of `revstamp commit` where a whole fleet is new, and where a whole fleet is rendered again.

The most that any process of the command had resident, git's own among them, as the kernel tells it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.bench.fleet_data import endpoint_files, repository_files, write_folder
from tests.bench.harness import Bench, Row, benchmark, revstamp_command, run

GOAL = 300
WRAPPER = """\
import json, resource, subprocess, sys, time
started = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
if done.returncode:
    sys.exit(done.stderr.decode()[-2000:])
print(json.dumps([resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, time.perf_counter() - started]))
"""
"""A small process between us and the measured one: a child starts with its parent's peak as its own."""


@benchmark("memory")
def measure(bench: Bench) -> Iterator[Row]:
    """MiB, and seconds."""
    count = bench.pick(full=10_000, quick=500, tiny=4)
    folder = bench.scratch / "clone"
    write_folder(folder, repository_files())
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "repository"]):
        run(["git", *arguments], folder)
    write_folder(folder, endpoint_files(count))
    rows = [_measure(folder, f"commit {count:,} new endpoints", "-m", "all")]
    environment = folder / "environments" / "prod" / "environment.yaml"
    environment.write_text(environment.read_text("utf-8").replace("drainSeconds: 60", "drainSeconds: 90"), "utf-8")
    rows.append(_measure(folder, f"commit {count:,} changed by their environment", "-m", "again"))
    for memory, time in rows:
        yield replace(memory, goal=f"under {GOAL} MiB", goal_met=memory.value < GOAL)
        yield time


def _measure(folder: Path, name: str, *arguments: str) -> tuple[Row, Row]:
    command = [sys.executable, "-c", WRAPPER, *revstamp_command(), "commit", *arguments, "--output", "json"]
    peak, took = json.loads(run(command, folder))
    return Row(name, round(peak), "MiB"), Row(f"time to {name}", round(took, 1), "s")
