"""What a database refuses, in words.

Owns: telling which of our errors a driver's error is, and whether it passes by itself. Refuses: trying again
(`database`). No password and no statement with values ever stands in a message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
    TimeoutError,
)

from generator.errors import (
    RevstampError,
    StoreConflict,
    StoreError,
    StoreFull,
    StoreOutdated,
    StoreReadOnly,
    StoreUnavailable,
)

_Table = tuple[tuple[str, type[StoreError], str], ...]

_SQLITE: _Table = (
    ("readonly", StoreReadOnly, "cannot be written to"),
    ("read-only", StoreReadOnly, "cannot be written to"),
    ("disk is full", StoreFull, "has no room left"),
    ("disk i/o error", StoreFull, "cannot be written to: the disk fails or is full"),
    ("locked", StoreUnavailable, "is being written to by somebody else"),
    ("unable to open", StoreUnavailable, "cannot be opened: look at the file, its folder, and the rights there"),
    ("not a database", StoreError, "is not a SQLite database, or is damaged"),
    ("malformed", StoreError, "is damaged"),
    ("no such table", StoreOutdated, "lacks a table of revstamp"),
    ("no such column", StoreOutdated, "lacks a column of revstamp"),
)
_POSTGRES: _Table = (
    ("25006", StoreReadOnly, "takes no writes: it is read-only"),
    ("53100", StoreFull, "has no room left"),
    ("53200", StoreUnavailable, "has no memory left"),
    ("53300", StoreUnavailable, "takes no more connections"),
    ("40001", StoreUnavailable, "could not put two transactions in order"),
    ("40P01", StoreUnavailable, "ended one of two transactions that waited for each other"),
    ("55P03", StoreUnavailable, "did not give a lock in time"),
    ("57014", StoreUnavailable, "ended a statement that took too long"),
    ("57P", StoreUnavailable, "is shutting down or starting"),
    ("22", StoreConflict, "does not take a value: it is too long, too great, or of another kind"),
    ("08", StoreUnavailable, "cannot be reached"),
    ("28", StoreError, "does not accept the user or the password"),
    ("3D000", StoreError, "does not exist"),
    ("42501", StoreError, "does not allow it"),
    ("42P01", StoreOutdated, "lacks a table of revstamp"),
    ("42703", StoreOutdated, "lacks a column of revstamp"),
)


def explain_failure(error: SQLAlchemyError, label: str) -> RevstampError:
    """One of our errors for one of the library's."""
    if isinstance(error, TimeoutError):
        return StoreUnavailable(f"the database {label}: no connection became free")
    if not isinstance(error, DBAPIError):
        return StoreError(f"the database {label}: {type(error).__name__}")
    cause: Any = error.orig
    if isinstance(error, IntegrityError):
        return StoreConflict(f"the database {label}: {_first_line(cause)}")
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        return _find(_POSTGRES, label, cause, lambda key: str(state).startswith(key))
    if isinstance(error, DataError):
        return explain_value(cause, label)
    if type(cause).__module__.startswith("psycopg"):
        is_lost = isinstance(error, OperationalError | InterfaceError)
        return _explain_lost(cause, label) if is_lost else StoreError(f"the database {label}: {_first_line(cause)}")
    words = str(cause).lower()
    return _find(_SQLITE, label, cause, lambda key: key in words)


def explain_value(error: Exception, label: str) -> StoreError:
    """A value that a driver cannot send; which one is not said, since it may be anything."""
    return StoreConflict(f"the database {label} does not take a value ({type(error).__name__})")


def _find(table: _Table, label: str, cause: Any, fits: Callable[[str], bool]) -> StoreError:
    for key, kind, words in table:
        if fits(key):
            failure: StoreError = kind(f"the database {label} {words}")
            return failure
    return StoreError(f"the database {label}: {_first_line(cause)}")


def _explain_lost(cause: Any, label: str) -> StoreError:
    """A failure before or without an answer of the server. The library's words name host and port, no password."""
    words = str(cause).lower()
    for hint, text in (
        ("password authentication", "does not accept the user or the password"),
        ("does not exist", "does not exist, or its user does not"),
        ("no pg_hba", "does not let this machine or user in"),
        ("no password supplied", "wants a password"),
    ):
        if hint in words:
            return StoreError(f"the database {label} {text}")
    return StoreUnavailable(f"the database {label} cannot be reached")


def _first_line(cause: Any) -> str:
    return str(cause).strip().partition("\n")[0][:300]
