"""Rendering a fleet at once: from endpoint files to canonical, checked and stamped text.

Three lengths of the same way, each in a fresh process with imports and one endpoint warm, but for the second, which is
the command as a person starts it:
- rendering with schema check: understood endpoints become checked objects and their canonical text, by all processors;
- `revstamp render`: files are read, understood, resolved, held against the rules, rendered, checked, stamped and
  printed, by all processors;
- planning a commit of them, which also compares each with what stands in git and says what that means.

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
    endpoint_files,
    make_endpoint,
    open_repository,
    render_files,
    write_folder,
)
from tests.bench.harness import Bench, Row, benchmark, faster, interleave, median, revstamp_command, run, seconds

PEER = "kubectl kustomize"
ROOT = Path(__file__).parents[2]
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
    count = bench.pick(full=1000, quick=200, tiny=4)
    empty = clone_bare(open_repository(bench.cache, 0), bench.scratch / "empty.git")
    full = clone_bare(open_repository(bench.cache, count), bench.scratch / "full.git")
    folder = bench.scratch / "repository"
    write_folder(folder, endpoint_files(count))
    objects = _write_overlays(bench.scratch / "overlays", count, bench)
    bench.note(f"{count} endpoints of {objects / count:.2f} objects on average")
    samples = {
        "render": lambda: _work("render", folder, count),
        "command": lambda: seconds(lambda: run([*revstamp_command(), "render"], folder)),
        "plan": lambda: _work("plan", empty, count),
        "again": lambda: _work("again", full, count),
    }
    if shutil.which("kubectl"):
        part = count_up()
        samples["peer"] = lambda: _kustomize(bench.scratch / "overlays", next(part))
    taken = interleave(samples, bench.pick(full=3, quick=1, tiny=1))
    each = {name: median(values) * 1000 / count for name, values in taken.items()}
    peer = None
    if "peer" in taken:
        peer = median(taken["peer"]) * 1000 / min(CALL, count)
    else:
        bench.note("kubectl is not on this machine: no peer, the goals were not judged")

    def row(name: str, value: float, least: int | None) -> Row:
        made = faster(name, value, "ms/endpoint", PEER if peer else None, peer)
        met = None if made.ratio is None or least is None else made.ratio >= least
        return replace(made, goal=f"{least} times faster" if least else None, goal_met=met)

    yield row(f"render {count:,} endpoints with schema check", each["render"], 20)
    yield row("… from files: revstamp render", each["command"], 10)
    yield row("… planned as one commit", each["plan"], None)
    yield row("… planned again over what is committed", each["again"], None)


def _work(kind: str, place: Path, count: int) -> float:
    return float(run([sys.executable, "-m", "tests.bench.bulk_worker", kind, place, str(count)], ROOT))


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
