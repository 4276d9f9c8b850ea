"""Column types that mean the same in SQLite and PostgreSQL.

Owns: moments in UTC, people's and machines' words, JSON documents, ids. Refuses: tables.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, String, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

from generator.store.words import clean_text


class Moment(TypeDecorator[datetime]):
    """An aware time in UTC. SQLite keeps no zone; what comes back without one is UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """On the way in; a naive time is a bug."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """On the way out."""
        if value is None:
            return None
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Words(TypeDecorator[str]):
    """Words for people: what cannot be stored is replaced, so that no message is refused."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """On the way in."""
        return None if value is None else clean_text(str(value))


class ShortWords(TypeDecorator[str]):
    """The same, cut where they are too long. Not for names and keys: two of them must never become one."""

    impl = String
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self._most = length

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """On the way in."""
        return None if value is None else clean_text(str(value))[: self._most]


Document = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""A JSON value; None is SQL's NULL."""

Number = BigInteger().with_variant(Integer(), "sqlite")
"""A row number: SQLite counts up only columns of its own integer type."""

Identity = Uuid(as_uuid=False)
"""A UUID of the platform, as text with hyphens."""


class LooseMoment(TypeDecorator[datetime]):
    """A time in a table that others write too: what is no time is none. For SQLite, where a column takes anything."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """As SQLAlchemy writes times, so that they can be compared."""
        return None if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """On the way out."""
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            return None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class LooseIdentity(TypeDecorator[str]):
    """A UUID in a table that others write too: what is none stays the text that it is. For SQLite."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """As SQLAlchemy writes UUIDs."""
        return None if value is None else str(value).replace("-", "")

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        """On the way out, with hyphens."""
        try:
            return None if value is None else str(UUID(str(value)))
        except ValueError:
            return str(value)
