"""The ledger: redeployments, their events, the locks, and what state may follow what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from generator.store.types import Document, Identity, Moment, Number

revision = "0001"
down_revision = None

_KINDS = "'redeploy', 'rollback', 'promote', 'create', 'scale', 'stop', 'delete', 'by-hand'"
_STATES = (
    "'refused', 'pending', 'proposed', 'rejected', 'committed', 'applied', 'progressing', 'healthy', 'failed', "
    "'superseded'"
)
_LOCKING = "state IN ('pending', 'committed', 'applied', 'progressing')"
_BEGINS = "NEW.state IN ('refused', 'pending') OR (NEW.state = 'superseded' AND NEW.kind = 'by-hand')"
_FOLLOWS = (
    "OLD.state = NEW.state"
    " OR (OLD.state = 'pending' AND NEW.state IN ('proposed', 'committed', 'failed', 'healthy'))"
    " OR (OLD.state = 'proposed' AND NEW.state IN ('committed', 'rejected', 'superseded'))"
    " OR (OLD.state = 'committed' AND NEW.state IN ('applied', 'failed', 'superseded'))"
    " OR (OLD.state = 'applied' AND NEW.state IN ('progressing', 'healthy', 'failed', 'superseded'))"
    " OR (OLD.state = 'progressing' AND NEW.state IN ('healthy', 'failed', 'superseded'))"
)


def upgrade() -> None:
    """Make the tables, then the triggers."""
    _create_redeployments()
    _create_events()
    if op.get_bind().dialect.name == "sqlite":
        _create_sqlite_triggers()
    else:
        _create_postgresql_triggers()


def _create_redeployments() -> None:
    op.create_table(
        "revstamp_redeployments",
        sa.Column("id", Number, primary_key=True, autoincrement=True),
        sa.Column("request_id", sa.String(200), nullable=False),
        sa.Column("idempotency_key", sa.String(200), unique=True),
        sa.Column("request_digest", sa.String(64)),
        sa.Column("endpoint_id", Identity),
        sa.Column("environment", sa.String(63), nullable=False),
        sa.Column("endpoint", sa.String(63), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("actor", sa.String(400), nullable=False, server_default=""),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("request", Document),
        sa.Column("operation", Document),
        sa.Column("resolved", Document),
        sa.Column("base_commit", sa.String(64)),
        sa.Column("branch", sa.String(255)),
        sa.Column("revision", sa.Integer),
        sa.Column("pod_revision", sa.Integer),
        sa.Column("restores", sa.Integer),
        sa.Column("commit_id", sa.String(64)),
        sa.Column("pull_request", sa.Text),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("committed_at", Moment),
        sa.Column("applied_at", Moment),
        sa.Column("settled_at", Moment),
        sa.Column("verdict", sa.String(16)),
        sa.Column("failure_reason", sa.String(40)),
        sa.Column("message", sa.Text, nullable=False, server_default=""),
        sa.Column("hint", sa.Text, nullable=False, server_default=""),
        sa.Column("violations", Document),
        sa.Column("superseded_by", Number),
        sa.Column("rolls_back", Number),
        sa.CheckConstraint(f"state IN ({_STATES})", name="revstamp_redeployments_state"),
        sa.CheckConstraint(f"kind IN ({_KINDS})", name="revstamp_redeployments_kind"),
        sqlite_autoincrement=True,
    )
    for name, where in (("active", _LOCKING), ("proposed", "state = 'proposed'")):
        op.create_index(
            f"revstamp_redeployments_{name}",
            "revstamp_redeployments",
            ["environment", "endpoint"],
            unique=True,
            postgresql_where=sa.text(where),
            sqlite_where=sa.text(where),
        )
    op.create_index("revstamp_redeployments_by_endpoint", "revstamp_redeployments", ["environment", "endpoint", "id"])
    op.create_index(
        "revstamp_redeployments_by_request",
        "revstamp_redeployments",
        ["request_id", "environment", "endpoint"],
        unique=True,
        postgresql_where=sa.text("state <> 'refused'"),
        sqlite_where=sa.text("state <> 'refused'"),
    )
    op.create_index("revstamp_redeployments_by_state", "revstamp_redeployments", ["state", "id"])


def _create_events() -> None:
    op.create_table(
        "revstamp_redeployment_events",
        sa.Column("id", Number, primary_key=True, autoincrement=True),
        sa.Column(
            "redeployment_id",
            Number,
            sa.ForeignKey("revstamp_redeployments.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("at", Moment, nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("message", sa.Text, nullable=False, server_default=""),
        sa.Column("data", Document),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "revstamp_redeployment_events_by_redeployment", "revstamp_redeployment_events", ["redeployment_id", "id"]
    )


def _create_sqlite_triggers() -> None:
    op.execute(
        f"CREATE TRIGGER revstamp_begin BEFORE INSERT ON revstamp_redeployments WHEN NOT ({_BEGINS}) "
        "BEGIN SELECT RAISE(ABORT, 'a redeployment cannot begin in this state'); END"
    )
    op.execute(
        f"CREATE TRIGGER revstamp_follow BEFORE UPDATE OF state ON revstamp_redeployments WHEN NOT ({_FOLLOWS}) "
        "BEGIN SELECT RAISE(ABORT, 'this state cannot follow the one before'); END"
    )
    op.execute(
        "CREATE TRIGGER revstamp_append BEFORE UPDATE ON revstamp_redeployment_events "
        "BEGIN SELECT RAISE(ABORT, 'events are never changed'); END"
    )


def _create_postgresql_triggers() -> None:
    for name, table, moment, condition, words in (
        ("begin", "redeployments", "INSERT", _BEGINS, "a redeployment cannot begin in this state"),
        ("follow", "redeployments", "UPDATE OF state", _FOLLOWS, "this state cannot follow the one before"),
        ("append", "redeployment_events", "UPDATE", "false", "events are never changed"),
    ):
        op.execute(
            f"CREATE FUNCTION revstamp_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF NOT ({condition}) THEN RAISE EXCEPTION '{words}' USING ERRCODE = 'check_violation'; END IF; "
            "RETURN NEW; END $$"
        )
        op.execute(
            f"CREATE TRIGGER revstamp_{name} BEFORE {moment} ON revstamp_{table} "
            f"FOR EACH ROW EXECUTE FUNCTION revstamp_{name}()"
        )
