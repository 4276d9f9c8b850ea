"""revstamp's own tables, as the newest migration leaves them.

Owns: their columns, indexes and names, all of which begin with `revstamp_`. Refuses: the platform's tables, to which
nothing here refers.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

from generator.store.states import LOCKING, Kind, State
from generator.store.types import Document, Identity, Moment, Number, ShortWords, Words

OWN = MetaData()


def _one_of(column: str, values: type[State] | type[Kind]) -> str:
    return f"{column} IN ({', '.join(repr(value.value) for value in values)})"


ACCEPTED = "state <> 'refused'"
WAITS = "state = 'proposed'"
HOLDS_LOCK = f"state IN ({', '.join(repr(state.value) for state in LOCKING)})"

redeployments = Table(
    "revstamp_redeployments",
    OWN,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("request_id", String(200), nullable=False),
    Column("idempotency_key", String(200), unique=True),
    Column("request_digest", String(64)),
    Column("endpoint_id", Identity),
    Column("environment", String(63), nullable=False),
    Column("endpoint", String(63), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("actor", ShortWords(400), nullable=False, server_default=""),
    Column("reason", Words, nullable=False, server_default=""),
    Column("request", Document),
    Column("operation", Document),
    Column("resolved", Document),
    Column("base_commit", String(64)),
    Column("branch", String(255)),
    Column("revision", Integer),
    Column("pod_revision", Integer),
    Column("restores", Integer),
    Column("commit_id", String(64)),
    Column("pull_request", Words),
    Column("created_at", Moment, nullable=False),
    Column("committed_at", Moment),
    Column("applied_at", Moment),
    Column("settled_at", Moment),
    Column("phase", ShortWords(40)),
    Column("phase_since", Moment),
    Column("failing", ShortWords(40)),
    Column("verdict", String(16)),
    Column("failure_reason", ShortWords(40)),
    Column("message", Words, nullable=False, server_default=""),
    Column("hint", Words, nullable=False, server_default=""),
    Column("violations", Document),
    Column("superseded_by", Number),
    Column("rolls_back", Number),
    Column("claimed_by", String(200)),
    Column("claimed_until", Moment),
    Column("attempts", Integer, nullable=False, server_default="0"),
    CheckConstraint(_one_of("state", State), name="revstamp_redeployments_state"),
    CheckConstraint(_one_of("kind", Kind), name="revstamp_redeployments_kind"),
    Index(
        "revstamp_redeployments_active",
        "environment",
        "endpoint",
        unique=True,
        postgresql_where=text(HOLDS_LOCK),
        sqlite_where=text(HOLDS_LOCK),
    ),
    Index(
        "revstamp_redeployments_proposed",
        "environment",
        "endpoint",
        unique=True,
        postgresql_where=text(WAITS),
        sqlite_where=text(WAITS),
    ),
    Index(
        "revstamp_redeployments_by_request",
        "request_id",
        "environment",
        "endpoint",
        unique=True,
        postgresql_where=text(ACCEPTED),
        sqlite_where=text(ACCEPTED),
    ),
    Index("revstamp_redeployments_by_endpoint", "environment", "endpoint", "id"),
    Index("revstamp_redeployments_by_state", "state", "id"),
    sqlite_autoincrement=True,
)
"""One row for each wish about an endpoint, also a refused one. `operation` is what carries it out once more."""

events = Table(
    "revstamp_redeployment_events",
    OWN,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("redeployment_id", Number, ForeignKey("revstamp_redeployments.id", ondelete="CASCADE"), nullable=False),
    Column("at", Moment, nullable=False),
    Column("name", ShortWords(40), nullable=False),
    Column("message", Words, nullable=False, server_default=""),
    Column("data", Document),
    Index("revstamp_redeployment_events_by_redeployment", "redeployment_id", "id"),
    Index("revstamp_redeployment_events_by_time", "at"),
    sqlite_autoincrement=True,
)
"""What happened to a redeployment, in order; rows are added and, by retention, removed, never changed."""

endpoints = Table(
    "revstamp_endpoints",
    OWN,
    Column("environment", String(63), primary_key=True),
    Column("endpoint", String(63), primary_key=True),
    Column("endpoint_id", Identity),
    Column("status", String(16), nullable=False),
    Column("revision", Integer, nullable=False, server_default="0"),
    Column("pod_revision", Integer, nullable=False, server_default="0"),
    Column("good_revision", Integer),
    Column("is_deleted", Boolean, nullable=False, server_default=text("false")),
    Column("phase", ShortWords(40)),
    Column("message", Words, nullable=False, server_default=""),
    Column("rollout", Document),
    Column("projected", Document),
    Column("foreign_write_at", Moment),
    Column("checked_at", Moment),
    Column("changed_at", Moment, nullable=False),
    Index("revstamp_endpoints_by_id", "endpoint_id"),
)
"""What is known of each endpoint: what the tip wants, what serves, what was last written into the platform's row."""

leases = Table(
    "revstamp_leases",
    OWN,
    Column("name", String(100), primary_key=True),
    Column("holder", String(200), nullable=False),
    Column("term", Number, nullable=False),
    Column("expires_at", Moment, nullable=False),
)
"""Who does what only one may do. `term` counts up with each new holder."""

cursors = Table(
    "revstamp_cursors",
    OWN,
    Column("name", String(255), primary_key=True),
    Column("value", Text, nullable=False),
    Column("updated_at", Moment, nullable=False),
)
"""How far something that is followed has been read, such as a branch."""
