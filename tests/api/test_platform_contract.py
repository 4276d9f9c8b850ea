"""What the platform's contract says, claim by claim: names, types, envelopes, forms as its page fills them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text

from generator.store.states import Kind, State
from tests.api.conftest import SERVING, WHO, Served
from tests.api.test_platform_routes import DATA, SUPPORT, data_of, refusal_of

ENDPOINT = f"{SERVING}/endpoints/{SUPPORT}"
MODELS = "/llm-ops/v1/catalog/models"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
TEXT, NUMBER, FLAG, OBJECT = str, int, bool, dict
ENDPOINT_TYPES: dict[str, tuple[type, bool]] = {
    "id": (TEXT, True), "modelId": (TEXT, True), "version": (TEXT, True), "environment": (TEXT, True),
    "route": (TEXT, True), "runtimeImage": (TEXT, False), "status": (TEXT, True), "minReplicas": (NUMBER, True),
    "maxReplicas": (NUMBER, True), "promptPolicyId": (TEXT, False), "useGpu": (FLAG, False),
    "cpuRequest": (TEXT, False), "cpuLimit": (TEXT, False), "memoryRequest": (TEXT, False),
    "memoryLimit": (TEXT, False), "autoscalePolicy": (OBJECT, False), "deploymentSpec": (OBJECT, False),
    "lastHealthCheck": (TEXT, False), "rollbackPlan": (TEXT, False), "createdAt": (TEXT, True),
}  # fmt: skip
DEPLOYMENT_TYPES: dict[str, tuple[type, bool]] = {
    "id": (TEXT, True), "serving_endpoint_id": (TEXT, True), "serving_framework": (TEXT, True),
    "framework_resource_id": (TEXT, True), "framework_namespace": (TEXT, True), "replica_count": (NUMBER, True),
    "min_replicas": (NUMBER, True), "max_replicas": (NUMBER, True), "autoscaling_metrics": (OBJECT, False),
    "resource_requests": (OBJECT, False), "resource_limits": (OBJECT, False), "framework_status": (OBJECT, False),
    "created_at": (TEXT, True), "updated_at": (TEXT, False),
}  # fmt: skip
ROUTES = [
    ("GET", "/endpoints", None), ("POST", "/endpoints", {"modelId": UNKNOWN, "environment": "dev", "route": "/a"}),
    ("GET", f"/endpoints/{UNKNOWN}", None), ("PATCH", f"/endpoints/{UNKNOWN}", {}),
    ("DELETE", f"/endpoints/{UNKNOWN}", None), ("POST", f"/endpoints/{UNKNOWN}/redeploy", {}),
    ("POST", f"/endpoints/{UNKNOWN}/rollback", None), ("POST", f"/endpoints/{UNKNOWN}/refresh-status", None),
    ("GET", f"/endpoints/{UNKNOWN}/deployment", None), ("PATCH", f"/endpoints/{UNKNOWN}/deployment", {}),
    ("GET", "/frameworks", None), ("GET", "/images", None),
]  # fmt: skip


def check_types(found: dict[str, Any], types: dict[str, tuple[type, bool]]) -> None:
    """Every field is there, of its type, and null only where it may be."""
    assert set(found) == set(types)
    for name, (kind, is_required) in types.items():
        value = found[name]
        assert isinstance(value, kind) or (value is None and not is_required), f"{name}: {value!r}"
        assert kind is not int or not isinstance(value, bool), name


@pytest.mark.parametrize(("method", "path", "body"), ROUTES, ids=[f"{method} {path}" for method, path, _ in ROUTES])
def test_every_route_answers_in_the_envelope(served: Served, method: str, path: str, body: Any) -> None:
    """Status 200, `success` or `fail`, a message that is a text, and data; nobody's identity is 401."""
    with served.client() as client:
        answer = client.request(method, f"{SERVING}{path}", json=body)
        envelope = answer.json()
        assert answer.status_code == 200, answer.text
        assert list(envelope) == ["status", "message", "data"]
        assert envelope["status"] in ("success", "fail")
        assert isinstance(envelope["message"], str)
        assert (envelope["status"] == "fail") == (UNKNOWN in path or bool(body and "modelId" in body))
    with served.client("127.0.0.1", **{"X-Nobody": "1"}) as client:
        assert client.request(method, f"{SERVING}{path}", json=body).status_code == 401


def test_views_have_the_types_of_the_contract(served: Served) -> None:
    """Every endpoint, its deployment and every model; times are ISO 8601."""
    with served.client() as client:
        for item in data_of(client.get(f"{SERVING}/endpoints")):
            check_types(item, ENDPOINT_TYPES)
            assert datetime.fromisoformat(item["createdAt"]).tzinfo is not None
            assert data_of(client.get(f"{SERVING}/endpoints/{item['id']}")) == item
            check_types(data_of(client.get(f"{SERVING}/endpoints/{item['id']}/deployment")), DEPLOYMENT_TYPES)
        for model in data_of(client.get(MODELS)):
            assert isinstance(model["metadata"], dict)
            assert all(isinstance(model[name], str) for name in ("id", "name", "version", "type", "status"))


@pytest.mark.parametrize("status", ["deploying", "healthy", "degraded", "failed"])
def test_the_list_can_be_narrowed_by_status(served: Served, status: str) -> None:
    """Each word of the platform; another one is 422."""
    with served.client() as client:
        found = data_of(client.get(f"{SERVING}/endpoints", params={"status": status}))
        assert {item["status"] for item in found} <= {status}
        assert len(found) == sum(row["status"] == status for row in DATA["endpoints"])
        assert client.get(f"{SERVING}/endpoints", params={"status": "gone"}).status_code == 422


def test_a_filter_by_a_malformed_model_is_a_refusal_and_by_an_unknown_one_empty(served: Served) -> None:
    """As with ids in paths."""
    with served.client() as client:
        refusal_of(client.get(f"{SERVING}/endpoints", params={"modelId": "m"}))
        assert data_of(client.get(f"{SERVING}/endpoints", params={"modelId": UNKNOWN})) == []


@pytest.mark.parametrize("identity", ["x", "%2e%2e", "1 OR 1=1", "9" * 1000, "c48311a0-9cf4-501c-b0af-ca267da9bdf"])
def test_a_malformed_id_of_a_model_is_a_refusal(served: Served, identity: str) -> None:
    """Never a 500, nor a 404 that the page could not show."""
    with served.client() as client:
        refusal_of(client.get(f"{MODELS}/{identity}"))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("deployment_spec", '"no object"'),
        ("deployment_spec", "{broken"),
        ("autoscale_policy", "[1, 2"),
        ("min_replicas", "many"),
        ("created_at", "yesterday"),
        ("last_health_check", "never"),
        ("use_gpu", "perhaps"),
    ],
)
def test_one_bad_row_hides_no_other_and_is_no_bug(served: Served, column: str, value: str) -> None:
    """Whatever somebody wrote into it: the list holds all others, and the bad one is answered with status 200."""
    bad = DATA["endpoints"][0]["id"]
    statement = text(f"UPDATE serving_endpoints SET {column} = :value WHERE replace(id, '-', '') = :id")

    def spoil(connection: Any) -> int:
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        return int(connection.execute(statement, {"value": value, "id": bad.replace("-", "")}).rowcount)

    assert served.stage.database.write(spoil) == 1
    with served.client() as client:
        found = data_of(client.get(f"{SERVING}/endpoints"))
        assert {item["id"] for item in found} >= {row["id"] for row in DATA["endpoints"]} - {bad}
        for path in ("", "/deployment"):
            assert client.get(f"{SERVING}/endpoints/{bad}{path}").status_code == 200
        assert client.post(f"{SERVING}/endpoints/{bad}/redeploy", json={}).status_code == 200


def fill_form(endpoint: dict[str, Any], deployment: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
    """The form as the platform's page fills and sends it with nothing touched: placeholders that nobody chose too."""
    spec = endpoint["deploymentSpec"]
    metadata = model["metadata"] or {}
    resources = dict((spec or {}).get("resources") or {"gpus": 0})
    resources.setdefault("gpu_memory_gb", 80)
    if resources["gpu_memory_gb"] is None:
        resources["gpu_memory_gb"] = 80
    runtime = (spec or {}).get("runtime") or {
        "max_concurrent_requests": 256,
        "max_input_tokens": metadata.get("max_position_embeddings", 4096),
        "max_output_tokens": 1024,
    }
    form = {
        "deploymentSpec": {
            "model_ref": (spec or {}).get("model_ref") or f"{model['name']}-{model['version']}",
            "model_family": (spec or {}).get("model_family") or model["model_family"],
            "job_type": (spec or {}).get("job_type") or metadata.get("job_type") or "SFT",
            "serve_target": (spec or {}).get("serve_target") or "GENERATION",
            "resources": resources,
            "runtime": runtime,
            "rollout": (spec or {}).get("rollout"),
            "use_gpu": resources["gpus"] > 0,
        },
        "useGpu": resources["gpus"] > 0,
        "servingFramework": deployment["serving_framework"],
        **{name: endpoint[name] for name in ("cpuRequest", "cpuLimit", "memoryRequest", "memoryLimit")},
        "autoscalePolicy": endpoint["autoscalePolicy"],
    }
    return {name: value for name, value in form.items() if value not in (None, "")}


@pytest.mark.sweep
def test_an_untouched_form_changes_nothing_but_the_revision(working: Served) -> None:
    """The file and the manifests stay as a plain redeploy leaves them; the placeholders are told of."""
    with working.client() as client:
        first = data_of(client.post(f"{ENDPOINT}/redeploy", json={}))["redeployment"]
        settle(working, first["id"])
        endpoint, deployment = data_of(client.get(ENDPOINT)), data_of(client.get(f"{ENDPOINT}/deployment"))
        model = data_of(client.get(f"{MODELS}/{endpoint['modelId']}"))
        plain = plan(working, {})
        filled = plan(working, fill_form(endpoint, deployment, model))
        assert (filled["outcome"], filled["violations"]) == ("changed", [])
        assert filled["diff"] == plain["diff"]
        assert filled["revision"] == plain["revision"] == 2


def plan(served: Served, body: dict[str, Any]) -> dict[str, Any]:
    """What a request would do."""
    from generator.service.recording import Asker

    return served.stage.service.plan_redeploy(SUPPORT, Asker("ann"), body).to_dict()


def settle(served: Served, number: str) -> None:
    """Wait for the verdict."""
    served.stage.wait(served.stage.service.queries.get(int(number)))


def test_cleared_inputs_are_not_given(served: Served) -> None:
    """Empty texts in numbers and in the policy mean what a missing field means."""
    with served.client() as client:
        body = {
            "autoscalePolicy": {"cpuUtilization": "", "gpuUtilization": "", "targetLatencyMs": ""},
            "cpuRequest": "", "cpuLimit": "", "memoryRequest": "", "memoryLimit": "", "servingRuntimeImage": "",
        }  # fmt: skip
        data_of(client.post(f"{ENDPOINT}/redeploy", json=body))
        assert plan(served, body)["diff"] == plan(served, {})["diff"]


def test_a_null_rollout_and_a_free_label_are_taken(served: Served) -> None:
    """`rollout: null` is what the page sends; `model_ref` is never compared."""
    spec = next(row for row in DATA["endpoints"] if row["id"] == SUPPORT)["deployment_spec"]
    with served.client() as client:
        body = {"deploymentSpec": {**spec, "rollout": None, "model_ref": "anything-1"}}
        data_of(client.post(f"{ENDPOINT}/redeploy", json=body))


def test_the_stop_button_stops_and_a_refused_write_leaves_the_row_alone(served: Served) -> None:
    """0 and 0 is a stop; the view stays what is true until it is done. More at least than at most is refused."""
    with served.client() as client:
        before = data_of(client.get(ENDPOINT))
        refusal_of(client.patch(f"{ENDPOINT}/deployment", json={"min_replicas": 5, "max_replicas": 2}))
        assert data_of(client.get(ENDPOINT)) == before
        stopped = data_of(client.patch(f"{ENDPOINT}/deployment", json={"min_replicas": 0, "max_replicas": 0}))
        check_types(stopped, DEPLOYMENT_TYPES)
        row = served.stage.service.queries.active("prod", "svc-c48311a09cf4")
        assert row is not None
        assert (row.kind, row.actor) == (Kind.STOP, "test-user")
        assert client.patch(f"{ENDPOINT}/deployment", json={"min_replicas": "none"}).status_code == 422


def test_a_second_redeploy_is_refused_and_says_which_one_runs(served: Served) -> None:
    """The message names the first one and what can be done; the first one goes on."""
    with served.client() as client:
        first = data_of(client.post(f"{ENDPOINT}/redeploy", json={}))["redeployment"]
        message = refusal_of(client.post(f"{ENDPOINT}/redeploy", json={}))
        assert f"redeploy {first['id']}" in message
        assert served.stage.service.queries.get(int(first["id"])).state is State.PENDING


def test_an_endpoint_is_created_with_its_defaults_and_refused_for_a_route_that_is_taken(served: Served) -> None:
    """One to three replicas; a model, an environment and a route are required, in 422; a row only where it is new."""
    with served.client() as client:
        body = {"modelId": DATA["models"][0]["id"], "environment": "dev", "route": "/llm/new", "useGpu": False}
        for name in ("modelId", "environment", "route"):
            short = {key: value for key, value in body.items() if key != name}
            answer = client.post(f"{SERVING}/endpoints", json=short)
            assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", name])
        made = data_of(client.post(f"{SERVING}/endpoints", json=body))
        check_types(made, ENDPOINT_TYPES)
        assert (made["minReplicas"], made["maxReplicas"], made["status"]) == (1, 3, "deploying")
        refusal_of(client.post(f"{SERVING}/endpoints", json=body))
        refusal_of(client.post(f"{SERVING}/endpoints", json={**body, "modelId": UNKNOWN, "route": "/llm/other"}))
        routes = [item["route"] for item in data_of(client.get(f"{SERVING}/endpoints"))]
        assert (routes.count("/llm/new"), routes.count("/llm/other")) == (1, 0)


def test_deletion_is_accepted_and_the_row_stays_until_its_objects_are_gone(served: Served) -> None:
    """The answer says which redeployment it is; nothing works in the background here, so the row is there still."""
    with served.client() as client:
        data_of(client.post(f"{ENDPOINT}/redeploy", json={}))
        answer = client.delete(ENDPOINT)
        if answer.json()["status"] == "success":
            assert data_of(answer)["redeployment"]["kind"] == "delete"
        else:
            refusal_of(answer)
        data_of(client.get(ENDPOINT))


def test_refreshing_a_status_writes_nothing(served: Served) -> None:
    """The same row before and after, and no line in the ledger."""
    with served.client() as client:
        before = data_of(client.get(ENDPOINT))
        assert data_of(client.post(f"{ENDPOINT}/refresh-status")) == before
        assert served.stage.service.queries.last_event_id() == 0


def test_a_422_is_that_of_fastapi(served: Served) -> None:
    """Scripts read `detail[].loc` and `detail[].msg`; a body that is no JSON at all is one too."""
    with served.client() as client:
        answer = client.post(f"{ENDPOINT}/redeploy", json={"useGpu": "perhaps"})
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/json"
        assert set(answer.json()["detail"][0]) >= {"loc", "msg", "type"}
        broken = client.post(f"{ENDPOINT}/redeploy", content=b"{", headers={**WHO, "Content-Type": "application/json"})
        assert broken.status_code == 422
        assert broken.json()["detail"][0]["type"] == "json_invalid"
        odd = json.dumps({"useGpu": "\ud800"}).encode()
        answer = client.post(f"{ENDPOINT}/redeploy", content=odd, headers={**WHO, "Content-Type": "application/json"})
        assert answer.status_code == 422


def test_frameworks_and_images_have_the_shape_that_the_page_reads(served: Served) -> None:
    """Enabled frameworks with texts for people; an image or null for each device."""
    with served.client() as client:
        for framework in data_of(client.get(f"{SERVING}/frameworks"))["frameworks"]:
            assert framework["enabled"] is True
            assert all(isinstance(word, str) for word in framework["capabilities"])
        images = data_of(client.get(f"{SERVING}/images", params={"environment": "prod"}))["serve_images"]
        assert {"GENERATION", "RAG"} <= set(images)
        for devices in images.values():
            assert all(image is None or ":" in image or "@" in image for image in devices.values())
        refusal_of(client.get(f"{SERVING}/images", params={"environment": "nowhere"}))
