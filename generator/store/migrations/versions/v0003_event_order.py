"""Whoever follows events by their ids must not overtake one whose transaction is still to end.

PostgreSQL gives ids in the order of statements, not of commits. Every transaction that adds an event holds a lock that
all of them share; who can take it alone knows that none is under way. SQLite writes one after another.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

_LOCK = 0x72767374657674


def upgrade() -> None:
    """A trigger that comes before the id is given."""
    if op.get_bind().dialect.name == "sqlite":
        return
    op.execute(
        "CREATE FUNCTION revstamp_order() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"PERFORM pg_advisory_xact_lock_shared({_LOCK}); RETURN NULL; END $$"
    )
    op.execute(
        "CREATE TRIGGER revstamp_order BEFORE INSERT ON revstamp_redeployment_events "
        "FOR EACH STATEMENT EXECUTE FUNCTION revstamp_order()"
    )
