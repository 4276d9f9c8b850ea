"""The platform's tables, to which revstamp writes and whose shape it does not own.

Owns: the columns that are used (platform-contract: "Tables of the platform"). Refuses: changing them; they are made
here only in an empty database of revstamp's own.
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
    Table,
    Text,
    UniqueConstraint,
)

from generator.store.types import Document, Identity, Moment

PLATFORM = MetaData()


models = Table(
    "model_catalog_entries",
    PLATFORM,
    Column("id", Identity, primary_key=True),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("owner_team", Text),
    Column("metadata", Document),
    Column("storage_uri", Text),
    Column("model_family", Text),
    Column("created_at", Moment),
    Column("updated_at", Moment),
    UniqueConstraint("name", "version", "type"),
)

serving_endpoints = Table(
    "serving_endpoints",
    PLATFORM,
    Column("id", Identity, primary_key=True),
    Column("model_entry_id", Identity, ForeignKey("model_catalog_entries.id"), nullable=False),
    Column("environment", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("min_replicas", Integer, nullable=False, server_default="1"),
    Column("max_replicas", Integer, nullable=False, server_default="3"),
    Column("autoscale_policy", Document),
    Column("prompt_policy_id", Identity),
    Column("use_gpu", Boolean),
    Column("runtime_image", Text),
    Column("cpu_request", Text),
    Column("cpu_limit", Text),
    Column("memory_request", Text),
    Column("memory_limit", Text),
    Column("deployment_spec", Document),
    Column("rollback_plan", Text),
    Column("last_health_check", Moment),
    Column("created_at", Moment),
    UniqueConstraint("environment", "route"),
    CheckConstraint("status IN ('deploying', 'healthy', 'degraded', 'failed')", name="serving_endpoints_status"),
    CheckConstraint("environment IN ('dev', 'stg', 'prod')", name="serving_endpoints_environment"),
    Index("serving_endpoints_by_age", "created_at"),
)

serving_deployments = Table(
    "serving_deployments",
    PLATFORM,
    Column("id", Identity, primary_key=True),
    Column("serving_endpoint_id", Identity, ForeignKey("serving_endpoints.id", ondelete="CASCADE"), nullable=False),
    Column("serving_framework", Text, nullable=False),
    Column("framework_resource_id", Text, nullable=False),
    Column("framework_namespace", Text, nullable=False),
    Column("replica_count", Integer, nullable=False),
    Column("min_replicas", Integer, nullable=False),
    Column("max_replicas", Integer, nullable=False),
    Column("autoscaling_metrics", Document),
    Column("resource_requests", Document),
    Column("resource_limits", Document),
    Column("framework_status", Document),
    Column("created_at", Moment),
    Column("updated_at", Moment),
    UniqueConstraint("serving_framework", "framework_resource_id", "framework_namespace"),
    CheckConstraint(
        "min_replicas >= 0 AND max_replicas >= min_replicas AND replica_count BETWEEN min_replicas AND max_replicas",
        name="serving_deployments_replicas",
    ),
)

audit_logs = Table(
    "audit_logs",
    PLATFORM,
    Column("id", Identity, primary_key=True),
    Column("actor_id", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("resource_type", Text, nullable=False),
    Column("resource_id", Text),
    Column("result", Text, nullable=False),
    Column("metadata", Document),
    Column("occurred_at", Moment, nullable=False),
    CheckConstraint("result IN ('allowed', 'denied')", name="audit_logs_result"),
)
