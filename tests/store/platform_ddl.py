"""The platform's tables as others made them: by DDL of their own, in variants, with rows.

Owns: statements for PostgreSQL. Refuses: asserting.
"""

from __future__ import annotations

MODEL, ENDPOINT, OTHER, DEPLOYMENT = (f"{number}1111111-2222-4333-8444-555555555555" for number in range(4))

PLAIN = """
CREATE TABLE model_catalog_entries (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL, version text NOT NULL,
  type text NOT NULL CHECK (type IN ('base', 'fine-tuned', 'external')), status text NOT NULL DEFAULT 'draft',
  owner_team text NOT NULL, metadata jsonb NOT NULL DEFAULT '{}', storage_uri text, model_family text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (name, version, type));
CREATE TABLE serving_endpoints (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), model_entry_id uuid NOT NULL REFERENCES model_catalog_entries (id),
  environment text NOT NULL CHECK (environment IN ('dev', 'stg', 'prod')), route text NOT NULL,
  status text NOT NULL CHECK (status IN ('deploying', 'healthy', 'degraded', 'failed')),
  min_replicas integer NOT NULL DEFAULT 1, max_replicas integer NOT NULL DEFAULT 3, autoscale_policy jsonb,
  prompt_policy_id uuid, use_gpu boolean, runtime_image text, cpu_request text, cpu_limit text, memory_request text,
  memory_limit text, deployment_spec jsonb, rollback_plan text, last_health_check timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(), UNIQUE (environment, route));
CREATE TABLE serving_deployments (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  serving_endpoint_id uuid NOT NULL REFERENCES serving_endpoints (id) ON DELETE CASCADE,
  serving_framework text NOT NULL, framework_resource_id text NOT NULL, framework_namespace text NOT NULL,
  replica_count integer NOT NULL, min_replicas integer NOT NULL CHECK (min_replicas >= 0),
  max_replicas integer NOT NULL CHECK (max_replicas >= min_replicas), autoscaling_metrics jsonb,
  resource_requests jsonb, resource_limits jsonb, framework_status jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
  CHECK (replica_count BETWEEN min_replicas AND max_replicas),
  UNIQUE (serving_framework, framework_resource_id, framework_namespace));
CREATE TABLE audit_logs (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), actor_id text NOT NULL, action text NOT NULL,
  resource_type text NOT NULL, resource_id text, result text NOT NULL CHECK (result IN ('allowed', 'denied')),
  metadata jsonb NOT NULL DEFAULT '{}', occurred_at timestamptz NOT NULL DEFAULT now());
"""

VARIANTS = {
    "as described": PLAIN,
    "numbered audit": PLAIN.replace(
        "audit_logs (\n  id uuid PRIMARY KEY DEFAULT gen_random_uuid()", "audit_logs (\n  id bigserial PRIMARY KEY"
    ),
    "further columns": PLAIN.replace("route text NOT NULL,", "route text NOT NULL, cost_center text, tags text[],")
    + "CREATE TABLE users (id bigserial PRIMARY KEY, name text); CREATE VIEW busy AS SELECT id FROM serving_endpoints;",
    "varchar": PLAIN.replace(" text", " varchar(255)").replace("timestamptz", "timestamp").replace("jsonb", "json"),
    "enum": "CREATE TYPE health AS ENUM ('deploying', 'healthy', 'degraded', 'failed');"
    + PLAIN.replace(
        "status text NOT NULL CHECK (status IN ('deploying', 'healthy', 'degraded', 'failed'))",
        "status health NOT NULL",
    ),
}

ROWS = f"""
INSERT INTO model_catalog_entries (id, name, version, type, status, owner_team, model_family)
  VALUES ('{MODEL}', 'm', '1', 'base', 'approved', 'team', 'llama');
INSERT INTO serving_endpoints (id, model_entry_id, environment, route, status, deployment_spec, created_at)
  VALUES ('{ENDPOINT}', '{MODEL}', 'prod', '/chat', 'healthy', '{{"a": 1}}', '2026-01-01 12:00:00+00');
INSERT INTO serving_endpoints (id, model_entry_id, environment, route, status, created_at)
  VALUES ('{OTHER}', '{MODEL}', 'dev', '/chat', 'failed', '2026-01-02 12:00:00+00');
INSERT INTO serving_deployments (id, serving_endpoint_id, serving_framework, framework_resource_id,
  framework_namespace, replica_count, min_replicas, max_replicas)
  VALUES ('{DEPLOYMENT}', '{ENDPOINT}', 'kserve', 'svc', 'ns', 1, 1, 3);
"""

CATALOGUE = """
SELECT 'column', relname, attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid), attacl
  FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
  LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
  WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND relname !~ '^revstamp' ORDER BY 2, attnum;
SELECT 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint
  WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text !~ '^revstamp' ORDER BY 2, 3;
SELECT 'index', tablename, indexdef FROM pg_indexes
  WHERE schemaname = 'public' AND tablename !~ '^revstamp' ORDER BY 2, 3;
SELECT 'trigger', tgrelid::regclass, tgname FROM pg_trigger
  WHERE NOT tgisinternal AND tgrelid::regclass::text !~ '^revstamp' ORDER BY 2, 3;
SELECT 'table', relname, relkind, relacl, relowner FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relname !~ '^revstamp' ORDER BY 2;
"""
"""Everything that stands in PostgreSQL's catalogue about tables that are not revstamp's."""
