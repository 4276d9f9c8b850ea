"""The sides of `render_bulk` that are revstamp's, each in a process of its own: only imports and one endpoint are warm.

Owns: rendering understood endpoints, and planning a whole fleet as `revstamp commit --all` does. Prints seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from generator.gitops.repository import Repository
from generator.gitops.trees import TreeChange
from generator.render.canonical import emit_yaml
from generator.render.render import render_manifests
from generator.render.schema_check import SchemaVersions
from generator.service.commit import Author
from generator.service.committed_files import fleet_at
from generator.service.edits import EditsChange
from generator.service.fleet import EndpointRef, Fleet
from generator.service.neighbours import resolve_current
from generator.service.parallel import map_in_processes
from generator.service.tree import FolderTree
from generator.spec.resolved import ResolvedEndpoint
from tests.bench.fleet_data import ENVIRONMENT, endpoint_files, repository_files
from tests.bench.harness import seconds


def render_fleet(root: Path) -> float:
    """Seconds from understood endpoints to canonical text of checked objects, by all processors."""
    fleet = Fleet(FolderTree(root))
    refs = [EndpointRef(ENVIRONMENT, name) for name in fleet.endpoint_names(ENVIRONMENT)]
    found = [resolve_current(fleet, ref, fleet.endpoint_file(ref)) for ref in refs]
    endpoints = [resolved for resolved in found if resolved is not None]
    assert len(endpoints) == len(refs)

    def render(resolved: ResolvedEndpoint) -> dict[str, str]:
        versions = SchemaVersions(resolved.kubernetes_version, resolved.kserve.version)
        manifests = render_manifests(resolved, fleet.templates, versions)
        return {item.file_name: emit_yaml(item.body) for item in manifests}

    render(endpoints[0])
    return seconds(lambda: list(map_in_processes(render, endpoints)))


def plan_fleet(git_dir: Path, writes: Mapping[str, bytes], *, everything: bool) -> float:
    """Seconds for planning the files on the tip of the repository, or all that the tip holds."""
    repository = Repository.open(git_dir)
    change = EditsChange(repository, "main", TreeChange(writes), Author("bench"), everything=everything)
    taken = seconds(lambda: change.build(repository.snapshot(repository.tip("main"))))
    assert not any(each.violations for each in change.endpoints)
    return taken


def main(work: str, place: Path, count: int) -> float:
    """Seconds for one of the three kinds of work; `place` is a folder of files, or a git directory."""
    if work == "render":
        return render_fleet(place)
    fixed = repository_files()
    paths = {path: data for path, data in endpoint_files(count).items() if path not in fixed}
    first = dict([next(iter(paths.items()))]) if work == "plan" else dict([_first_file(place)])
    plan_fleet(place, first, everything=False)
    return plan_fleet(place, paths if work == "plan" else {}, everything=work == "again")


def _first_file(git_dir: Path) -> tuple[str, bytes]:
    repository = Repository.open(git_dir)
    fleet = fleet_at(repository.snapshot(repository.tip("main")))
    found = fleet.find_file(EndpointRef(ENVIRONMENT, fleet.endpoint_names(ENVIRONMENT)[0]))
    assert found is not None
    return found


if __name__ == "__main__":
    sys.stdout.write(f"{main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))}\n")
