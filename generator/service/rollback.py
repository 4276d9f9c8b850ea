"""Going back: which file comes back, and how what it renders to today differs from what ran then.

Owns: both answers. Refuses: committing.
"""

from __future__ import annotations

from generator.errors import NotFound
from generator.gitops.repository import Repository
from generator.gitops.snapshot import Snapshot
from generator.render.diff import EndpointDiff
from generator.render.parse import parse_yaml
from generator.service.committed_files import fleet_at
from generator.service.fleet import EndpointRef
from generator.service.history import RevisionEntry, bodies_of, find_revision
from generator.service.operations import RestoreOperation
from generator.service.plan import EndpointPlan, diff_bodies
from generator.service.workspace import Workspace


def prepare_rollback(workspace: Workspace, target: str, revision: int | None) -> tuple[RestoreOperation, RevisionEntry]:
    """The operation that restores an endpoint's file, and the revision that it comes from."""
    tip = workspace.read_tip()
    return restore(workspace.repository, tip, workspace.find_past_endpoint(tip, target), revision)


def restore(
    repository: Repository, tip: Snapshot, ref: EndpointRef, revision: int | None
) -> tuple[RestoreOperation, RevisionEntry]:
    """The same for an endpoint that is known; `revision` None: the newest whose spec differs from the present one's."""
    entry = find_revision(repository, fleet_at(tip).layout, ref, tip.commit or "HEAD", revision)
    found = fleet_at(repository.snapshot(entry.commit.id)).find_file(ref)
    if found is None:
        raise NotFound(f"the endpoint file of {ref} at r{entry.stamp.revision} is not in its commit")
    return RestoreOperation(ref, found[1], entry.stamp.revision), entry


def compare_with_past(workspace: Workspace, entry: RevisionEntry, plan: EndpointPlan) -> EndpointDiff | None:
    """Where the rollback's objects differ from those of the revision it restores; None where they are the same."""
    past = fleet_at(workspace.repository.snapshot(entry.commit.id))
    folder = past.layout.manifests_folder(entry.ref.environment, entry.ref.name)
    today = {name: parse_yaml(data.decode()) for name, data in plan.manifests(folder).items()}
    diff = diff_bodies(entry.ref, bodies_of(past, entry.ref, past), today, entry.stamp, plan.stamp)
    return diff if diff.rows or diff.others or diff.replaces else None
