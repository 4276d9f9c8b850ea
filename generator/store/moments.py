"""Times of PostgreSQL that Python has none for.

Owns: reading `infinity`, and years before 1 and after 9999, as no time at all. Refuses: writing them.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from psycopg.errors import DataError
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader


class _Zoned(TimestamptzLoader):
    """`timestamptz`."""

    def load(self, data: Any) -> datetime:
        """None where there is no such time: one odd row must not hide all others."""
        try:
            return super().load(data)
        except DataError:
            return None  # type: ignore[return-value]


class _Plain(TimestampLoader):
    """`timestamp`."""

    def load(self, data: Any) -> datetime:
        """The same."""
        try:
            return super().load(data)
        except DataError:
            return None  # type: ignore[return-value]


class _Day(DateLoader):
    """`date`."""

    def load(self, data: Any) -> date:
        """The same."""
        try:
            return super().load(data)
        except DataError:
            return None  # type: ignore[return-value]


def accept_every_moment(connection: Any, _record: Any) -> None:
    """Let a connection read any time that PostgreSQL can hold."""
    for name, loader in (("timestamptz", _Zoned), ("timestamp", _Plain), ("date", _Day)):
        connection.adapters.register_loader(name, loader)
