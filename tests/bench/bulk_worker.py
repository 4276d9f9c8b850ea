"""The side of `render_bulk` that is revstamp's, in a process of its own: nothing is warm but imports and one endpoint.

Owns: planning a whole fleet as `revstamp commit --all` does. Prints seconds.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from generator.gitops.repository import Repository
from generator.gitops.trees import TreeChange
from generator.service.commit import Author
from generator.service.edits import EditsChange
from tests.bench.fleet_data import endpoint_files, repository_files
from tests.bench.harness import seconds


def plan_fleet(git_dir: Path, writes: dict[str, bytes]) -> int:
    """Plan the files on the tip of the repository, or all that the tip holds; how many endpoints that were."""
    repository = Repository.open(git_dir)
    change = EditsChange(repository, "main", TreeChange(writes), Author("bench"), everything=not writes)
    change.build(repository.snapshot(repository.tip("main")))
    assert not any(each.violations for each in change.endpoints)
    return len(change.endpoints)


def main(git_dir: Path, count: int, processes: int) -> float:
    """Seconds for the fleet. With a count of 0 it is the one that the repository holds already."""
    fixed = repository_files()
    paths = sorted((path, data) for path, data in endpoint_files(count).items() if path not in fixed)
    parts = [dict(paths[start::processes]) for start in range(processes)]
    plan_fleet(git_dir, dict(paths[:1]) or dict([_first_file(git_dir)]))
    if processes == 1:
        return seconds(lambda: plan_fleet(git_dir, parts[0]))
    with ProcessPoolExecutor(processes, get_context("fork")) as pool:
        return seconds(lambda: list(pool.map(plan_fleet, [git_dir] * processes, parts)))


def _first_file(git_dir: Path) -> tuple[str, bytes]:
    repository = Repository.open(git_dir)
    snapshot = repository.snapshot(repository.tip("main"))
    path = next(path for path, _ in snapshot.walk("environments/prod/endpoints"))
    return path, snapshot.read(path) or b""


if __name__ == "__main__":
    sys.stdout.write(f"{main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))}\n")
