"""The platform's rows are read and written as they are, on both databases and in every variant."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from generator.errors import StoreConflict
from generator.store.database import Database
from generator.store.platform import PlatformRows
from generator.store.schema import upgrade_schema
from tests.store.platform_ddl import DEPLOYMENT, ENDPOINT, MODEL, OTHER, ROWS, VARIANTS

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PARAMS = ["sqlite", *(pytest.param(name, marks=pytest.mark.testbed) for name in VARIANTS)]


@pytest.fixture(params=PARAMS)
def platform(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[PlatformRows]:
    """A model, two endpoints, one deployment."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'ledger.db'}")
        upgrade_schema(database)
        fill(PlatformRows(database))
    else:
        made = request.getfixturevalue("postgres_database")
        made.run_sql(VARIANTS[request.param] + ROWS)
        database = Database(made.url)
    yield PlatformRows(database)
    database.close()


def fill(platform: PlatformRows) -> None:
    """The same rows as those of the DDL."""
    values = {"name": "m", "version": "1", "type": "base", "status": "approved", "owner_team": "team"}
    platform.add("model_catalog_entries", {"id": MODEL, **values, "metadata": {}, "model_family": "llama"})
    for identity, environment, status, days in ((ENDPOINT, "prod", "healthy", 0), (OTHER, "dev", "failed", 1)):
        row = {"id": identity, "model_entry_id": MODEL, "environment": environment, "route": "/chat", "status": status}
        spec = {"a": 1} if identity == ENDPOINT else None
        platform.add("serving_endpoints", {**row, "deployment_spec": spec, "created_at": NOON + timedelta(days=days)})
    names = {"serving_framework": "kserve", "framework_resource_id": "svc", "framework_namespace": "ns"}
    numbers = {"replica_count": 1, "min_replicas": 1, "max_replicas": 3, "framework_status": {}}
    platform.add("serving_deployments", {"id": DEPLOYMENT, "serving_endpoint_id": ENDPOINT, **names, **numbers})


def run(platform: PlatformRows, statement: str, **values: Any) -> Any:
    """A statement of somebody else."""

    def work(connection: Connection) -> Any:
        done = connection.execute(text(statement), values)
        return done.all() if done.returns_rows else None

    return platform.database.write(work)


def test_endpoints_are_listed_newest_first_with_model_and_deployment(platform: PlatformRows) -> None:
    """Ids are text with hyphens, times have their zone, JSON is read."""
    newer, older = platform.list_endpoints()
    assert (newer.endpoint["id"], older.endpoint["id"]) == (OTHER, ENDPOINT)
    assert older.endpoint["created_at"] == NOON
    assert older.endpoint["deployment_spec"] == {"a": 1}
    assert older.model["id"] == older.endpoint["model_entry_id"] == MODEL
    assert older.deployment is not None
    assert (older.deployment["id"], older.deployment["serving_endpoint_id"]) == (DEPLOYMENT, ENDPOINT)
    assert newer.deployment is None
    assert older.as_export()["endpoints"][0]["environment"] == "prod"


def test_lists_are_narrowed_and_paged(platform: PlatformRows) -> None:
    """By what the page filters for; a page begins behind the last one."""

    def ids(**given: Any) -> list[str]:
        return [rows.endpoint["id"] for rows in platform.list_endpoints(**given)]

    assert ids(environment="prod") == [ENDPOINT]
    assert ids(status="failed") == [OTHER]
    assert ids(model_id=MODEL.upper()) == [OTHER, ENDPOINT]
    assert ids(model_id=str(uuid.uuid4())) == ids(model_id="no id") == []
    assert ids(limit=1) == [OTHER]
    assert ids(limit=1, before=(NOON + timedelta(days=1), OTHER)) == [ENDPOINT]
    assert ids(before=(NOON, ENDPOINT)) == ids(before=(None, ENDPOINT)) == []


def test_one_is_found_by_its_id_however_it_is_written(platform: PlatformRows) -> None:
    """What can be no id is not found."""
    found = platform.find_endpoint(ENDPOINT.upper())
    assert found is not None
    assert found.endpoint["route"] == "/chat"
    for identity in (str(uuid.uuid4()), "chat", "", "'"):
        assert platform.find_endpoint(identity) is None
        assert platform.find_model(identity) is None
    assert platform.find_model(MODEL) == platform.list_models()[0]


def test_a_swap_writes_only_over_what_it_expects(platform: PlatformRows) -> None:
    """Columns that are not there are passed over; what says so already is as good."""
    assert platform.swap("serving_endpoints", ENDPOINT, {"status": "healthy"}, {"status": "deploying", "unknown": 1})
    assert not platform.swap("serving_endpoints", ENDPOINT, {"status": "healthy"}, {"status": "failed"})
    assert platform.swap("serving_endpoints", ENDPOINT, {"status": "healthy"}, {"status": "deploying"})
    assert not platform.swap("serving_endpoints", str(uuid.uuid4()), {}, {"status": "failed"})
    assert not platform.swap("serving_endpoints", "no id", {}, {"status": "failed"})
    values = {"autoscale_policy": {"cpuUtilization": 70}, "deployment_spec": None, "use_gpu": True, "max_replicas": 5}
    assert platform.swap("serving_endpoints", ENDPOINT, {"deployment_spec": {"a": 1}}, values)
    found = platform.find_endpoint(ENDPOINT)
    assert found is not None
    assert {key: found.endpoint[key] for key in values} == values
    assert run(platform, "SELECT count(*) FROM serving_endpoints WHERE deployment_spec IS NULL")[0][0] == 2


def test_a_value_that_the_table_does_not_allow_changes_nothing(platform: PlatformRows) -> None:
    """The status is one of four words; replicas lie within their bounds."""
    with pytest.raises(StoreConflict):
        platform.swap("serving_endpoints", ENDPOINT, {}, {"status": "stopped", "max_replicas": 9})
    with pytest.raises(StoreConflict):
        platform.swap("serving_deployments", DEPLOYMENT, {}, {"replica_count": 9})
    found = platform.find_endpoint(ENDPOINT)
    assert found is not None
    assert (found.endpoint["status"], found.endpoint["max_replicas"]) == ("healthy", 3)


def test_an_audit_line_says_who_did_what(platform: PlatformRows) -> None:
    """Allowed or denied, with its own id, whatever kind that is."""
    platform.audit(
        "ann", "serving.redeploy", ("serving_endpoint", ENDPOINT), allowed=True, details={"redeployment": "1"}
    )
    platform.audit("", "serving.stop", ("serving_endpoint", "prod/chat"), allowed=False)
    query = "SELECT actor_id, action, resource_type, resource_id, result FROM audit_logs ORDER BY action"
    assert [tuple(row) for row in run(platform, query)] == [
        ("ann", "serving.redeploy", "serving_endpoint", ENDPOINT, "allowed"),
        ("unknown", "serving.stop", "serving_endpoint", "prod/chat", "denied"),
    ]
    assert run(platform, "SELECT count(*) FROM audit_logs WHERE id IS NULL OR occurred_at IS NULL")[0][0] == 0


def test_health_checks_move_together(platform: PlatformRows) -> None:
    """What is no id, or nobody's, does not matter."""
    moment = datetime(2026, 2, 1, tzinfo=UTC)
    platform.touch([ENDPOINT, OTHER, "no id", str(uuid.uuid4())], moment)
    assert [rows.endpoint["last_health_check"] for rows in platform.list_endpoints()] == [moment] * 2
    platform.touch([], moment)


def test_a_removed_endpoint_takes_its_deployment_with_it(platform: PlatformRows) -> None:
    """The others stay."""
    platform.remove_endpoint(ENDPOINT)
    platform.remove_endpoint("no id")
    assert [rows.endpoint["id"] for rows in platform.list_endpoints()] == [OTHER]
    assert run(platform, "SELECT count(*) FROM serving_deployments")[0][0] == 0


def test_of_several_deployments_the_newest_counts(platform: PlatformRows) -> None:
    """Another framework left one behind."""
    names = {"serving_framework": "deployment", "framework_resource_id": "old", "framework_namespace": "ns"}
    numbers = {"replica_count": 1, "min_replicas": 1, "max_replicas": 1, "framework_status": {}}
    row = {"id": str(uuid.uuid4()), "serving_endpoint_id": ENDPOINT, **names, **numbers}
    platform.add("serving_deployments", {**row, "created_at": datetime(2099, 1, 1, tzinfo=UTC)})
    found = platform.find_endpoint(ENDPOINT)
    assert found is not None
    assert found.deployment is not None
    assert found.deployment["framework_resource_id"] == "old"


@pytest.mark.testbed
def test_one_odd_row_hides_no_other_in_postgresql(postgres_database: Any) -> None:
    """Times beyond Python's, documents of other kinds."""
    postgres_database.run_sql(VARIANTS["as described"] + ROWS)
    database = Database(postgres_database.url)
    platform = PlatformRows(database)
    for moment in ("infinity", "-infinity", "20000-01-01", "0044-03-15 BC"):
        run(platform, f"UPDATE serving_endpoints SET last_health_check = '{moment}', created_at = '{moment}'")
        run(platform, """UPDATE serving_endpoints SET deployment_spec = '[1]', autoscale_policy = '"x"'""")
        assert [rows.endpoint["last_health_check"] for rows in platform.list_endpoints()] == [None, None]
        assert len(platform.list_endpoints(environment="prod")) == 1
    database.close()


def test_one_odd_row_hides_no_other_in_sqlite(tmp_path: Any) -> None:
    """Where a column takes anything."""
    database = Database(f"sqlite:///{tmp_path / 'ledger.db'}")
    upgrade_schema(database)
    platform = PlatformRows(database)
    fill(platform)
    run(platform, "UPDATE serving_endpoints SET created_at = 'soon', deployment_spec = '{', prompt_policy_id = 'x'")
    rows = platform.list_endpoints()
    assert [(row.endpoint["created_at"], row.endpoint["deployment_spec"]) for row in rows] == [(None, "{")] * 2
    assert {row.endpoint["prompt_policy_id"] for row in rows} == {"x"}
    database.close()
