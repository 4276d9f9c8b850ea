"""`revstamp render` of one endpoint, a process each time, against `kubectl kustomize` of the same objects.

The interpreter's start and every import count; the files are in the page cache for both.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace

from tests.bench.fleet_data import ENVIRONMENT, endpoint_files, identity, make_endpoint, render_files, write_folder
from tests.bench.harness import Bench, Row, benchmark, faster, interleave, median, revstamp_command, run, seconds
from tests.bench.render_bulk import PEER, write_overlay

WITHIN = 2.5


@benchmark("cold_render")
def measure(bench: Bench) -> Iterator[Row]:
    """Milliseconds from start to end of the process."""
    repository, overlay = bench.scratch / "repository", bench.scratch / "overlay"
    sample, name = make_endpoint(0), identity(0)[0]
    write_folder(repository, endpoint_files(bench.pick(full=100, quick=100, tiny=2)))
    rendered = {path: data for path, data in render_files(sample).items() if "/manifests/" in path}
    write_overlay(overlay, name, 0, rendered)
    command = [*revstamp_command(), "render", f"{ENVIRONMENT}/{name}"]
    assert name.encode() in run(command, repository)
    samples = {
        "own": lambda: seconds(lambda: run(command, repository)),
        "version": lambda: seconds(lambda: run([*revstamp_command(), "--version"], repository)),
    }
    if shutil.which("kubectl"):
        samples["peer"] = lambda: seconds(lambda: run(["kubectl", "kustomize", overlay], bench.scratch))
    taken = interleave(samples, bench.pick(full=21, quick=5, tiny=1))
    own, peer = median(taken["own"]) * 1000, median(taken["peer"]) * 1000 if "peer" in taken else None
    row = faster("render one endpoint, cold", own, "ms", PEER if peer else None, peer, 1)
    met = None if peer is None else own <= WITHIN * peer
    yield replace(row, goal=f"within {WITHIN} times: ratio ≥ {1 / WITHIN}", goal_met=met)
    yield Row("… of which `revstamp --version` takes", round(median(taken["version"]) * 1000, 1), "ms")
