"""The ledger's writes: a wish is accepted or refused, a redeployment moves on, events are added.

Owns: the lock on an endpoint, who may take whose place, every change of state. Refuses: reading lists (`queries`), and
deciding whether a wish is good (`service`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update

from generator.errors import AlreadyRunning, InternalError, InvalidInput, StoreConflict
from generator.store import tables
from generator.store.database import Database
from generator.store.redeployment import Note, Redeployment, Wish, read_redeployment, to_json
from generator.store.states import LOCKING, State, may_follow

_ROWS = tables.redeployments
SUPERSEDED = "Superseded"
"""Failure reason of one that was ended before it was committed."""

_UNCLAIMED: Mapping[str, Any] = {"claimed_by": None, "claimed_until": None}


def now() -> datetime:
    """The time that is written into rows."""
    return datetime.now(UTC)


class Ledger:
    """Shared by threads and, through the database, by processes and machines."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self.database = database
        self._clock = clock

    def time(self) -> datetime:
        """The moment that is written into rows."""
        return self._clock()

    def find_repeated(self, wish: Wish) -> Redeployment | None:
        """The row of the same wish. InvalidInput where its key or id was another wish's."""
        return self.database.read(lambda connection: _find_repeated(connection, wish))

    def accept(
        self, wish: Wish, *, supersede: bool = False, also: Callable[[Connection], None] | None = None
    ) -> tuple[Redeployment, bool]:
        """Make a wish a pending redeployment; it, and whether it is new: a repeated wish gives its first row.

        `also` is done in the same transaction, where it is new.
        AlreadyRunning where another one of the endpoint has no verdict yet and may not be interrupted; InvalidInput
        where the idempotency key or request id was used for another wish.
        """

        def work(connection: Connection) -> tuple[Redeployment, bool]:
            row, is_new = self._accept(connection, wish, supersede)
            if is_new and also is not None:
                also(connection)
            return row, is_new

        try:
            return self.database.write(work)
        except StoreConflict:  # another one came through at the same moment: now it can be seen
            return self.database.write(work)

    def refuse(self, wish: Wish, message: str, hint: str = "", violations: Sequence[Any] = ()) -> Redeployment:
        """Keep a wish that the plan said no to, with the reasons."""
        given = {"message": message, "hint": hint, "violations": list(violations) or None, "settled_at": self._clock()}

        def work(connection: Connection) -> Redeployment:
            found = _find_repeated(connection, wish)
            if found is not None:
                return found
            # A key belongs to what was carried out: whoever corrects the request may send it with the same key again.
            row = self._insert(connection, wish, State.REFUSED, **given, idempotency_key=None)
            self._note(
                connection, row.id, Note("refused", message, {"violations": list(violations)} if violations else {})
            )
            return row

        return self.database.write(work)

    def record_found(self, wish: Wish, revision: int, pod_revision: int, commit: str) -> Redeployment | None:
        """Keep a commit that was found in git; None where it is known. One of a newer revision is not interrupted."""

        def work(connection: Connection) -> Redeployment | None:
            if _find_by_request(connection, wish) is not None:
                return None
            active = _find_active(connection, wish.environment, wish.endpoint)
            moment = self._clock()
            given: dict[str, Any] = {"revision": revision, "pod_revision": pod_revision, "commit_id": commit}
            given["committed_at"] = moment
            if active is not None and (active.state is State.PENDING or (active.revision or 0) > revision):
                row = self._insert(connection, wish, State.SUPERSEDED, **given, settled_at=moment)
                self._note(connection, row.id, Note("found", f"found in git as r{revision}, overtaken already"))
                return row
            if active is not None:
                self._end(connection, active, wish)
            row = self._insert(connection, wish, State.PENDING)
            self._link(connection, active, row)
            note = Note("found", f"found in git as r{revision}", {"commit": commit})
            return self._move(connection, row, State.COMMITTED, given, note)

        return self.database.write(work)

    def record_merged(self, row: Redeployment, revision: int, pod_revision: int, commit: str) -> Redeployment | None:
        """The commit of a pending or proposed one has reached the branch; None where that is known.

        Where another one of the endpoint has no verdict yet, it makes way: git says what is deployed. AlreadyRunning
        where that one is about to be committed on top: try again when it is.
        """

        def work(connection: Connection) -> Redeployment | None:
            active = _find_active(connection, row.environment, row.endpoint)
            if active is not None and active.id != row.id:
                if active.state is State.PENDING:
                    raise already_running(active)
                self._end(connection, active, Wish(row.request_id, row.environment, row.endpoint, row.kind, row.actor))
                self._link(connection, active, row)
            values = {"revision": revision, "pod_revision": pod_revision, "commit_id": commit}
            note = Note("committed", f"committed as r{revision}", {"commit": commit})
            return self._move(connection, row, State.COMMITTED, {**values, "committed_at": self._clock()}, note)

        return self.database.write(work)

    def move(
        self, row: Redeployment, state: State, note: Note, values: Mapping[str, Any] | None = None
    ) -> Redeployment | None:
        """Let a redeployment go on to a state, with further columns; None where it has moved on by itself."""
        return self.database.write(lambda connection: self._move(connection, row, state, values or {}, note))

    def change(self, row: Redeployment, values: Mapping[str, Any], note: Note | None = None) -> bool:
        """Change columns without a step, and perhaps tell of it; False where the row has moved on meanwhile."""

        def work(connection: Connection) -> bool:
            same = (_ROWS.c.id == row.id, _ROWS.c.state == row.state.value)
            done = connection.execute(update(_ROWS).where(*same).values(**values))
            if done.rowcount and note is not None:
                self._note(connection, row.id, note)
            return bool(done.rowcount)

        return self.database.write(work)

    def note(self, row_id: int, note: Note) -> None:
        """Add an event."""
        self.database.write(lambda connection: self._note(connection, row_id, note))

    def claim(self, row: Redeployment, holder: str, seconds: float) -> bool:
        """Say who works on a pending one for so long; False where somebody else does, or it has moved on."""
        moment = self._clock()

        def work(connection: Connection) -> bool:
            free = or_(_ROWS.c.claimed_by.is_(None), _ROWS.c.claimed_by == holder, _ROWS.c.claimed_until < moment)
            done = connection.execute(
                update(_ROWS)
                .where(_ROWS.c.id == row.id, _ROWS.c.state == row.state.value, free)
                .values(claimed_by=holder, claimed_until=moment + timedelta(seconds=seconds), attempts=row.attempts + 1)
            )
            return bool(done.rowcount)

        return self.database.write(work)

    def _accept(self, connection: Connection, wish: Wish, supersede: bool) -> tuple[Redeployment, bool]:
        found = _find_repeated(connection, wish)
        if found is not None:
            return found, False
        active = _find_active(connection, wish.environment, wish.endpoint)
        if active is not None:
            if not (supersede or wish.kind.may_interrupt or active.is_failing):
                raise already_running(active)
            self._end(connection, active, wish)
        row = self._insert(connection, wish, State.PENDING)
        self._link(connection, active, row)
        note = Note("accepted", wish.reason, {"actor": wish.actor, "kind": wish.kind.value})
        self._note(connection, row.id, note)
        return row, True

    def _end(self, connection: Connection, active: Redeployment, wish: Wish) -> None:
        """Let the one that runs make way, in the same transaction in which the other one begins."""
        words = f"{wish.kind.value} by {wish.actor or 'somebody'} took its place"
        if active.state is State.PENDING:
            words += " before it was committed"
            values = {"failure_reason": SUPERSEDED, "message": words}
            moved = self._move(connection, active, State.FAILED, values, Note("superseded", words))
        else:
            moved = self._move(connection, active, State.SUPERSEDED, {"message": words}, Note("superseded", words))
        if moved is None:
            raise already_running(active)

    def _link(self, connection: Connection, ended: Redeployment | None, row: Redeployment) -> None:
        if ended is not None:
            connection.execute(update(_ROWS).where(_ROWS.c.id == ended.id).values(superseded_by=row.id))

    def _insert(self, connection: Connection, wish: Wish, state: State, **given: Any) -> Redeployment:
        values = {**asdict(wish), **given, "kind": wish.kind.value, "state": state.value, "created_at": self._clock()}
        return read_redeployment(connection.execute(insert(_ROWS).values(**values).returning(_ROWS)).one())

    def _move(
        self, connection: Connection, row: Redeployment, state: State, values: Mapping[str, Any], note: Note
    ) -> Redeployment | None:
        if not may_follow(row.state, state):
            raise InternalError(f"redeployment {row.id} cannot go from {row.state} to {state}")
        given = {**values, **_UNCLAIMED}
        if state.is_final:
            given |= {"settled_at": self._clock(), "failing": None, "verdict": state.value}
        done = connection.execute(
            update(_ROWS)
            .where(_ROWS.c.id == row.id, _ROWS.c.state == row.state.value)
            .values(state=state.value, **given)
            .returning(_ROWS)
        ).one_or_none()
        if done is None:
            return None
        self._note(connection, row.id, note)
        return read_redeployment(done)

    def _note(self, connection: Connection, row_id: int, note: Note) -> None:
        values = {"redeployment_id": row_id, "at": self._clock(), "name": note.name, "message": note.message}
        connection.execute(insert(tables.events).values(**values, data=dict(note.data) if note.data else None))


def _find_active(connection: Connection, environment: str, endpoint: str) -> Redeployment | None:
    query = select(_ROWS).where(
        _ROWS.c.environment == environment,
        _ROWS.c.endpoint == endpoint,
        _ROWS.c.state.in_([state.value for state in LOCKING]),
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else read_redeployment(row)


def _find_repeated(connection: Connection, wish: Wish) -> Redeployment | None:
    """The row of the same wish. InvalidInput where its key or id was another wish's."""
    same = [_ROWS.c.request_id == wish.request_id]
    if wish.idempotency_key is not None:
        same.append(_ROWS.c.idempotency_key == wish.idempotency_key)
    query = select(_ROWS).where(or_(*same), _ROWS.c.state != State.REFUSED.value).order_by(_ROWS.c.id)
    for row in map(read_redeployment, connection.execute(query)):
        wanted = (wish.environment, wish.endpoint, wish.kind, wish.request_digest)
        if (row.environment, row.endpoint, row.kind, row.request_digest) != wanted:
            raise InvalidInput(
                f"this request's id or key was used before, for redeployment {row.id} ({row.kind} of {row.name})",
                hint="give every request a key of its own; repeat one only with the same content",
            )
        return row
    return None


def _find_by_request(connection: Connection, wish: Wish) -> Redeployment | None:
    query = select(_ROWS).where(
        _ROWS.c.request_id == wish.request_id,
        _ROWS.c.environment == wish.environment,
        _ROWS.c.endpoint == wish.endpoint,
        _ROWS.c.state != State.REFUSED.value,
    )
    row = connection.execute(query).first()
    return None if row is None else read_redeployment(row)


def already_running(active: Redeployment) -> AlreadyRunning:
    """Who runs which one since when, and what to do."""
    revision = f" (r{active.revision})" if active.revision else ""
    by = f" by {active.actor}" if active.actor else ""
    return AlreadyRunning(
        f"{active.name}: {active.kind} {active.id}{revision}{by} is {active.state} since {to_json(active.created_at)}",
        details={"redeployment": active.to_dict()},
    )
