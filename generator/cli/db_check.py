"""The findings of `revstamp db check`.

Owns: what of an inspection is right, worth a look, or in the way. Refuses: reading tables (`store`).
"""

from __future__ import annotations

from datetime import timedelta

from generator.errors import StoreError
from generator.service.finding import Finding, failure, judge_cases
from generator.store.database import Database
from generator.store.inspection import Inspection, inspect_ledger
from generator.store.ledger import now
from generator.store.redeployment import to_json
from generator.store.schema import SchemaState, check_schema, read_schema


def examine_database(database: Database, stuck_after: timedelta) -> tuple[list[Finding], StoreError | None]:
    """All findings, and the error that makes the database useless, where there is one."""
    findings: list[Finding] = []
    try:
        schema = read_schema(database)
        findings.append(Finding("connection", "ok", database.label))
        check_schema(database)
        findings.append(Finding("tables", "ok", f"version {schema.version}"))
        findings.append(_judge_platform(schema))
        inspection = inspect_ledger(database, now() - stuck_after)
        findings += _judge(inspection)
    except StoreError as error:
        findings.append(failure("tables" if findings else "connection", error))
        return findings, error
    return findings, None


def _judge_platform(schema: SchemaState) -> Finding:
    missing = list(schema.missing)
    fix = "harmless where there is no platform; else give the URL of its database"
    words = "tables of the platform are not there"
    return judge_cases("platform", "warning", missing, words, fix, "all its tables are there")


def _judge(inspection: Inspection) -> list[Finding]:
    held = [
        f"{row.name}: {row.kind} {row.id} by {row.actor or 'somebody'} is {row.state} since {to_json(row.created_at)}"
        for row in inspection.held
    ]
    foreign = [
        f"{state.environment}/{state.endpoint}: at {to_json(state.foreign_write_at)}" for state in inspection.foreign
    ]
    moment = now()
    leases = [
        f"{name}: {holder}" + ("" if until > moment else f", until {to_json(until)}")
        for name, holder, until in inspection.leases
    ]
    free = [name for name, _, until in inspection.leases if until <= moment]
    return [
        Finding("redeployments", "ok", f"{inspection.redeployments} are recorded"),
        judge_cases(
            "locks", "warning", held, "redeployments have had no verdict for long",
            "`revstamp explain NUMBER` says why; --supersede, a rollback or a stop takes the place of one",
            "none is held for long",
        ),
        judge_cases(
            "foreign writes", "warning", foreign, "rows of the platform were written by somebody else",
            "take the old backend's right to write them away", "nobody else writes the platform's rows",
        ),
        Finding(
            "leases", "warning" if free or not leases else "ok",
            "nobody does the work of one" if free or not leases else f"{len(leases)} are held",
            "start `revstamp worker` and `revstamp read-status`" if free or not leases else "", tuple(leases),
        ),
    ]  # fmt: skip
