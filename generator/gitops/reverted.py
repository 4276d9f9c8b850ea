"""Contents that a path had once and that its present one does not follow from.

Owns: telling, for the files that hold a number which must only grow, which earlier contents still count after
somebody took them back by hand: a revert, a deletion, a merge that kept the older side, a branch set back.
Refuses: reading the number; the caller does, and takes the greatest.

How: a commit that carries a request id was made by revstamp and moves each such file forward. Whatever was there
and cannot be reached from what is there now by going such steps backwards must count. Which part of history has
been looked at is kept in `refs/revstamp/verified/<branch>`, what was found in `refs/revstamp/reverted/<branch>`
(a JSON blob: path to blob ids), so each commit is looked at once per repository; commits of our own broker never.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from generator.errors import GitError, NotFound
from generator.gitops.cache import BoundedCache
from generator.gitops.history import ChangedPath, open_git, parse_raw, split_nul
from generator.gitops.message import find_request_ids
from generator.gitops.refs import RefUpdate
from generator.gitops.repository import Repository

Reverted = Mapping[str, tuple[str, ...]]
_MARK = "\x01"


class RevertedPaths:
    """The bookkeeping of one branch."""

    def __init__(self, repository: Repository, branch: str) -> None:
        self._repository = repository
        self._verified_ref = f"refs/revstamp/verified/{branch}"
        self._reverted_ref = f"refs/revstamp/reverted/{branch}"
        self._known: BoundedCache[Reverted] = BoundedCache(2_000)
        self._unpublished: BoundedCache[str] = BoundedCache(2_000)

    def find(self, tip: str | None, is_stamp: Callable[[str], bool]) -> Reverted:
        """Path to the blob ids that must count besides what `tip` has. Costs what is new since the last call."""
        if tip is None:
            return {}
        known = self._known.get(tip)
        if known is None:
            known = self._look_at(tip, is_stamp)
            self._known.put(tip, known)
        return known

    def read_contents(self, blobs: tuple[str, ...]) -> Iterator[bytes]:
        """The contents behind the ids; one that git no longer has, as after a shallow fetch, is left out."""
        for blob in blobs:
            with suppress(NotFound):
                yield self._repository.read_blob(blob)

    def follow(self, parent: str | None, commit: str) -> None:
        """A commit of our own on top of `parent`: it takes nothing back, so nothing has to be looked at."""
        known = {} if parent is None and self._read_verified() is None else self._known.get(parent or "")
        self._unpublished.put(commit, commit)
        if known is not None:
            self._known.put(commit, known)

    def advance(self, old: str | None, new: str) -> list[RefUpdate]:
        """The ref move, if any, that goes with a branch moved from `old` to `new` by our own commits."""
        if self._read_verified() != old:
            return []
        return [RefUpdate(self._verified_ref, new, old)]

    def _read_verified(self) -> str | None:
        return self._repository.refs.read(self._verified_ref)

    def _look_at(self, tip: str, is_stamp: Callable[[str], bool]) -> Reverted:
        verified = self._read_verified()
        blob = self._repository.refs.read(self._reverted_ref) if verified else None
        found = self._load(blob)
        if verified == tip:
            return found
        steps = _collect_steps(self._repository, verified, tip, is_stamp)
        snapshot = self._repository.snapshot(tip)
        for path, step in steps.items():
            if lost := step.list_lost(snapshot.blob_id(path)):
                found[path] = tuple(dict.fromkeys((*found.get(path, ()), *sorted(lost))))
        if self._unpublished.get(tip) is None:
            self._save(tip, verified, found, blob)
        return found

    def _load(self, blob: str | None) -> dict[str, tuple[str, ...]]:
        if blob is None:
            return {}
        return {path: tuple(blobs) for path, blobs in json.loads(self._repository.read_blob(blob)).items()}

    def _save(self, tip: str, verified: str | None, found: Reverted, old_blob: str | None) -> None:
        updates = [RefUpdate(self._verified_ref, tip, verified)]
        content = json.dumps(found, sort_keys=True).encode()
        blob = self._repository.objects.write("blob", content) if found else None
        if blob != old_blob:
            updates.append(RefUpdate(self._reverted_ref, blob, old_blob))
        with suppress(GitError):  # somebody else looked at the same time; the next call starts from theirs
            self._repository.refs.move(updates, "revstamp: verified")


@dataclass(slots=True)
class _Steps:
    """What one path went through: every content seen, and the forward steps from one to the next."""

    seen: set[str] = field(default_factory=set)
    forward: set[tuple[str, str]] = field(default_factory=set)

    def add(self, change: ChangedPath, is_ours: bool) -> None:
        old, new = change.old_blob, change.new_blob
        if is_ours and old and new and new not in self.seen:
            self.forward.add((old, new))
        self.seen.update(blob for blob in (old, new) if blob)

    def list_lost(self, present: str | None) -> set[str]:
        """The newest contents that `present` does not follow from."""
        before: dict[str, list[str]] = defaultdict(list)
        for old, new in self.forward:
            before[new].append(old)
        reached: set[str] = set()
        waiting = [present] if present else []
        while waiting:
            blob = waiting.pop()
            if blob not in reached:
                reached.add(blob)
                waiting += before[blob]
        lost = self.seen - reached
        return lost - {old for old, new in self.forward if new in lost}


def _collect_steps(
    repository: Repository, verified: str | None, tip: str, is_stamp: Callable[[str], bool]
) -> dict[str, _Steps]:
    """Oldest first, so that a content that comes back is known to have been there."""
    steps: dict[str, _Steps] = defaultdict(_Steps)
    for is_ours, change in _read_changes(repository, verified, tip):
        if is_stamp(change.path):
            steps[change.path].add(change, is_ours)
    if verified is not None:
        for change in repository.changed_paths(verified, tip):
            if change.old_blob and is_stamp(change.path):
                steps[change.path].seen.add(change.old_blob)
    return steps


def _read_changes(repository: Repository, verified: str | None, tip: str) -> Iterator[tuple[bool, ChangedPath]]:
    """Each file changed by each commit that is no merge, and whether the commit is revstamp's own."""
    options = ["--no-merges", "--topo-order", "--reverse", "--raw", "--no-renames", "--no-abbrev"]
    arguments = ["-c", "log.showRoot=true", "log", "-z", *options, f"--format=tformat:{_MARK}%B"]
    revisions = [tip, *([f"^{verified}"] if verified else [])]
    with open_git(repository.git_dir, [*arguments, "--end-of-options", *revisions]) as stream:
        is_ours = False
        fields = split_nul(stream)
        for field_ in fields:
            if field_.startswith(_MARK):
                is_ours = bool(find_request_ids(field_[1:]))
            elif (header := field_.lstrip("\n")).startswith(":"):
                yield is_ours, parse_raw(header, next(fields))
