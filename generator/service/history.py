"""What an endpoint was: its revisions, and the file of each.

Owns: reading revisions from the stamps in history. Refuses: changing anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from generator.errors import InvalidInput, NotFound
from generator.gitops.history import Commit
from generator.gitops.repository import Repository
from generator.render.committed import read_committed
from generator.render.diff import EndpointDiff
from generator.render.stamp import Stamp
from generator.service.commit import fleet_at
from generator.service.fleet import EndpointRef, Fleet
from generator.service.layout import Layout
from generator.service.plan import diff_bodies


@dataclass(frozen=True, slots=True)
class RevisionEntry:
    """One revision of an endpoint: its stamp, the commit that made it, and what stood there before."""

    ref: EndpointRef
    stamp: Stamp
    commit: Commit
    before: Stamp | None

    def to_dict(self, diff: EndpointDiff | None = None) -> dict[str, Any]:
        """The JSON form."""
        from generator.render.report import diff_dict

        return {
            "revision": self.stamp.revision,
            "podRevision": self.stamp.pod_revision,
            "requestId": self.stamp.request_id,
            "deleted": self.stamp.deleted,
            "restores": self.stamp.restores,
            "commit": self.commit.id,
            "author": f"{self.commit.author_name} <{self.commit.author_email}>",
            "time": self.commit.time.isoformat(),
            "subject": self.commit.subject,
            "reason": self.reason,
            "diff": diff_dict(diff) if diff else None,
        }

    @property
    def reason(self) -> str:
        """Why, as whoever asked put it: the first paragraph of the commit's text, where there are two."""
        parts = self.commit.body.strip().split("\n\n")
        return parts[0] if len(parts) > 1 else ""


def list_revisions(
    repository: Repository, layout: Layout, ref: EndpointRef, until: str, limit: int | None = None
) -> Iterator[RevisionEntry]:
    """The endpoint's revisions, newest first: each commit of the branch's history that changed its stamp."""
    path = layout.stamp_file(ref.environment, ref.name)
    count = 0
    for commit in repository.commits(path, until=until):
        if limit is not None and count >= limit:
            return
        stamp = _stamp_at(repository, commit.id, path)
        if stamp is None:
            continue
        before = _stamp_at(repository, commit.parents[0], path) if commit.parents else None
        count += 1
        yield RevisionEntry(ref, stamp, commit, before)


def _stamp_at(repository: Repository, commit: str, path: str) -> Stamp | None:
    content = repository.snapshot(commit).read(path)
    try:
        return None if content is None else Stamp.parse(content, path)
    except InvalidInput:
        return None


def diff_revision(repository: Repository, entry: RevisionEntry) -> EndpointDiff:
    """What the revision's commit changed in the endpoint's objects."""
    after = fleet_at(repository.snapshot(entry.commit.id))
    before = fleet_at(repository.snapshot(entry.commit.parents[0] if entry.commit.parents else None))
    return diff_bodies(
        entry.ref, bodies_of(before, entry.ref, after), bodies_of(after, entry.ref, after), entry.before, entry.stamp
    )


def bodies_of(fleet: Fleet, ref: EndpointRef, settings: Fleet) -> dict[str, Any]:
    """The endpoint's committed objects; `settings` is a tree that has a revstamp.yaml, which the other may lack."""
    folder = settings.layout.manifests_folder(ref.environment, ref.name)
    files = {name: fleet.tree.read(f"{folder}/{name}") for name in fleet.tree.names(folder)}
    return {name: read_committed(content) for name, content in files.items() if content is not None}


def find_revision(
    repository: Repository, layout: Layout, ref: EndpointRef, until: str, revision: int | None
) -> RevisionEntry:
    """The revision to go back to: the given one, or the newest whose spec is another than the present one's.

    NotFound names the revisions that there are.
    """
    entries = list(list_revisions(repository, layout, ref, until))
    if not entries:
        raise NotFound(f"{ref} has no revisions", hint="nothing was ever rendered for it")
    living = [entry for entry in entries if not entry.stamp.deleted]
    if revision is None:
        now = entries[0].stamp
        earlier = (entry for entry in living if now.deleted or entry.stamp.spec_digest != now.spec_digest)
        found = next((entry for entry in earlier if entry.stamp.revision < now.revision), None)
        if found is None:
            raise NotFound(
                f"no earlier revision of {ref} differs from r{now.revision}",
                hint="`revstamp log` lists them; --to N takes one all the same, `revstamp redeploy` restarts",
            )
        return found
    found = next((entry for entry in living if entry.stamp.revision == revision), None)
    if found is None:
        known = ", ".join(f"r{entry.stamp.revision}" for entry in living[:10])
        older = "; this clone is shallow, `git fetch --unshallow` brings older ones" if repository.is_shallow else ""
        raise NotFound(f"{ref} has no revision {revision} to go back to", hint=f"there are {known or 'none'}{older}")
    return found
