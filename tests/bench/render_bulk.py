"""Rendering a fleet at once: from endpoint files to canonical, checked and stamped text.

Each endpoint is resolved, held against the rules, rendered into its four or five objects, checked against the
schemas, stamped and compared, as `revstamp commit --all` does it; in a fresh process, imports and one endpoint warm.
The peer is `kubectl kustomize` on the same objects: one overlay per endpoint that adds an annotation and a label, 200
of them a call. It knows neither rules nor schemas nor revisions.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import count as count_up
from pathlib import Path

from tests.bench.fleet_data import (
    clone_bare,
    make_endpoint,
    open_repository,
    render_files,
    write_folder,
)
from tests.bench.harness import Bench, Row, benchmark, faster, interleave, median, run, seconds

PEER = "kubectl kustomize"
OVERLAY = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
{resources}
"""
STAMP = """\
commonAnnotations:
  example.com/revision: "{number}"
labels:
  - pairs:
      example.com/endpoint: {name}
"""
CALL = 200
"""Endpoints in one call; kustomize takes longer for each where there are more."""


@benchmark("render_bulk")
def measure(bench: Bench) -> Iterator[Row]:
    """Milliseconds per endpoint."""
    count = bench.pick(full=1000, quick=100, tiny=4)
    empty = clone_bare(open_repository(bench.cache, 0), bench.scratch / "empty.git")
    full = clone_bare(open_repository(bench.cache, count), bench.scratch / "full.git")
    objects = _write_overlays(bench.scratch / "overlays", count, bench)
    bench.note(f"{count} endpoints of {objects / count:.2f} objects on average")
    samples = {
        "one": lambda: _plan(empty, count, 1),
        "two": lambda: _plan(empty, count, 2),
        "again": lambda: _plan(full, 0, 1),
    }
    if shutil.which("kubectl"):
        turn = count_up()
        samples["peer"] = lambda: _kustomize(bench.scratch / "overlays", next(turn))
    taken = interleave(samples, bench.pick(full=3, quick=1, tiny=1))
    each = {name: median(values) * 1000 / count for name, values in taken.items()}
    peer = None
    if "peer" in taken:
        peer = median(taken["peer"]) * 1000 / min(CALL, count)
    unit = "ms/endpoint"
    one = faster(f"render {count:,} endpoints", each["one"], unit, PEER if peer else None, peer)
    if peer is None:
        bench.note("kubectl is not on this machine: no peer, the goal was not judged")
    yield replace(one, goal="20 times faster", goal_met=None if one.ratio is None else one.ratio >= 20)
    yield faster("… by two processes, half each", each["two"], unit, PEER if peer else None, peer)
    yield faster("… over what is committed already", each["again"], unit, PEER if peer else None, peer)


def _plan(git_dir: Path, count: int, processes: int) -> float:
    arguments = [sys.executable, "-m", "tests.bench.bulk_worker", git_dir, str(count), str(processes)]
    return float(run(arguments, Path(__file__).parents[2]))


def _write_overlays(folder: Path, count: int, bench: Bench) -> int:
    """Overlays of CALL endpoints each, in folders `0`, `1`, …; how many objects they hold together."""
    objects = 0
    for start in range(0, count, CALL):
        names = []
        for number in range(start, min(start + CALL, count)):
            sample = make_endpoint(number)
            names.append(sample.name)
            rendered = {path: data for path, data in render_files(sample).items() if "/manifests/" in path}
            objects += len(rendered)
            write_overlay(folder / str(start // CALL) / sample.name, sample.name, number, rendered)
        text = OVERLAY.format(resources="\n".join(f"  - {name}" for name in names))
        write_folder(folder / str(start // CALL), {"kustomization.yaml": text.encode()})
    return objects


def write_overlay(folder: Path, name: str, number: int, rendered: dict[str, bytes]) -> None:
    """One endpoint's objects with a kustomization beside them."""
    files = {Path(path).name: data for path, data in rendered.items()}
    text = OVERLAY.format(resources="\n".join(f"  - {file}" for file in files)) + STAMP.format(number=number, name=name)
    write_folder(folder, {**files, "kustomization.yaml": text.encode()})


def _kustomize(folder: Path, turn: int) -> float:
    parts = sorted(path for path in folder.iterdir() if path.is_dir())
    part = parts[turn % len(parts)]
    return seconds(lambda: run(["kubectl", "kustomize", part], folder))
