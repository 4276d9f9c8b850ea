"""What came onto the branch: commits of redeployments, merged pull requests, and what people did by hand.

Owns: finding it between the tip that was looked at last and the new one, and telling the ledger. Refuses: clusters.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from generator.errors import AlreadyRunning, NotFound, RevstampError
from generator.gitops.history import Commit
from generator.gitops.message import ACTOR
from generator.gitops.repository import Repository
from generator.gitops.snapshot import Snapshot
from generator.render.stamp import Stamp
from generator.service.committed_files import fleet_at
from generator.service.desired import DesiredEnvironment
from generator.service.fleet import EndpointRef
from generator.service.history import read_stamp, reason_in
from generator.store.leases import Cursors
from generator.store.ledger import Ledger
from generator.store.queries import LedgerQueries
from generator.store.redeployment import Note, Redeployment, Wish
from generator.store.states import Kind, State


class BranchReader:
    """Brings the ledger up to date with one branch."""

    def __init__(self, repository: Repository, branch: str, ledger: Ledger, log: Any) -> None:
        self._repository, self._ledger, self._log = repository, ledger, log
        self._queries = LedgerQueries(ledger.database)
        self._cursors = Cursors(ledger.database)
        self._cursor = f"branch:{branch}"

    def take(self, tip: Snapshot) -> bool:
        """Record everything up to this tip; False where that has to be tried once more.

        What was there when the branch is looked at first is not recorded.
        """
        seen = self._cursors.read(self._cursor)
        if not tip.commit or seen == tip.commit:
            return True
        if seen:
            try:
                before = self._repository.snapshot(self._repository.resolve(seen))
                for ref in self._changed(before, tip):
                    self._take_endpoint(ref, before, tip)
            except NotFound:
                self._log.warning("the commit that was read last is gone from the repository", commit=seen[:10])
            except AlreadyRunning:
                return False  # something is about to be committed on top: all is looked at once more when it is
        self._cursors.write(self._cursor, tip.commit)
        return True

    def _changed(self, before: Snapshot, tip: Snapshot) -> Iterator[EndpointRef]:
        """Endpoints whose stamp differs; an environment that cannot be read is passed over, and told."""
        names = dict.fromkeys((*fleet_at(before).environment_names(), *fleet_at(tip).environment_names()))
        for environment in names:
            new, old = DesiredEnvironment(tip, environment), DesiredEnvironment(before, environment)
            try:
                for name in new.changed_since(old):
                    mine, theirs = new.traces.get(name), old.traces.get(name)
                    if mine is not None and mine.stamp and (theirs is None or theirs.stamp != mine.stamp):
                        yield EndpointRef(environment, name)
            except RevstampError as error:
                self._log.error("environment cannot be read", environment=environment, error=error.message)

    def _take_endpoint(self, ref: EndpointRef, before: Snapshot, tip: Snapshot) -> None:
        path = fleet_at(tip).layout.stamp_file(ref.environment, ref.name)
        old, new = read_stamp(before, path), read_stamp(tip, path)
        if new is None:
            return
        row = self._queries.by_request(ref.environment, ref.name, new.request_id)
        follows = new.revision == (old.revision if old else 0) + 1
        if row is not None and row.commit_id and row.state is not State.PROPOSED and follows:
            return  # the one commit in between is known: no history has to be read
        commits = list(self._repository.commits(path, since=before.commit, until=tip.commit or ""))
        highest = old.revision if old else 0
        for commit in reversed(commits):
            stamp = read_stamp(self._repository.snapshot(commit.id), path)
            if stamp is not None:
                self._take_revision(ref, commit, stamp, highest)
                highest = max(highest, stamp.revision)

    def _take_revision(self, ref: EndpointRef, commit: Commit, stamp: Stamp, highest: int) -> None:
        """`highest`: of the revisions that stood before; a lower one came back."""
        is_return = stamp.revision < highest
        row = self._queries.by_request(ref.environment, ref.name, stamp.request_id)
        if row is not None and not is_return:
            if row.state in (State.PENDING, State.PROPOSED):  # its maker was cut off, or it was merged
                self._ledger.record_merged(row, stamp.revision, stamp.pod_revision, commit.id)
                return
            if row.commit_id is not None:
                return  # known, perhaps under another id: a merge may bring it
            if row.state is State.FAILED and self._take_late(row, commit, stamp):
                return
        wish = Wish(
            stamp.request_id if row is None else f"git-{commit.id}",
            ref.environment,
            ref.name,
            Kind.BY_HAND,
            commit.trailers.get(ACTOR) or f"{commit.author_name} <{commit.author_email}>",
            reason_in(commit) or commit.subject,
            restores=stamp.restores,
        )
        found = self._ledger.record_found(wish, stamp.revision, stamp.pod_revision, commit.id, highest=highest)
        if found is not None:
            self._log.info("found in git", endpoint=str(ref), revision=stamp.revision, commit=commit.id[:10])

    def _take_late(self, row: Redeployment, commit: Commit, stamp: Stamp) -> bool:
        """The commit of one that was ended while whoever made it had not come to telling of it."""
        words = f"its commit was in git by then, as r{stamp.revision}"
        values = {"revision": stamp.revision, "pod_revision": stamp.pod_revision, "commit_id": commit.id}
        return self._ledger.record_late(row.id, Note("found", words, {"commit": commit.id}), values)
