"""Rows of the platform become endpoint files; a bad row spoils only itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from generator.errors import InvalidInput
from generator.spec.platform_rows import ImportedEndpoint, read_rows
from generator.spec.validate import load_endpoint
from tests.spec.factory import CASES, refused

IDS = [f"{digit * 8}-0000-4000-8000-000000000000" for digit in "abcdef"]
MODEL = "11111111-0000-4000-8000-000000000000"


def model(**columns: Any) -> dict[str, Any]:
    """A model's row."""
    row = {"id": MODEL, "name": "m", "version": "1", "type": "base", "status": "approved", "owner_team": "nlp"}
    return {**row, "model_family": "llama", "storage_uri": "s3://a/b", "metadata": {"job_type": "SFT"}, **columns}


def endpoint(**columns: Any) -> dict[str, Any]:
    """An endpoint's row."""
    return {
        "id": IDS[0],
        "model_entry_id": MODEL,
        "environment": "dev",
        "route": "/a",
        "min_replicas": 1,
        "max_replicas": 2,
        **columns,
    }


def rows(*endpoints: Any, models: Any = None, deployments: Any = None) -> list[ImportedEndpoint]:
    """What comes of the rows."""
    tables = {
        "models": [model()] if models is None else models,
        "endpoints": list(endpoints),
        "deployments": deployments,
    }
    return list(read_rows(tables, "rows.json"))


def one(row: Any, **tables: Any) -> ImportedEndpoint:
    """What comes of one endpoint row."""
    (imported,) = rows(row, **tables)
    return imported


def test_the_platforms_rows_all_become_files() -> None:
    """Twelve endpoints, those that cannot be deployed among them; each file is a right one."""
    tables = json.loads((CASES / "platform-rows.json").read_text(encoding="utf-8"))
    found = list(read_rows(tables, "platform-rows.json"))
    assert len(found) == 12
    for imported in found:
        assert imported.problems == ()
        text = json.dumps(imported.data, indent=1)
        assert load_endpoint(text, "f")[0].metadata.name == imported.name == f"svc-{imported.id.replace('-', '')[:12]}"


def test_every_column_reaches_its_field() -> None:
    """Nothing of a full row is lost."""
    row = endpoint(
        autoscale_policy={"cpuUtilization": 70}, prompt_policy_id="p-1", use_gpu=True, runtime_image="a/b:1",
        cpu_request="4", cpu_limit="8", memory_request="24Gi", memory_limit="32Gi", rollback_plan="call us",
        deployment_spec={"job_type": "SFT", "resources": {"gpus": 1, "gpu_memory_gb": None}},
    )  # fmt: skip
    found = one(row, deployments=[{"serving_endpoint_id": IDS[0], "serving_framework": "kserve"}])
    assert found.data == {
        "apiVersion": "revstamp.io/v1",
        "kind": "Endpoint",
        "metadata": {"name": "svc-aaaaaaaa0000", "id": IDS[0], "owner": "nlp"},
        "spec": {
            "route": "/a",
            "framework": "kserve",
            "model": {
                "name": "m", "version": "1", "type": "base", "family": "llama", "status": "approved",
                "storageUri": "s3://a/b", "metadata": {"job_type": "SFT"},
            },
            "deployment": {"job_type": "SFT", "resources": {"gpus": 1}, "use_gpu": True},
            "replicas": {"min": 1, "max": 2},
            "autoscaling": {"cpuUtilization": 70},
            "image": "a/b:1",
            "cpu": {"request": "4", "limit": "8"},
            "memory": {"request": "24Gi", "limit": "32Gi"},
            "promptPolicyId": "p-1",
            "rollbackPlan": "call us",
        },
    }  # fmt: skip


def test_columns_without_a_value_leave_no_field() -> None:
    """Null, empty texts and empty policies; replicas have the platform's own defaults."""
    row = endpoint(
        min_replicas=None, max_replicas=None, runtime_image="", cpu_limit=None, autoscale_policy={}, deployment_spec={}
    )
    data = one(row).data
    assert data is not None
    assert sorted(data["spec"]) == ["model", "replicas", "route"]
    assert data["spec"]["replicas"] == {"min": 1, "max": 3}


def test_the_endpoints_own_use_gpu_wins_with_a_warning() -> None:
    """It is the later one: the platform writes it at each redeploy."""
    found = one(endpoint(use_gpu=False, deployment_spec={"use_gpu": True}))
    assert found.data is not None
    assert found.data["spec"]["deployment"] == {"use_gpu": False}
    assert found.warnings == ("use_gpu of the endpoint (false) is taken, the stored spec says true",)


@pytest.mark.parametrize("framework", ["ray", 7, [], {"a": 1}])
def test_an_unknown_framework_is_left_to_the_environment(framework: Any) -> None:
    """With a warning; the row is taken."""
    found = one(endpoint(), deployments=[{"serving_endpoint_id": IDS[0], "serving_framework": framework}])
    assert found.data is not None
    assert "framework" not in found.data["spec"]
    assert "is not one of revstamp's" in found.warnings[0]


@pytest.mark.parametrize("table", [None, [], "x", 7, {}, {"endpoints": None}, {"endpoints": {}}, {"models": []}])
def test_what_holds_no_rows_is_refused_whole(table: Any) -> None:
    """With the shape that is asked for."""
    with pytest.raises(InvalidInput, match="holds no rows of the platform") as caught:
        list(read_rows(table, "x.json"))
    assert '"endpoints"' in caught.value.hint


@pytest.mark.parametrize("name", ["models", "deployments"])
@pytest.mark.parametrize("table", ["x", 7, {"a": 1}, True])
def test_a_table_that_is_no_list_is_refused_whole(name: str, table: Any) -> None:
    """A mapping or a text in the place of rows."""
    assert "is not a list of rows" in refused(lambda: list(read_rows({"endpoints": [], name: table}, "x"))).message


@pytest.mark.parametrize("row", [None, [], "x", 7, True, [["id", "x"]]])
def test_a_row_that_is_no_mapping_spoils_only_itself(row: Any) -> None:
    """The rows around it are read; the violation counts from zero, as the file does."""
    first, bad, last = rows(endpoint(), row, endpoint(id=IDS[1]))
    assert first.data
    assert last.data
    assert (bad.data, bad.problems[0].path, bad.problems[0].file) == (None, "endpoints[1]", "rows.json")


def test_rows_of_other_tables_that_are_none_are_passed_over() -> None:
    """Nobody can refer to them."""
    junk: list[Any] = [None, 7, [], {}, {"id": None}, {"id": 7}, {"id": "x"}]
    assert one(endpoint(), models=[*junk, model()], deployments=[*junk, {"serving_endpoint_id": None}]).data


BAD: list[Any] = [
    None,
    [],
    {},
    "",
    "x",
    7,
    True,
    "../x",
    "-rf",
    "a\nb",
    "None",
    "x" * 5000,
    {"a": {"b": []}},
    1e400,
    "\x00",
    "\ud800",
]


@pytest.mark.parametrize("value", BAD, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("column", ["id", "environment", "model_entry_id"])
def test_a_row_whose_keys_are_wrong_names_the_column(column: str, value: Any) -> None:
    """An id that is no UUID, an environment that is no name, a model that is not there."""
    if (column, value) in (("environment", "x"),):
        return
    found = one(endpoint(**{column: value}))
    assert found.data is None
    assert found.problems[0].path == f"endpoints[0].{column}"
    assert len(found.problems[0].message) < 200
    assert "None" not in (found.id, found.environment) or value == "None"


COLUMNS = ["route", "min_replicas", "max_replicas", "autoscale_policy", "prompt_policy_id", "use_gpu", "runtime_image"]
COLUMNS += ["cpu_request", "cpu_limit", "memory_request", "memory_limit", "deployment_spec", "rollback_plan"]
MODEL_COLUMNS = ["name", "version", "type", "status", "owner_team", "model_family", "storage_uri", "metadata"]


@pytest.mark.parametrize("value", BAD, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("column", COLUMNS)
def test_any_type_in_any_column_is_taken_or_named(column: str, value: Any) -> None:
    """No exception; the row next to it is read."""
    found, after = rows(endpoint(**{column: value}), endpoint(id=IDS[1]))
    assert after.data
    assert (found.data is None) == bool(found.problems)
    assert all(problem.path.startswith("endpoints[0]") for problem in found.problems)


@pytest.mark.parametrize("value", BAD, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("column", MODEL_COLUMNS)
def test_any_type_in_any_column_of_a_model_is_taken_or_named(column: str, value: Any) -> None:
    """A wrong model spoils the endpoints that serve it, with the endpoint's row named."""
    found = one(endpoint(), models=[model(**{column: value})])
    assert (found.data is None) == bool(found.problems)
    assert all(problem.path.startswith("endpoints[0]") for problem in found.problems)


@pytest.mark.parametrize("policy", [[], 0, False, "x"])
def test_a_policy_that_is_none_is_not_dropped_in_silence(policy: Any) -> None:
    """An empty list is not an empty policy."""
    assert "spec.autoscaling" in one(endpoint(autoscale_policy=policy)).problems[0].path


def test_two_rows_of_one_endpoint_are_told() -> None:
    """The first is taken; one id in two environments would be two endpoints of one name to a person."""
    first, again, elsewhere, other = rows(
        endpoint(), endpoint(route="/b"), endpoint(environment="stg"), endpoint(id=IDS[1], route="/c")
    )
    assert first.data
    assert other.data
    assert again.data is elsewhere.data is None
    assert again.problems[0].message == "is endpoints[0] again: svc-aaaaaaaa0000"


def test_ids_are_compared_however_they_are_spelt() -> None:
    """Upper case in one table, lower case in the other."""
    found = one(
        endpoint(id=IDS[0].upper(), model_entry_id=MODEL.upper()),
        deployments=[{"serving_endpoint_id": IDS[0].replace("-", ""), "serving_framework": "kserve"}],
    )
    assert found.data is not None
    assert (found.data["metadata"]["id"], found.data["spec"]["framework"]) == (IDS[0], "kserve")


def test_two_models_of_one_id_are_not_chosen_between() -> None:
    """The same row twice is one; two different ones are a problem of the endpoints that serve them."""
    assert one(endpoint(), models=[model(), model()]).data
    found = one(endpoint(), models=[model(), model(name="other")])
    assert found.problems[0].message == f"2 model rows belong to {MODEL}"
    twice = [{"serving_endpoint_id": IDS[0], "serving_framework": name} for name in ("kserve", "deployment")]
    assert one(endpoint(), deployments=twice).problems[0].message == f"2 deployment rows belong to {IDS[0]}"


def test_a_model_without_an_id_serves_no_endpoint_without_one() -> None:
    """Null is not an id that two rows can share."""
    found = one(endpoint(model_entry_id=None), models=[model(id=None)])
    assert found.problems[0].message == "no model has the id None"


def test_rows_nested_without_end_are_refused_by_themselves() -> None:
    """Depth costs a message, not the stack."""
    deep: Any = 1
    for _ in range(3000):
        deep = {"a": deep}
    found, after = rows(endpoint(deployment_spec=deep), endpoint(id=IDS[1]))
    assert after.data
    assert "nested deeper than 40 levels" in found.problems[0].message
