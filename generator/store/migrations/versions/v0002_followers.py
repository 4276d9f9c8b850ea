"""What follows git and clusters: endpoints, leases, cursors; who works on a redeployment; its phase."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from generator.store.types import Document, Identity, Moment, Number

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add columns to the ledger, then the new tables."""
    for column in (
        sa.Column("phase", sa.String(40)),
        sa.Column("phase_since", Moment),
        sa.Column("failing", sa.String(40)),
        sa.Column("claimed_by", sa.String(200)),
        sa.Column("claimed_until", Moment),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    ):
        op.add_column("revstamp_redeployments", column)
    op.create_index("revstamp_redeployment_events_by_time", "revstamp_redeployment_events", ["at"])
    op.create_table(
        "revstamp_endpoints",
        sa.Column("environment", sa.String(63), primary_key=True),
        sa.Column("endpoint", sa.String(63), primary_key=True),
        sa.Column("endpoint_id", Identity),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False, server_default="0"),
        sa.Column("pod_revision", sa.Integer, nullable=False, server_default="0"),
        sa.Column("good_revision", sa.Integer),
        sa.Column("is_deleted", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("phase", sa.String(40)),
        sa.Column("message", sa.Text, nullable=False, server_default=""),
        sa.Column("rollout", Document),
        sa.Column("projected", Document),
        sa.Column("foreign_write_at", Moment),
        sa.Column("checked_at", Moment),
        sa.Column("changed_at", Moment, nullable=False),
    )
    op.create_index("revstamp_endpoints_by_id", "revstamp_endpoints", ["endpoint_id"])
    op.create_table(
        "revstamp_leases",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("holder", sa.String(200), nullable=False),
        sa.Column("term", Number, nullable=False),
        sa.Column("expires_at", Moment, nullable=False),
    )
    op.create_table(
        "revstamp_cursors",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
    )
