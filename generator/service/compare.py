"""What two trees differ in, endpoint by endpoint.

Owns: finding the endpoints whose rendered files differ between two commits. Refuses: comparing objects (`render`).
"""

from __future__ import annotations

from collections.abc import Iterator

from generator.gitops.repository import Repository
from generator.gitops.snapshot import Snapshot
from generator.render.diff import EndpointDiff
from generator.render.stamp import Stamp
from generator.service.committed_files import fleet_at
from generator.service.fleet import EndpointRef, Fleet
from generator.service.history import bodies_of
from generator.service.layout import ENVIRONMENTS
from generator.service.plan import diff_bodies


def compare_commits(
    repository: Repository, before: Snapshot, after: Snapshot, only: frozenset[EndpointRef] = frozenset()
) -> Iterator[EndpointDiff]:
    """The semantic difference of every endpoint whose generated files differ; costs what differs."""
    old, new = fleet_at(before), fleet_at(after)
    settings = new if after.read("revstamp.yaml") is not None else old
    for ref in _changed_refs(repository, before, after):
        if only and ref not in only:
            continue
        stamps = [_stamp(fleet, settings, ref) for fleet in (old, new)]
        yield diff_bodies(ref, bodies_of(old, ref, settings), bodies_of(new, ref, settings), stamps[0], stamps[1])


def _stamp(fleet: Fleet, settings: Fleet, ref: EndpointRef) -> Stamp | None:
    path = settings.layout.stamp_file(ref.environment, ref.name)
    content = fleet.tree.read(path)
    return None if content is None else Stamp.parse(content, path)


def _changed_refs(repository: Repository, before: Snapshot, after: Snapshot) -> list[EndpointRef]:
    refs: dict[EndpointRef, None] = {}
    for change in repository.changed_paths(before.commit, after.commit, ENVIRONMENTS):
        parts = change.path.split("/")
        if len(parts) >= 5 and parts[2] in ("manifests", "stamps"):
            refs[EndpointRef(parts[1], parts[4].removesuffix(".yaml"))] = None
    return sorted(refs, key=str)
