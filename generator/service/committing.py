"""From a pending redeployment to a commit.

Owns: that a wish is committed once, whatever was cut off before, and what git's answer means for the ledger. Refuses:
accepting wishes (`redeployments`), and what becomes of the commit (`worker`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from generator.errors import (
    AuthenticationFailed,
    ChangeConflict,
    GitError,
    RevstampError,
    StorageFailed,
    StoreError,
)
from generator.gitops.changes import Change, Proposal
from generator.gitops.identity import Actor
from generator.gitops.snapshot import Snapshot
from generator.render.stamp import Stamp
from generator.service.commit import Author, OperationChange
from generator.service.committed_files import fleet_at
from generator.service.fleet import EndpointRef
from generator.service.plan import EndpointPlan
from generator.service.trunk import Trunk, find_request
from generator.service.wishes import read_operation
from generator.spec.resolved_data import resolved_data
from generator.store.ledger import Ledger
from generator.store.queries import LedgerQueries
from generator.store.redeployment import Note, Redeployment
from generator.store.states import State

CLAIM_SECONDS = 20.0
"""How long after a crash somebody else tries. One that is only slow is harmless: git takes a request id once."""


class Overtaken(ChangeConflict):
    """The redeployment was ended by another one while its commit was being made: it must not come on top of that."""


class Committer:
    """Carries pending redeployments out, one at a time each.

    `holder` names in claims who is at work: this process, or whoever holds a lease, so that the next one that holds it
    goes on at once with what a crash has cut off. A claim saves work; that nothing is committed twice does not depend
    on it, but on the request's id in git.
    """

    def __init__(self, trunk: Trunk, ledger: Ledger, holder: str) -> None:
        self._trunk, self._ledger, self._holder = trunk, ledger, holder
        self._queries = LedgerQueries(ledger.database)

    def drive(self, row: Redeployment) -> Redeployment | None:
        """Commit one; the row afterwards, still pending where trying again later may help.

        None where somebody else works on it, or it has moved on.
        """
        if not self._ledger.claim(row, self._holder, CLAIM_SECONDS):
            return None
        try:
            return self._commit(row)
        except Overtaken:
            return None
        except StoreError:
            raise  # whether it is committed is known to git: the next attempt finds it there
        except RevstampError as error:
            is_not_its_fault = isinstance(error, AuthenticationFailed | StorageFailed)
            if is_not_its_fault or (isinstance(error, GitError) and error.retryable):
                return self._put_off(row, error)
            return self._fail(row, error)

    def _commit(self, row: Redeployment) -> Redeployment | None:
        operation = read_operation(row.operation)
        author = Author(row.request_id, read_actor(row.actor), row.reason)
        change = OperationChange(self._trunk.repository, self._trunk.branch, operation, author)
        done = self._find_done(row)
        if done is not None:
            return self._settle_commit(row, None, done, "")
        if row.branch:
            change.base = self._trunk.read_tip()
            result = self._trunk.propose(self._while_pending(row, change.change()), row.branch)
        else:
            result = self._trunk.commit(self._while_pending(row, change.change()))
        if result.commit is None or (change.plan is not None and change.plan.outcome == "external"):
            return self._settle_nothing(row, change.plan, result.commit)
        return self._settle_commit(row, change.plan, result.commit, result.link or "")

    def _while_pending(self, row: Redeployment, change: Change) -> Change:
        """The same change, built only as long as the redeployment is still to be committed.

        Whatever takes its place is accepted before it is committed. So a build that still finds it pending cannot come
        on top of that: either its push is first, or it is built again on the newer tip, and asks again.
        """

        def build(tip: Snapshot) -> Proposal | None:
            if self._queries.get(row.id).state is not State.PENDING:
                raise Overtaken(f"redeployment {row.id} of {row.name} has been ended meanwhile")
            return change.build(tip)

        return Change(change.request_id, build)

    def _find_done(self, row: Redeployment) -> str | None:
        """The commit that an earlier attempt has made, however many others came after it."""
        if row.attempts == 0 or row.branch:
            return None
        tip = self._trunk.read_tip()
        return find_request(self._trunk.repository, row.base_commit, tip.commit, row.request_id)

    def _settle_commit(
        self, row: Redeployment, plan: EndpointPlan | None, commit: str, link: str
    ) -> Redeployment | None:
        stamp = plan.stamp if plan is not None else self._read_stamp(row, commit)
        values: dict[str, Any] = {"commit_id": commit, **_stamp_values(stamp)}
        if plan is not None and plan.resolved is not None:
            values["resolved"] = resolved_data(plan.resolved)
        revision = f"r{stamp.revision}" if stamp else "a change"
        data = {"commit": commit, **({"link": link} if link else {})}
        if row.branch:
            words = f"{revision} waits on the branch {row.branch}"
            values |= {"pull_request": link or None}
            note = Note("proposed", words, {**data, "branch": row.branch})
            return self._ledger.move(row, State.PROPOSED, note, values)
        values["committed_at"] = self._ledger.time()
        moved = self._ledger.move(row, State.COMMITTED, Note("committed", f"committed as {revision}", data), values)
        if moved is None:
            self._ledger.record_late(
                row.id, Note("found", f"its commit was in git by then, as {revision}", data), values
            )
        return moved

    def _settle_nothing(self, row: Redeployment, plan: EndpointPlan | None, commit: str | None) -> Redeployment | None:
        """Nothing has to be committed: an external model (its file may be), or all is as it was asked for.

        A revision that was never healthy in the ledger's sight, since its rollout was interrupted, failed, or is not
        known here yet, gets its verdict from the cluster: nobody calls it healthy because it was asked for twice.
        """
        stamp = plan.stamp if plan is not None else None
        external = plan is not None and plan.outcome == "external"
        if not external and stamp and not self._queries.was_healthy(row.environment, row.endpoint, stamp.revision):
            values = {"committed_at": self._ledger.time(), **_stamp_values(stamp)}
            note = Note("committed", f"r{stamp.revision} says what was asked for; its verdict is still to come")
            return self._ledger.move(row, State.COMMITTED, note, values)
        words = "an external model needs no deployment" if external else "everything is as it was asked for"
        values = {"message": words, "commit_id": commit, **_stamp_values(stamp)}
        return self._ledger.move(row, State.HEALTHY, Note("healthy", words), values)

    def _put_off(self, row: Redeployment, error: RevstampError) -> Redeployment:
        values = {"claimed_by": None, "claimed_until": None, "message": error.message}
        self._ledger.change(row, values, None if row.message == error.message else Note("delayed", error.message))
        return row

    def _fail(self, row: Redeployment, error: RevstampError) -> Redeployment | None:
        violations = [violation.to_dict() for violation in error.violations]
        values: dict[str, Any] = {"message": error.message, "hint": error.hint, "failure_reason": error.code}
        values["violations"] = violations or None
        return self._ledger.move(row, State.FAILED, Note("not-committed", error.message), values)

    def _read_stamp(self, row: Redeployment, commit: str) -> Stamp | None:
        fleet = fleet_at(self._trunk.repository.snapshot(commit))
        return fleet.stamp(EndpointRef(row.environment, row.endpoint))


def _stamp_values(stamp: Stamp | None) -> Mapping[str, Any]:
    if stamp is None:
        return {}
    return {"revision": stamp.revision, "pod_revision": stamp.pod_revision, "restores": stamp.restores}


def read_actor(text: str) -> Actor | None:
    """The author of a commit, from `Name <address>` or a bare user id; None where nobody is named."""
    name, _, rest = text.partition("<")
    if not name.strip():
        return None
    cleaned = "".join(letter for letter in name.strip() if letter.isprintable() and letter not in "<>")
    address = rest.rstrip().removesuffix(">").strip()
    return Actor(cleaned or "somebody", address or f"{cleaned.replace(' ', '.') or 'somebody'}@users.noreply")
