"""What API servers, and whatever stands before them, say no with."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.cluster.api_errors import HistoryGone, explain_refusal
from generator.cluster.calling import read_retry_after
from generator.cluster.kinds import DEPLOYMENT, INFERENCE_SERVICE, ObjectRef
from generator.cluster.refusals import About, Refusal, read_refusal
from generator.errors import (
    AdmissionRefused,
    ApplyConflict,
    ClusterError,
    ClusterForbidden,
    ClusterUnauthorized,
    ClusterUnreachable,
    ImmutableField,
    KindMissing,
    ObjectInvalid,
    StaleObject,
)

ABOUT = About("prod", "patch", DEPLOYMENT, ObjectRef(DEPLOYMENT, "ns", "chat"), "ns")
CUSTOM = About("prod", "list", INFERENCE_SERVICE, namespace="ns")


def status(code: int, reason: str, message: str, **details: Any) -> bytes:
    """A `Status` as the API sends it."""
    found = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message}
    return json.dumps({**found, "code": code, "details": details}).encode()


def explain(code: int, data: bytes, about: About = ABOUT) -> ClusterError:
    """From the answer's bytes."""
    return explain_refusal(read_refusal(code, data), about)


CASES: list[tuple[int, bytes, type[ClusterError], bool, str]] = [
    (401, status(401, "Unauthorized", "Unauthorized"), ClusterUnauthorized, False, "does not accept the credentials"),
    (403, b"Forbidden by the gateway", ClusterForbidden, False, "Forbidden by the gateway"),
    (404, status(404, "NotFound", "gone", name="chat", kind="deployments"), StaleObject, True, "not there any more"),
    (404, status(404, "NotFound", "x", name="ns", kind="namespaces"), ObjectInvalid, False, "namespace ns does not"),
    (404, b"404 page not found\n", KindMissing, False, "no kind Deployment of apps/v1"),
    (405, status(405, "MethodNotAllowed", "not now"), KindMissing, False, "does not serve this"),
    (409, status(409, "AlreadyExists", "x"), StaleObject, True, "there already"),
    (409, status(409, "Conflict", "the object has been modified"), StaleObject, True, "changed meanwhile"),
    (410, status(410, "Expired", "too old"), HistoryGone, True, "history is gone"),
    (429, status(429, "TooManyRequests", "slow"), ClusterUnreachable, True, "busy: 429"),
    (500, status(500, "InternalError", "etcdserver: leader changed"), ClusterUnreachable, True, "busy: 500"),
    (500, status(500, "InternalError", "a panic"), ObjectInvalid, True, "a panic"),
    (
        500,
        status(500, "", "failed to create typed patch object (x): .spec.y: field not declared"),
        ObjectInvalid,
        False,
        "y",
    ),
    (502, b"<html>bad gateway</html>", ClusterUnreachable, True, "busy: 502"),
    (302, b"", ClusterUnreachable, False, "no Kubernetes API"),
    (400, b"Client sent an HTTP request to an HTTPS server.", ClusterUnreachable, False, "HTTPS server"),
]


@pytest.mark.parametrize(("code", "data", "error", "retryable", "words"), CASES, ids=lambda case: str(case)[:24])
def test_each_refusal_has_its_error(
    code: int, data: bytes, error: type[ClusterError], retryable: bool, words: str
) -> None:
    """With cluster and object, and whether another attempt helps."""
    found = explain(code, data)
    assert type(found) is error
    assert found.retryable is retryable
    assert words in found.message
    assert "'prod'" in found.message
    assert found.details["cluster"] == "prod"


def test_a_missing_definition_is_named() -> None:
    """By its name in the API."""
    found = explain(404, b"404 page not found", CUSTOM)
    assert "CustomResourceDefinition inferenceservices.serving.kserve.io is not installed" in found.message


def test_all_conflicts_are_listed_by_manager() -> None:
    """Each field once, and who holds it."""
    causes = [
        {"reason": "FieldManagerConflict", "message": 'conflict with "kubectl-edit" using apps/v1', "field": ".spec.a"},
        {"reason": "FieldManagerConflict", "message": 'conflict with "kubectl-edit" using apps/v1', "field": ".spec.b"},
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "kubectl" with subresource "scale" using apps/v1 at 2026-01-01T00:00:00Z',
            "field": ".spec.replicas",
        },
    ]
    found = explain(409, status(409, "Conflict", "3 conflicts", causes=causes))
    assert type(found) is ApplyConflict
    assert "kubectl-edit holds spec.a, spec.b; kubectl holds spec.replicas" in found.message
    assert found.details["conflicts"] == [
        {"manager": "kubectl-edit", "field": ".spec.a"},
        {"manager": "kubectl-edit", "field": ".spec.b"},
        {"manager": "kubectl", "field": ".spec.replicas"},
    ]


@pytest.mark.parametrize("code", [400, 403, 422, 500])
def test_a_webhook_is_heard_whatever_code_it_answers_with(code: int) -> None:
    """Webhooks choose it themselves."""
    said = 'admission webhook "guard.example.org" denied the request: no GPUs: ask ann'
    found = explain(code, status(code, "Forbidden", said))
    assert type(found) is AdmissionRefused
    assert "the webhook guard.example.org refuses: no GPUs: ask ann" in found.message
    silent = explain(code, status(code, "", 'admission webhook "guard" denied the request without explanation'))
    assert "the webhook guard refuses" in silent.message


def test_a_webhook_that_times_out_is_not_the_servers_business() -> None:
    """Although it says `context deadline exceeded`, it is not tried again at once."""
    words = 'Internal error occurred: failed calling webhook "guard": Post "https://x/y": context deadline exceeded'
    refusal = read_refusal(500, status(500, "InternalError", words))
    assert not refusal.is_busy
    found = explain_refusal(refusal, ABOUT)
    assert (type(found), found.retryable) == (AdmissionRefused, True)


def test_whole_objects_in_a_message_are_left_out() -> None:
    """A message about a Secret would hold it."""
    value = json.dumps({"data": {"password": "hunter2"}, "more": "x" * 100})
    causes = [
        {"reason": "FieldValueInvalid", "message": f"Invalid value: {json.dumps(value)}: no map", "field": "patch"}
    ]
    found = explain(422, status(422, "Invalid", f" is invalid: {value}", causes=causes))
    assert "hunter2" not in str(found.to_dict())
    assert "patch: Invalid value: no map" in found.message
    selector = "Invalid value: " + json.dumps({"matchLabels": {"app": "c" * 90}}) + ": field is immutable"
    immutable = explain(422, status(422, "Invalid", "x", causes=[{"message": selector, "field": "spec.selector"}]))
    assert type(immutable) is ImmutableField
    assert "spec.selector cannot be changed: Invalid value: field is immutable" in immutable.message


def test_a_wait_is_read_from_header_or_status() -> None:
    """Whatever else stands there is no number of seconds."""
    nothing = Refusal(429, {})
    assert read_retry_after({"Retry-After": "3"}, nothing) == 3.0
    assert read_retry_after({}, Refusal(429, {"details": {"retryAfterSeconds": 2}})) == 2.0
    assert read_retry_after({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, nothing) is None
    assert read_retry_after({"Retry-After": "-1"}, nothing) is None


@given(
    st.integers(300, 599),
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["kind", "details", "causes", "message", "reason", "field", "name"]), inner
            )
        ),
        max_leaves=12,
    ).map(lambda body: json.dumps({**body, "kind": "Status"} if isinstance(body, dict) else body).encode()),
)
def test_any_answer_is_explained(code: int, data: bytes) -> None:
    """Proxies and odd servers send anything."""
    assert explain(code, data).message
    assert explain(code, data, CUSTOM).message
    assert explain(code, data, About("prod", "get", path="/version")).message
