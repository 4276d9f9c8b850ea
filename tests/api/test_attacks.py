"""Attacks on the API, and what becomes of each. docs/security.md lists them; identity's own are in `test_identity`."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from generator.api.app import create_app
from generator.api.guard import LARGEST_BODY, Guard
from generator.api.origins import check_origin
from generator.api.problems import Rejected
from generator.api.rate import ServerIsFull, StreamPlaces, TooManyStreams
from generator.service.recording import Asker
from generator.spec.names import endpoint_name
from generator.store.queries import Filter
from generator.store.states import State
from tests.api.conftest import OWN, SERVING, WHO, Served
from tests.api.test_platform_routes import SUPPORT

ENDPOINT = f"{SERVING}/endpoints/{SUPPORT}"
REDEPLOY = f"{ENDPOINT}/redeploy"
OWN_REDEPLOY = f"{OWN}/endpoints/prod/{endpoint_name(SUPPORT)}/redeploy"
WRITES = [
    ("POST", REDEPLOY), ("PATCH", ENDPOINT), ("DELETE", ENDPOINT), ("POST", f"{ENDPOINT}/rollback"),
    ("POST", f"{SERVING}/endpoints"), ("PATCH", f"{ENDPOINT}/deployment"), ("POST", OWN_REDEPLOY),
    ("POST", OWN_REDEPLOY.replace("redeploy", "rollback")), ("POST", f"{OWN}/redeployments/1/supersede"),
]  # fmt: skip
FORMS = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x")
SCRIPT = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"
JSON = {"Content-Type": "application/json"}


def nothing_is_recorded(served: Served) -> bool:
    """Neither accepted nor refused."""
    return not served.stage.service.queries.page(Filter())


# Foreign web pages


@pytest.mark.parametrize(("method", "path"), WRITES, ids=[f"{method} {path[-20:]}" for method, path in WRITES])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://testserver.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://other.testserver"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"},
    ],
    ids=lambda headers: " ".join(headers.values()),
)
def test_a_page_of_another_origin_writes_nothing(
    served: Served, method: str, path: str, headers: dict[str, str]
) -> None:
    """403 on every write, before anybody is identified; nothing is recorded."""
    with served.client() as client:
        answer = client.request(method, path, headers={**WHO, **headers, **JSON}, content=b"{}")
        assert answer.status_code == 403
        shown = answer.json()
        assert "foreign-origin" in (shown.get("error"), (shown.get("data") or {}).get("error"))
    assert nothing_is_recorded(served)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://testserver"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://before.the.proxy"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://portal.example", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_own_pages_programs_and_named_origins_may_write(headers: dict[str, str]) -> None:
    """No origin at all is a program; what the browser vouches for needs no further proof."""
    given = {"host": "testserver", **{name.lower(): value for name, value in headers.items()}}
    check_origin(given, ("https://portal.example",))
    if "https://portal.example" in headers.values():
        with pytest.raises(Rejected):
            check_origin(given, ())


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
@pytest.mark.parametrize("path", [REDEPLOY, f"{ENDPOINT}/rollback", OWN_REDEPLOY])
def test_a_form_is_no_json_even_if_its_body_looks_so(served: Served, path: str, kind: str) -> None:
    """415 for the types that a form of any page can send, also on routes that take no body."""
    with served.client() as client:
        headers = {"Content-Type": kind} if kind else {}
        answer = client.post(path, content=b'{"useGpu": true}', headers=headers)
        assert answer.status_code == 415
    assert nothing_is_recorded(served)


# Bodies


def test_a_body_that_is_too_large_is_refused_with_and_without_a_length(served: Served) -> None:
    """413, and the connection is closed; by the length before anything is read, else as soon as it is passed."""

    def endless() -> Any:
        for _ in range(64):
            yield b" " * 65_536

    with served.client() as client:
        for content in (b"{" + b" " * LARGEST_BODY, endless()):
            answer = client.post(REDEPLOY, content=content, headers=JSON)
            assert (answer.status_code, answer.headers["connection"]) == (413, "close")
            assert answer.json()["status"] == "fail"
    assert nothing_is_recorded(served)


def test_a_body_that_never_ends_is_not_waited_for(served: Served) -> None:
    """408 once its time is over; a drop now and then does not buy more time."""
    app = create_app(served.context)
    guard = Guard(app._app, served.context.log, body_seconds=0.2)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.05)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(name.lower().encode(), value.encode()) for name, value in {**WHO, **JSON}.items()]
    scope = {
        "type": "http", "method": "POST", "path": REDEPLOY, "raw_path": REDEPLOY.encode(), "query_string": b"",
        "headers": [*headers, (b"transfer-encoding", b"chunked")], "client": ("127.0.0.1", 1), "server": ("x", 80),
        "scheme": "http", "http_version": "1.1", "root_path": "",
    }  # fmt: skip
    asyncio.run(guard(scope, receive, send))
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["status"] == "fail"


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"useGpu": NaN}',
        b'{"cpuRequest": 1e999}',
        b'{"cpuRequest": ' + b"9" * 5000 + b"}",
        b"\xff\xfe{}",
        b'{"memoryLimit": "\\ud800"}',
        b'{"memoryLimit": "\\u0000"}',
        b'{"__proto__": {"a": 1}, "constructor": 1}',
        b'{"deploymentSpec": {"resources": {"gpus": 1e308}}}',
    ],
    ids=range(10),
)
def test_a_body_that_means_harm_is_refused_and_no_bug(served: Served, content: bytes) -> None:
    """Nesting, numbers and characters without end: 4xx or a refusal, never a 500, on both kinds of routes."""
    with served.client() as client:
        for path in (REDEPLOY, OWN_REDEPLOY, OWN_REDEPLOY.replace("redeploy", "plan")):
            answer = client.post(path, content=content, headers=JSON)
            assert answer.status_code < 500, answer.text
            json.loads(answer.content)


# Paths, headers, queries


@pytest.mark.parametrize(
    "path",
    [
        f"{SERVING}/endpoints/..%2f..%2f..%2fetc%2fpasswd",
        f"{SERVING}/endpoints/%2e%2e/%2e%2e/etc",
        f"{SERVING}/endpoints/%00",
        f"{SERVING}/endpoints/{'a' * 30_000}",
        f"{OWN}/endpoints/..%2f..%2f/passwd",
        f"{OWN}/endpoints/%00/%00",
        f"{OWN}/endpoints/prod/{'a' * 30_000}",
        f"{OWN}/redeployments/..%2f..%2fetc%2fpasswd",
        f"{OWN}/redeployments/%00",
        f"{OWN}/redeployments/{'9' * 400}",
        f"{OWN}/redeployments/-1",
        f"{OWN}/redeployments/1;DROP TABLE revstamp_redeployments",
    ],
)
def test_a_path_with_tricks_leads_nowhere(served: Served, path: str) -> None:
    """404, 422 or a refusal; nothing of the machine is told."""
    with served.client() as client:
        answer = client.get(path)
        assert answer.status_code in (404, 422) or answer.json()["status"] == "fail"
        assert "root:" not in answer.text
        assert len(answer.content) < 70_000


@pytest.mark.parametrize("name", ["X-Request-Id", "X-User-Id", "Idempotency-Key", "If-None-Match", "Last-Event-ID"])
def test_what_a_header_holds_never_becomes_another_header_or_line(served: Served, name: str) -> None:
    """Line ends that got through a proxy, characters of other alphabets, and long ones."""
    values = ("a\r\nX-Injected: 1", "a\nSet-Cookie: b", "é" * 300, "\t", "x" * 8000)
    with served.client() as client:
        for value in values:
            answer = client.post(OWN_REDEPLOY, headers={**WHO, name: value.encode("latin-1")}, json={})
            assert answer.status_code < 500
            assert "x-injected" not in answer.headers
            assert "set-cookie" not in answer.headers
    for row in served.stage.service.queries.page(Filter()):
        assert "\n" not in row.actor
    for line in served.stage.lines.getvalue().splitlines():
        json.loads(line)


def test_a_query_that_asks_for_everything_is_bounded(served: Served) -> None:
    """Huge limits, thousands of states, cursors beyond all numbers, a glob and a wildcard: 422, or what matches."""
    with served.client() as client:
        for query in (
            "limit=999999999",
            "limit=0",
            "limit=-1",
            "before=99999999999999999999",
            "environment=" + "e" * 300,
        ):
            assert client.get(f"{OWN}/redeployments?{query}").status_code == 422, query
        states = "&".join(["state=healthy"] * 3000)
        assert client.get(f"{OWN}/redeployments?{states}").status_code == 422
        served.stage.service.redeploy(SUPPORT, Asker("ann"))
        for wanted in ("%25", "*", "a' OR '1'='1", "ann' --"):
            assert client.get(f"{OWN}/redeployments?actor={wanted}").json()["redeployments"] == []


def test_markup_in_every_field_stays_text_in_json(served: Served) -> None:
    """Answers say that they are JSON and must not be sniffed; what was sent comes back as a text or not at all."""
    spec = dict.fromkeys(("model_ref", "model_family", "job_type", "serve_target"), SCRIPT)
    body = {
        **dict.fromkeys(("cpuRequest", "memoryLimit", "servingFramework", "servingRuntimeImage"), SCRIPT),
        "deploymentSpec": spec,
        SCRIPT: SCRIPT,
    }
    with served.client() as client:
        answers = [
            client.post(REDEPLOY, json=body),
            client.post(OWN_REDEPLOY, json=body, params={"reason": SCRIPT}),
            client.post(OWN_REDEPLOY, json={}, params={"reason": SCRIPT}, headers={**WHO, "X-User-Id": SCRIPT}),
            client.patch(ENDPOINT, json={"route": SCRIPT, "rollbackPlan": SCRIPT}),
            client.post(f"{SERVING}/endpoints", json={"modelId": SCRIPT, "environment": SCRIPT, "route": SCRIPT}),
            client.get(f"{OWN}/redeployments", params={"environment": SCRIPT, "actor": SCRIPT}),
            client.get(f"{OWN}/endpoints/{SCRIPT}/x"),
            client.get(f"{OWN}/redeployments/{SCRIPT}/explain"),
            client.get(f"{SERVING}/endpoints", params={"environment": SCRIPT}),
            client.get(f"/{SCRIPT}"),
        ]
    for answer in answers:
        assert answer.headers["content-type"].startswith(("application/json", "application/problem+json"))
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.status_code < 500
    names = [row.actor for row in served.stage.service.queries.page(Filter())]
    assert not any("<" in name or ">" in name for name in names)


# Keys, streams, writes


def test_a_key_belongs_to_one_wish_and_to_the_shape_of_a_key(served: Served) -> None:
    """Another wish with the same key is refused, and so is a key that is empty, long or unprintable."""
    with served.client() as client:
        key = {**WHO, "Idempotency-Key": "k-1"}
        first = client.post(OWN_REDEPLOY, json={}, headers=key)
        assert first.status_code == 202
        other = client.post(OWN_REDEPLOY, json={"memoryLimit": "48Gi"}, headers={**key, "X-User-Id": "mallory"})
        assert (other.status_code, other.json()["error"]) == (422, "invalid-input")
        for value in ("", "x" * 201, "a\x7fb"):
            bad = client.post(OWN_REDEPLOY, json={}, headers={**WHO, "Idempotency-Key": value})
            assert bad.status_code == 422, value
    rows = served.stage.service.queries.page(Filter())
    assert [row.id for row in rows if row.state is State.PENDING] == [int(first.json()["id"])]


def test_streams_are_bounded_for_one_person_and_for_all() -> None:
    """The next one of a person is 429, the next one of anybody 503; a stream that ends makes room."""
    places = StreamPlaces(most=3, most_of_one=2)
    with places.take("ann"), places.take("ann"):
        with pytest.raises(TooManyStreams) as refused, places.take("ann"):
            pass
        assert refused.value.http_status == 429
        with places.take("bob"), pytest.raises(ServerIsFull) as full, places.take("eve"):
            pass
        assert full.value.http_status == 503
    assert places.taken == 0
    with places.take("ann"):
        assert places.taken == 1


def test_a_stream_too_many_is_answered_before_it_begins(served: Served) -> None:
    """429 with Retry-After and a problem, not a stream that ends at once."""
    served.context = replace(served.context, streams=StreamPlaces(most_of_one=0))
    with served.client() as client:
        answer = client.get(f"{OWN}/events")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
        assert answer.json()["error"] == "too-many-streams"
    served.context = replace(served.context, streams=StreamPlaces(most=0))
    with served.client() as client:
        assert client.get(f"{OWN}/events").status_code == 503


def test_an_unidentified_request_learns_nothing_of_what_there_is(served: Served) -> None:
    """The same 401 for what exists and for what does not, also for writes and streams."""
    with served.client("203.0.113.9") as client:
        for known, unknown in (
            (f"{OWN}/endpoints/prod/{endpoint_name(SUPPORT)}", f"{OWN}/endpoints/prod/x"),
            (ENDPOINT, ENDPOINT[:-1] + "0"),
            (f"{OWN}/redeployments/1/events", f"{OWN}/redeployments/99/events"),
        ):
            answers = [client.get(path) for path in (known, unknown)]
            assert [answer.status_code for answer in answers] == [401, 401]
            assert answers[0].content == answers[1].content
        assert all(client.request(method, path, json={}).status_code == 401 for method, path in WRITES)
    assert nothing_is_recorded(served)
