"""The ledger's writes: a wish is accepted or refused, a redeployment moves on, events are added.

Owns: the lock on an endpoint, who may take whose place, every change of state. Refuses: reading lists (`queries`), and
deciding whether a wish is good (`service`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, and_, or_, update

from generator.errors import StoreConflict
from generator.store import tables
from generator.store.database import Database, once
from generator.store.lookups import (
    already_running,
    check_wish,
    find_active,
    find_by_request,
    find_highest,
    find_proposed,
    find_refused,
    find_repeated,
    find_row,
    not_running,
)
from generator.store.redeployment import Note, Redeployment, Wish
from generator.store.states import State
from generator.store.steps import Steps, is_noted, must, wish_of

T = TypeVar("T")

_ROWS = tables.redeployments
_ATTEMPTS = 100
"""How often a write is tried that others come in between of. Each time one of them has come through."""


def now() -> datetime:
    """The time that is written into rows."""
    return datetime.now(UTC)


class Ledger:
    """Shared by threads and, through the database, by processes and machines."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self.database = database
        self._steps = Steps(clock)

    def time(self) -> datetime:
        """The moment that is written into rows."""
        return self._steps.clock()

    def find_repeated(self, wish: Wish) -> Redeployment | None:
        """The row of the same wish. InvalidInput where its key or id was another wish's, or cannot be stored."""
        check_wish(wish)
        return self.database.read(lambda connection: find_repeated(connection, wish))

    def accept(
        self,
        wish: Wish,
        *,
        supersede: bool = False,
        instead_of: int | None = None,
        also: Callable[[Connection, Redeployment], None] | None = None,
    ) -> tuple[Redeployment, bool]:
        """Make a wish a pending redeployment; it, and whether it is new: a repeated wish gives its first row.

        `also` is done in the same transaction, where it is new.
        AlreadyRunning where another one of the endpoint has no verdict yet and may not be interrupted. `instead_of` may
        interrupt the one of that number, and no other: Refused where it does not run any more. InvalidInput where the
        idempotency key or request id was used for another wish, or cannot be stored.
        """
        check_wish(wish)

        def work(connection: Connection) -> tuple[Redeployment, bool]:
            row, is_new = self._accept(connection, wish, supersede, instead_of)
            if is_new and also is not None:
                also(connection, row)
            return row, is_new

        return self._write_contested(work)

    def refuse(self, wish: Wish, message: str, hint: str = "", violations: Sequence[Any] = ()) -> Redeployment:
        """Keep a wish that the plan said no to, with the reasons."""
        check_wish(wish)
        moment = self.time()
        given = {"message": message, "hint": hint, "violations": list(violations) or None, "settled_at": moment}
        note = Note("refused", message, {"violations": list(violations)} if violations else {})

        def work(connection: Connection) -> Redeployment:
            found = find_repeated(connection, wish) or find_refused(connection, wish, moment)
            if found is not None:
                return found
            # A key belongs to what was carried out: whoever corrects the request may send it with the same key again.
            row = self._steps.insert(connection, wish, State.REFUSED, **given, created_at=moment, idempotency_key=None)
            self._steps.note(connection, row.id, note)
            return row

        return self.database.write(work)

    def record_found(
        self, wish: Wish, revision: int, pod_revision: int, commit: str, *, highest: int = 0
    ) -> Redeployment | None:
        """Keep a commit that was found in git; None where it is known. One of a newer revision is not interrupted.

        `highest`: the highest revision that stood before it, where it brought an earlier one back.
        """

        def work(connection: Connection) -> Redeployment | None:
            if find_by_request(connection, wish.environment, wish.endpoint, wish.request_id) is not None:
                return None
            active = find_active(connection, wish.environment, wish.endpoint)
            moment = self.time()
            given: dict[str, Any] = {"revision": revision, "pod_revision": pod_revision, "commit_id": commit}
            given["committed_at"] = moment
            newest = find_highest(connection, wish.environment, wish.endpoint)
            if (active is not None and active.state is State.PENDING) or newest > max(revision, highest):
                verdict = State.SUPERSEDED.value
                row = self._steps.insert(
                    connection, wish, State.SUPERSEDED, **given, settled_at=moment, verdict=verdict
                )
                self._steps.note(connection, row.id, Note("found", f"found in git as r{revision}, overtaken already"))
                return row
            if active is not None:
                self._steps.end(connection, active, wish)
            row = self._steps.insert(connection, wish, State.PENDING)
            self._steps.link(connection, active, row)
            note = Note("found", f"found in git as r{revision}", {"commit": commit})
            return self._steps.move(connection, row, State.COMMITTED, given, note)

        return self._write_contested(work)

    def record_merged(self, row: Redeployment, revision: int, pod_revision: int, commit: str) -> Redeployment | None:
        """The commit of a pending or proposed one has reached the branch; None where that is known.

        Where another one of the endpoint has no verdict yet, it makes way: git says what is deployed. One of a newer
        revision does not: this one is overtaken. AlreadyRunning where another one is about to be committed on top: try
        again when it is.
        """
        values = {"revision": revision, "pod_revision": pod_revision, "commit_id": commit}
        values["committed_at"] = self.time()

        def work(connection: Connection) -> Redeployment | None:
            now_it_is = find_row(connection, row.id)
            if now_it_is is None or now_it_is.state not in (State.PENDING, State.PROPOSED):
                return None
            active = find_active(connection, row.environment, row.endpoint)
            if active is not None and active.id != row.id and active.state is State.PENDING:
                raise already_running(active)
            newest = find_highest(connection, row.environment, row.endpoint)
            if newest > revision and now_it_is.state is State.PROPOSED:
                words = f"merged as r{revision}, overtaken already"
                note = Note("superseded", words, {"commit": commit})
                return self._steps.move(connection, now_it_is, State.SUPERSEDED, {**values, "message": words}, note)
            if active is not None and active.id != row.id:
                self._steps.end(connection, active, wish_of(row))
                self._steps.link(connection, active, row)
            note = Note("committed", f"committed as r{revision}", {"commit": commit})
            return must(self._steps.move(connection, now_it_is, State.COMMITTED, values, note), row)

        return self._write_contested(work)

    def move(
        self, row: Redeployment, state: State, note: Note, values: Mapping[str, Any] | None = None
    ) -> Redeployment | None:
        """Let a redeployment go on to a state, with further columns; None where it has moved on by itself.

        One that is proposed takes the place of an earlier one of the endpoint that waits to be merged.
        """
        if state is not State.PROPOSED:
            return self.database.write(lambda connection: self._steps.move(connection, row, state, values or {}, note))

        def work(connection: Connection) -> Redeployment | None:
            is_there = find_row(connection, row.id)
            if is_there is None or is_there.state is not row.state:
                return None
            earlier = find_proposed(connection, row.environment, row.endpoint)
            if earlier is not None:
                self._steps.end(connection, earlier, wish_of(row))
                self._steps.link(connection, earlier, row)
            return must(self._steps.move(connection, row, state, values or {}, note), row)

        return self._write_contested(work)

    def record_late(self, row_id: int, note: Note, values: Mapping[str, Any]) -> bool:
        """Keep the commit of one that was ended before anybody knew that it was in git; False where it is known."""

        def work(connection: Connection) -> bool:
            ended = (_ROWS.c.id == row_id, _ROWS.c.state == State.FAILED.value, _ROWS.c.commit_id.is_(None))
            done = connection.execute(update(_ROWS).where(*ended).values(**values))
            if done.rowcount:
                self._steps.note(connection, row_id, note)
            return bool(done.rowcount)

        return self.database.write(work)

    def change(self, row: Redeployment, values: Mapping[str, Any], note: Note | None = None) -> bool:
        """Change columns without a step, and perhaps tell of it; False where the row has moved on meanwhile."""
        moment = self.time()

        def work(connection: Connection, again: bool) -> bool:
            same = (_ROWS.c.id == row.id, _ROWS.c.state == row.state.value)
            done = connection.execute(update(_ROWS).where(*same).values(**values))
            if done.rowcount and note is not None and not (again and is_noted(connection, row.id, note, moment)):
                self._steps.note(connection, row.id, note, moment)
            return bool(done.rowcount)

        return self.database.write(once(work))

    def note(self, row_id: int, note: Note) -> None:
        """Add an event."""
        moment = self.time()

        def work(connection: Connection, again: bool) -> None:
            if not (again and is_noted(connection, row_id, note, moment)):
                self._steps.note(connection, row_id, note, moment)

        self.database.write(once(work))

    def claim(self, row: Redeployment, holder: str, seconds: float) -> bool:
        """Say who works on a pending one for so long; False where somebody else does, or it has moved on.

        Also where somebody has worked on it since the row was read: what they did has to be looked at first.
        """
        moment = self.time()
        until = moment + timedelta(seconds=seconds)

        def work(connection: Connection) -> bool:
            free = or_(_ROWS.c.claimed_by.is_(None), _ROWS.c.claimed_by == holder, _ROWS.c.claimed_until < moment)
            mine = and_(_ROWS.c.claimed_by == holder, _ROWS.c.claimed_until == until)
            done = connection.execute(
                update(_ROWS)
                .where(_ROWS.c.id == row.id, _ROWS.c.state == row.state.value, free)
                .where(or_(_ROWS.c.attempts == row.attempts, mine))
                .values(claimed_by=holder, claimed_until=until, attempts=row.attempts + 1)
            )
            return bool(done.rowcount)

        return self.database.write(work)

    def _write_contested(self, work: Callable[[Connection], T]) -> T:
        """A write that others may come in between of: then it is done anew, with what they have done in sight."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return self.database.write(work)
            except StoreConflict:
                continue
        return self.database.write(work)

    def _accept(
        self, connection: Connection, wish: Wish, supersede: bool, instead_of: int | None
    ) -> tuple[Redeployment, bool]:
        found = find_repeated(connection, wish)
        if found is not None:
            return found, False
        active = find_active(connection, wish.environment, wish.endpoint)
        if instead_of is not None and (active is None or active.id != instead_of):
            raise not_running(instead_of, active)
        if active is not None:
            if not (supersede or instead_of or wish.kind.may_interrupt or active.is_failing):
                twin = find_repeated(connection, wish)  # it may have come through between the two looks
                if twin is not None:
                    return twin, False
                raise already_running(active)
            self._steps.end(connection, active, wish)
        row = self._steps.insert(connection, wish, State.PENDING)
        self._steps.link(connection, active, row)
        note = Note("accepted", wish.reason, {"actor": wish.actor, "kind": wish.kind.value})
        self._steps.note(connection, row.id, note)
        return row, True
