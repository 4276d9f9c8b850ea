"""One redeploy's commit in repositories of a thousand, ten thousand and a hundred thousand endpoints.

Ours is the commit stage alone: a proposal is given, the broker writes blobs, trees and commit into a bare repository
and moves the branch. Further rows time the whole redeploy, from the wish to the moved branch. The peer writes the same
files into a checked-out clone and runs `git add` with their paths and `git commit`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count as count_up
from pathlib import Path

from generator.gitops.broker import CommitBroker
from generator.gitops.changes import Change, Proposal
from generator.gitops.repository import Repository
from generator.service.commit import Author, OperationChange
from generator.service.operations import PatchOperation
from generator.spec.patch import Patch
from generator.spec.request import load_request
from tests.bench.fleet_data import ENVIRONMENT, clone_bare, identity, open_repository, write_folder
from tests.bench.harness import Bench, Row, benchmark, faster, interleave, median, run, seconds

PEER = "git add + git commit"
LARGEST_CLONE = 10_000
"""Endpoints of the largest clone that is checked out: a hundred thousand are 600,000 files."""


class Fleet:
    """One bare repository with a broker, and endpoints to redeploy that come up once each."""

    def __init__(self, git_dir: Path, count: int) -> None:
        self.repository = Repository.open(git_dir)
        self.broker = CommitBroker(self.repository, "main")
        numbers = list(range(count))
        random.Random(count).shuffle(numbers)
        self._names = (f"{ENVIRONMENT}/{identity(number)[0]}" for turn in count_up() for number in numbers)
        self._ids = (f"{count}-{turn}" for turn in count_up())

    def redeploy(self, body: bytes | None = None) -> OperationChange:
        """The next endpoint's redeploy, with or without a request that changes something."""
        request = load_request(body) if body else None
        operation = PatchOperation(next(self._names), Patch(), request, restart=True)
        return OperationChange(self.repository, "main", operation, Author(next(self._ids)))

    def propose(self) -> tuple[Change, Proposal]:
        """A redeploy that is planned already."""
        wish = self.redeploy()
        proposal = wish.build(self.broker.snapshot())
        assert proposal is not None
        return Change(wish.author.request_id, lambda _: proposal), proposal

    def commit(self, change: Change) -> None:
        """Have the broker commit it."""
        assert self.broker.commit(change).commit is not None


@benchmark("commit_scale")
def measure(bench: Bench) -> Iterator[Row]:
    """Milliseconds per commit."""
    sizes = {"full": (1000, 10_000, 100_000), "quick": (100, 1000), "tiny": (4, 12)}[bench.scale]
    fleets = {size: _open(bench, size) for size in sizes}
    clones = {size: _Clone(bench, size, fleets[size]) for size in sizes if size <= LARGEST_CLONE}
    rounds = bench.pick(full=25, quick=5, tiny=1)
    samples: dict[str, Callable[[], float]] = {}
    for size, fleet in fleets.items():
        samples[f"commit {size}"] = lambda fleet=fleet: _time_commit(fleet)  # type: ignore[misc]
        samples[f"restart {size}"] = lambda fleet=fleet: _time_redeploy(fleet, None)  # type: ignore[misc]
    for size, clone in clones.items():
        samples[f"peer {size}"] = clone.time_commit
    taken = interleave(samples, rounds)
    changed = interleave(
        {str(size): lambda fleet=fleet: _time_redeploy(fleet, CHANGE) for size, fleet in fleets.items()},  # type: ignore[misc]
        bench.pick(full=3, quick=2, tiny=1),
    )
    smallest = median(taken[f"commit {sizes[0]}"]) * 1000
    for size in sizes:
        own = median(taken[f"commit {size}"]) * 1000
        of = min(size, max(clones))
        peer = median(taken[f"peer {of}"]) * 1000
        shown = PEER if of == size else f"{PEER} at {of:,}"
        row = faster(f"commit at {size:,} endpoints", own, "ms", shown, peer)
        yield replace(row, goal="under 15 ms, ≤ 1.5 × the smallest's", goal_met=own < 15 and own <= 1.5 * smallest)
    for size in sizes:
        restart, edit = median(taken[f"restart {size}"]) * 1000, median(changed[str(size)]) * 1000
        yield Row(f"whole redeploy at {size:,}, nothing changed", round(restart, 2), "ms")
        yield Row(f"whole redeploy at {size:,}, a field changed", round(edit, 2), "ms")


CHANGE = b'{"memoryLimit": "56Gi"}'


def _open(bench: Bench, size: int) -> Fleet:
    git_dir = clone_bare(open_repository(bench.cache, size), bench.scratch / f"{size}.git")
    fleet = Fleet(git_dir, size)
    for _ in range(2):  # the first looks at the repository's history, once for as long as it lives
        _time_redeploy(fleet, None)
    return fleet


def _time_commit(fleet: Fleet) -> float:
    change, _ = fleet.propose()
    return seconds(lambda: fleet.commit(change))


def _time_redeploy(fleet: Fleet, body: bytes | None) -> float:
    return seconds(lambda: fleet.commit(fleet.redeploy(body).change()))


class _Clone:
    """A person's clone, committed to by plain git."""

    def __init__(self, bench: Bench, size: int, fleet: Fleet) -> None:
        self._folder = bench.scratch / f"clone-{size}"
        self._fleet = fleet
        run(["git", "clone", "-q", "--local", fleet.repository.git_dir, self._folder], bench.scratch)

    def time_commit(self) -> float:
        """Seconds that git takes for the files of the next redeploy."""
        _, proposal = self._fleet.propose()
        files = dict(proposal.change.writes)
        return seconds(lambda: self._commit(files))

    def _commit(self, files: dict[str, bytes]) -> None:
        write_folder(self._folder, files)
        run(["git", "add", "--", *files], self._folder)
        run(["git", "commit", "-q", "-m", "redeploy"], self._folder)
