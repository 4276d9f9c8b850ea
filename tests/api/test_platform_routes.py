"""The platform's routes, field by field as platform-contract has them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from generator.store.states import State
from tests.api.conftest import SERVING, Served
from tests.worker.stage import ROWS

DATA = json.loads(ROWS.read_text(encoding="utf-8"))
CASES = json.loads((ROWS.parent / "redeploy-requests.json").read_text(encoding="utf-8"))
SUPPORT = "c48311a0-9cf4-501c-b0af-ca267da9bdfa"
ENDPOINT_FIELDS = {
    "id", "modelId", "version", "environment", "route", "runtimeImage", "status", "minReplicas", "maxReplicas",
    "promptPolicyId", "useGpu", "cpuRequest", "cpuLimit", "memoryRequest", "memoryLimit", "autoscalePolicy",
    "deploymentSpec", "lastHealthCheck", "rollbackPlan", "createdAt",
}  # fmt: skip
DEPLOYMENT_FIELDS = {
    "id", "serving_endpoint_id", "serving_framework", "framework_resource_id", "framework_namespace", "replica_count",
    "min_replicas", "max_replicas", "autoscaling_metrics", "resource_requests", "resource_limits", "framework_status",
    "created_at", "updated_at",
}  # fmt: skip
MODEL_FIELDS = {"id", "name", "version", "type", "status", "owner_team", "metadata", "storage_uri", "model_family"}


def data_of(answer: Any) -> Any:
    """The data of a success."""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == {"status", "message", "data"}
    assert body["status"] == "success", body
    return body["data"]


def refusal_of(answer: Any) -> str:
    """The message of a refusal, which is an answer with status 200."""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (set(body), body["status"]) == ({"status", "message", "data"}, "fail")
    assert body["message"]
    return str(body["message"])


def test_the_list_holds_every_endpoint_with_every_field(served: Served) -> None:
    """Newest first; filters narrow it."""
    with served.client() as client:
        found = data_of(client.get(f"{SERVING}/endpoints"))
        assert {item["id"] for item in found} == {row["id"] for row in DATA["endpoints"]}
        assert all(set(item) == ENDPOINT_FIELDS for item in found)
        created = [item["createdAt"] for item in found]
        assert created == sorted(created, reverse=True)
        prod = data_of(client.get(f"{SERVING}/endpoints", params={"environment": "prod"}))
        assert {item["environment"] for item in prod} == {"prod"}
        model = found[0]["modelId"]
        assert {item["modelId"] for item in data_of(client.get(f"{SERVING}/endpoints", params={"modelId": model}))} == {
            model
        }
        assert client.get(f"{SERVING}/endpoints", params={"environment": "nowhere"}).status_code == 422


def test_one_endpoint_is_what_its_row_says(served: Served) -> None:
    """Ids are strings, JSON columns are JSON."""
    with served.client() as client:
        found = data_of(client.get(f"{SERVING}/endpoints/{SUPPORT}"))
        row = next(row for row in DATA["endpoints"] if row["id"] == SUPPORT)
        assert (found["minReplicas"], found["memoryLimit"], found["route"]) == (2, "32Gi", row["route"])
        assert found["deploymentSpec"] == row["deployment_spec"]
        assert found["version"] == "2.3.0"


@pytest.mark.parametrize("identity", ["00000000-0000-4000-8000-000000000000", "not-an-id", "1", "%00", "x" * 300])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/redeploy"), ("POST", "/rollback"), ("GET", "/deployment"),
     ("POST", "/refresh-status"), ("PATCH", "/deployment")],
)  # fmt: skip
def test_an_unknown_or_malformed_id_is_a_refusal(served: Served, method: str, path: str, identity: str) -> None:
    """On every route that takes one."""
    with served.client() as client:
        body = {} if method in ("POST", "PATCH") else None
        refusal_of(client.request(method, f"{SERVING}/endpoints/{identity}{path}", json=body))


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_each_request_of_the_page_is_accepted_or_refused_as_it_should(served: Served, case: dict[str, Any]) -> None:
    """A refusal's message stands alone; nothing but a refused row is left of it."""
    if case["expect"].startswith("committed if"):
        pytest.skip("depends on an earlier request")
    with served.client() as client:
        answer = client.post(f"{SERVING}/endpoints/{case['endpoint']}/redeploy", json=case["request"])
        if case["expect"].startswith("refused"):
            assert len(refusal_of(answer)) > 20
        else:
            found = data_of(answer)
            row = served.stage.service.queries.find(found["redeployment"]["id"])
            assert (row.state, row.actor) == (State.PENDING, "test-user")


def test_every_endpoint_has_a_deployment_with_its_real_framework(served: Served) -> None:
    """Also one without a row of its own."""
    frameworks = {row["serving_endpoint_id"]: row["serving_framework"] for row in DATA["deployments"]}
    with served.client() as client:
        for row in DATA["endpoints"]:
            found = data_of(client.get(f"{SERVING}/endpoints/{row['id']}/deployment"))
            assert set(found) == DEPLOYMENT_FIELDS
            assert found["serving_endpoint_id"] == row["id"]
            assert found["serving_framework"] == frameworks.get(row["id"], found["serving_framework"])
            assert found["serving_framework"] in ("kserve", "deployment")


def test_what_can_be_chosen_is_listed(served: Served) -> None:
    """Frameworks, images by type and device, models."""
    with served.client() as client:
        frameworks = data_of(client.get(f"{SERVING}/frameworks"))["frameworks"]
        assert all(set(item) == {"name", "display_name", "enabled", "capabilities"} for item in frameworks)
        images = data_of(client.get(f"{SERVING}/images"))
        assert set(images) == {"train_images", "serve_images"}
        assert all(set(item) == {"gpu", "cpu"} for item in images["serve_images"].values())
        models = data_of(client.get("/llm-ops/v1/catalog/models"))
        assert {item["id"] for item in models} == {row["id"] for row in DATA["models"]}
        assert set(models[0]) >= MODEL_FIELDS
        one = data_of(client.get(f"/llm-ops/v1/catalog/models/{models[0]['id']}"))
        assert one == models[0]
        refusal_of(client.get("/llm-ops/v1/catalog/models/none"))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("redeploy", []),
        ("redeploy", {"useGpu": "perhaps"}),
        ("redeploy", {"deploymentSpec": 3}),
        ("deployment", {"min_replicas": -1}),
    ],
)
def test_a_body_of_another_shape_is_422(served: Served, path: str, body: Any) -> None:
    """Nothing is recorded of it."""
    with served.client() as client:
        method = "PATCH" if path == "deployment" else "POST"
        assert client.request(method, f"{SERVING}/endpoints/{SUPPORT}/{path}", json=body).status_code == 422


@pytest.mark.sweep
def test_an_endpoint_lives_through_the_api_from_creation_to_removal(working: Served) -> None:
    """Created, redeployed, stopped, removed; each settles, and the row goes at the end."""
    with working.client() as client:
        body = {"modelId": DATA["models"][0]["id"], "environment": "dev", "route": "/llm/fresh", "useGpu": False}
        made = data_of(client.post(f"{SERVING}/endpoints", json=body))
        path = f"{SERVING}/endpoints/{made['id']}"
        assert made["status"] == "deploying"

        def status() -> str:
            return str(data_of(client.get(path))["status"])

        working.stage.until(lambda: status() == "healthy", "healthy")
        again = data_of(client.post(f"{path}/redeploy", json={"memoryRequest": "2Gi"}))
        assert again["status"] == "deploying"
        working.stage.until(lambda: data_of(client.get(path))["memoryRequest"] == "2Gi", "the row")
        working.stage.until(lambda: status() == "healthy", "healthy again")
        shown = data_of(client.get(f"{path}/deployment"))["framework_status"]
        assert (shown["revision"], shown["status"]) == (2, "healthy")
        data_of(client.patch(f"{path}/deployment", json={"min_replicas": 0, "max_replicas": 0}))
        working.stage.until(lambda: data_of(client.get(path))["maxReplicas"] == 0, "stopped")
        data_of(client.delete(path))
        working.stage.until(lambda: client.get(path).json()["status"] == "fail", "gone")
