"""What an endpoint was: its revisions, and the file of each.

Owns: reading revisions from the stamps in history. Refuses: changing anything.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

from generator.errors import InvalidInput, NotFound
from generator.gitops.history import Commit
from generator.gitops.repository import Repository
from generator.gitops.snapshot import Snapshot
from generator.render.committed import read_committed
from generator.render.diff import EndpointDiff
from generator.render.stamp import Stamp
from generator.service.committed_files import fleet_at
from generator.service.fleet import EndpointRef, Fleet
from generator.service.layout import Layout
from generator.service.plan import diff_bodies


@dataclass(frozen=True, slots=True)
class RevisionEntry:
    """One revision of an endpoint: its stamp, the commits that made it, and what stood there before.

    A branch for a pull request may hold several commits of one revision; they are one entry, the newest first.
    """

    ref: EndpointRef
    stamp: Stamp
    commits: tuple[Commit, ...]
    before: Stamp | None

    @property
    def commit(self) -> Commit:
        """The one that left the revision as it is."""
        return self.commits[0]

    @property
    def parent(self) -> str | None:
        """The commit that the revision was made on."""
        return next(iter(self.commits[-1].parents), None)

    @property
    def again(self) -> bool:
        """Whether it came back because somebody took newer ones back by hand, in git."""
        return self.before is not None and self.before.revision > self.stamp.revision

    @property
    def authors(self) -> tuple[str, ...]:
        """Who made it, by name; whoever came last stands first."""
        return tuple(dict.fromkeys(commit.author_name for commit in self.commits))

    def to_dict(self, diff: EndpointDiff | None = None) -> dict[str, Any]:
        """The JSON form."""
        from generator.render.report import diff_dict

        return {
            "revision": self.stamp.revision,
            "podRevision": self.stamp.pod_revision,
            "requestId": self.stamp.request_id,
            "deleted": self.stamp.deleted,
            "restores": self.stamp.restores,
            "again": self.again,
            "commit": self.commit.id,
            "commits": [commit.id for commit in self.commits],
            "author": f"{self.commit.author_name} <{self.commit.author_email}>",
            "time": self.commit.time.isoformat(),
            "subject": self.commit.subject,
            "reason": self.reason,
            "diff": diff_dict(diff) if diff else None,
        }

    @property
    def reason(self) -> str:
        """Why, as whoever asked put it; where several commits made the revision, all they say, the oldest first."""
        return "; ".join(dict.fromkeys(text for commit in reversed(self.commits) if (text := reason_in(commit))))


def reason_in(commit: Commit) -> str:
    """Why, as a commit says: its text without its last paragraph, which is revstamp's own and says what changes."""
    return commit.body.strip().rpartition("\n\n")[0].strip()


def list_revisions(
    repository: Repository, layout: Layout, ref: EndpointRef, until: str, limit: int | None = None
) -> Iterator[RevisionEntry]:
    """The endpoint's revisions, newest first: the commits of the branch's history that changed its stamp.

    Commits that follow each other with one number (a branch that was stamped twice) are one revision: the last of
    them is what reached the branch that it went to.
    """
    path = layout.stamp_file(ref.environment, ref.name)
    stamped = _stamped_commits(repository, path, until)
    most = None if limit is None else min(limit, sys.maxsize)
    for _, group in islice(groupby(stamped, lambda pair: pair[1].revision), most):
        commits = list(group)
        oldest = commits[-1][0]
        before = read_stamp(repository.snapshot(oldest.parents[0]), path) if oldest.parents else None
        yield RevisionEntry(ref, commits[0][1], tuple(commit for commit, _ in commits), before)


def _stamped_commits(repository: Repository, path: str, until: str) -> Iterator[tuple[Commit, Stamp]]:
    for commit in repository.commits(path, until=until):
        stamp = read_stamp(repository.snapshot(commit.id), path)
        if stamp is not None:
            yield commit, stamp


def read_stamp(snapshot: Snapshot, path: str) -> Stamp | None:
    """The stamp that stands at a path; None where there is none, or none that can be understood."""
    content = snapshot.read(path)
    try:
        return None if content is None else Stamp.parse(content, path)
    except InvalidInput:
        return None


def diff_revision(repository: Repository, entry: RevisionEntry) -> EndpointDiff:
    """What the revision's commits changed in the endpoint's objects."""
    after = fleet_at(repository.snapshot(entry.commit.id))
    before = fleet_at(repository.snapshot(entry.parent))
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
