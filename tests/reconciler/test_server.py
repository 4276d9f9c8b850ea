"""Health, metrics, and webhooks that are believed only when they are signed."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from generator.reconciler.metrics import Metrics
from generator.reconciler.server import FaceServer
from generator.reconciler.signature import is_signed

SECRET = "s3cret"
PUSH = json.dumps({"ref": "refs/heads/main", "after": "0" * 40}).encode()


class Face:
    """A server and what it was asked to do."""

    def __init__(self, secret: str = SECRET) -> None:
        self.nudges = 0
        self.state: dict[str, Any] = {"ready": True}
        self.server = FaceServer(
            ("127.0.0.1", 0), Metrics(), lambda: self.state, self._nudge, branch="main", webhook_secret=secret
        )
        self.server.start()

    def _nudge(self) -> None:
        self.nudges += 1

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """One request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.fixture
def face() -> Iterator[Face]:
    """A server with a secret."""
    made = Face()
    yield made
    made.server.close()


def sign(body: bytes, secret: str = SECRET) -> str:
    """The signature that forges send."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Hub_Signature_256": f"sha256={sign(PUSH)}"},
        {"X_Gitea_Signature": sign(PUSH)},
        {"X_Forgejo_Signature": sign(PUSH)},
        {"X_Gitlab_Token": SECRET},
    ],
)
def test_a_signed_push_to_the_branch_is_a_nudge(face: Face, headers: dict[str, str]) -> None:
    """As GitHub, Gitea, Forgejo and GitLab sign it."""
    status, body = face.call("POST", "/webhook", PUSH, **headers)
    assert (status, json.loads(body)) == (202, {"accepted": True})
    assert face.nudges == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X_Hub_Signature_256": f"sha256={sign(PUSH, 'other')}"},
        {"X_Hub_Signature_256": "sha256="},
        {"X_Hub_Signature_256": "ünicode"},
        {"X_Gitea_Signature": sign(b"another body")},
        {"X_Gitlab_Token": "wrong"},
        {"X_Gitlab_Token": ""},
    ],
)
def test_an_unsigned_or_wrongly_signed_call_is_refused(face: Face, headers: dict[str, str]) -> None:
    """And nothing happens."""
    encoded = {name: text.encode("utf-8").decode("latin-1") for name, text in headers.items()}
    assert face.call("POST", "/webhook", PUSH, **encoded)[0] == 403
    assert face.nudges == 0


def test_a_wrong_signature_is_not_saved_by_a_right_token() -> None:
    """A forge that signs is held to its signature."""
    assert not is_signed(PUSH, {"X-Hub-Signature-256": "sha256=00", "X-Gitlab-Token": SECRET}, SECRET)


def test_without_a_secret_no_webhook_is_accepted() -> None:
    """An empty secret would be everybody's."""
    face = Face("")
    try:
        assert face.call("POST", "/webhook", PUSH, X_Hub_Signature_256=f"sha256={sign(PUSH, '')}")[0] == 403
    finally:
        face.server.close()
    assert face.nudges == 0


def test_pushes_to_other_branches_and_other_events_are_ignored(face: Face) -> None:
    """Accepted as calls, but no reason to look."""
    for event in ({"ref": "refs/heads/other"}, {"ref": "refs/tags/main"}, {"action": "opened"}, {"ref": 7}):
        body = json.dumps(event).encode()
        status, answer = face.call("POST", "/webhook", body, X_Gitea_Signature=sign(body))
        assert (status, json.loads(answer)["accepted"]) == (202, False)
    assert face.nudges == 0


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'"text"'])
def test_a_body_that_is_no_event_is_refused(face: Face, body: bytes) -> None:
    """With a reason."""
    status, answer = face.call("POST", "/webhook", body, X_Gitea_Signature=sign(body))
    assert status == 400
    assert "reason" in json.loads(answer)


def test_a_body_without_or_beyond_a_length_is_not_read(face: Face) -> None:
    """No memory is taken by a stranger."""
    with socket.create_connection(("127.0.0.1", face.server.port), 10) as raw:
        raw.sendall(b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
        assert raw.recv(200).startswith(b"HTTP/1.1 413")
    with socket.create_connection(("127.0.0.1", face.server.port), 10) as raw:
        raw.sendall(b"POST /webhook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert raw.recv(200).startswith(b"HTTP/1.1 411")


def test_readiness_is_told_with_its_reasons(face: Face) -> None:
    """200 and 503, and the state as JSON."""
    assert face.call("GET", "/readyz")[0] == 200
    face.state = {"ready": False, "environments": {"prod": {"state": "failing", "error": "no route to host"}}}
    status, body = face.call("GET", "/readyz")
    assert status == 503
    assert json.loads(body)["environments"]["prod"]["error"] == "no route to host"


def test_health_and_metrics_are_served(face: Face) -> None:
    """For probes and for Prometheus."""
    assert face.call("GET", "/healthz")[0] == 200
    face.server.metrics.drift.labels("prod", "scaled").inc()
    status, body = face.call("GET", "/metrics")
    assert status == 200
    assert b'revstamp_drift_total{environment="prod",kind="scaled"} 1.0' in body
    assert face.call("GET", "/other")[0] == 404
    assert face.call("HEAD", "/healthz") == (200, b"")


def test_metrics_are_as_fresh_as_the_request() -> None:
    """How long the remote has been away is counted when somebody asks, not when a probe last did."""
    metrics = Metrics()

    def look() -> dict[str, Any]:
        metrics.source_failing.set(12)
        return {"ready": False}

    server = FaceServer(("127.0.0.1", 0), metrics, look, lambda: None, branch="main")
    server.start()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/metrics")
        assert b"revstamp_source_failing_seconds 12.0" in connection.getresponse().read()
    finally:
        server.close()


def test_an_instance_that_does_not_lead_counts_nothing_as_its_own() -> None:
    """Else a sum over instances would count an endpoint twice; what it has done stays counted."""
    metrics = Metrics()
    metrics.leading.labels("prod").set(1)
    metrics.behind.labels("prod").set(3)
    metrics.rollouts.labels("prod", "failed").set(2)
    metrics.passes.labels("prod", "applied").inc()
    metrics.forget("prod")
    text = metrics.render().decode()
    assert 'revstamp_leading{environment="prod"} 0.0' in text
    assert 'revstamp_endpoints_behind{environment="prod"} 0.0' in text
    assert 'revstamp_rollouts{environment="prod",verdict="failed"} 0.0' in text
    assert 'revstamp_endpoint_passes_total{end="applied",environment="prod"} 1.0' in text
