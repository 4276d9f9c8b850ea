"""Who does what only one may do, and how far it has come.

Owns: leases with a term that counts up, cursors. Refuses: the work itself. Times are the database clients' own: a lease
is long against what clocks differ by.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from generator.errors import StoreConflict
from generator.store import tables
from generator.store.database import Database
from generator.store.ledger import now

_LEASES = tables.leases
_CURSORS = tables.cursors


class Leases:
    """The leases of one database; `holder` names this process."""

    def __init__(self, database: Database, holder: str, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self.holder = holder
        self._clock = clock

    def acquire(self, name: str, seconds: float) -> bool:
        """Take a lease that is free or expired, or keep one's own for so much longer; whether it is ours now."""
        moment = self._clock()
        until = moment + timedelta(seconds=seconds)

        def work(connection: Connection) -> bool:
            query = select(_LEASES).where(_LEASES.c.name == name)
            found = connection.execute(query if self._database.is_sqlite else query.with_for_update()).one_or_none()
            if found is None:
                connection.execute(insert(_LEASES).values(name=name, holder=self.holder, term=1, expires_at=until))
                return True
            if found.holder != self.holder and found.expires_at > moment:
                return False
            term = found.term + (found.holder != self.holder)
            connection.execute(
                update(_LEASES).where(_LEASES.c.name == name).values(holder=self.holder, term=term, expires_at=until)
            )
            return True

        try:
            return self._database.write(work)
        except StoreConflict:  # another one made the row at the same moment
            return False

    def release(self, name: str) -> None:
        """Give a lease back at once; one that is not ours stays."""
        gone = update(_LEASES).where(_LEASES.c.name == name, _LEASES.c.holder == self.holder)
        self._database.write(lambda connection: connection.execute(gone.values(expires_at=self._clock())))


class Cursors:
    """How far things have been followed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, name: str) -> str:
        """The value; empty where there is none yet."""
        query = select(_CURSORS.c.value).where(_CURSORS.c.name == name)
        return str(self._database.read(lambda connection: connection.execute(query).scalar()) or "")

    def write(self, name: str, value: str) -> None:
        """Keep a value."""

        given = {"value": value, "updated_at": now()}
        new: Any = sqlite.insert(_CURSORS) if self._database.is_sqlite else postgresql.insert(_CURSORS)
        query = new.values(name=name, **given).on_conflict_do_update(index_elements=["name"], set_=given)
        self._database.write(lambda connection: connection.execute(query))
