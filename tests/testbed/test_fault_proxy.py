"""The proxy changes nothing until it is asked to, and then just what it is asked to."""

from __future__ import annotations

import base64
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead, RemoteDisconnected
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.testbed.api_faults import (
    Answer,
    DropAnswer,
    DropRequest,
    EndWatch,
    Match,
    conflict,
    gone,
    internal_error,
    too_many_requests,
)
from tests.testbed.fault_proxy import FaultProxy, Upstream
from tests.testbed.faults import Delay
from tests.testbed.played_api import TOKEN, PlayedApi, make_certificate

WATCH = Match(watch=True)


@pytest.fixture
def api() -> Iterator[PlayedApi]:
    """The server behind the proxy."""
    played = PlayedApi()
    yield played
    played.stop()


@pytest.fixture
def proxy(api: PlayedApi, start_fault_proxy: Callable[[Upstream], FaultProxy]) -> FaultProxy:
    """The proxy before it."""
    return start_fault_proxy(Upstream(api.url, token=TOKEN))


def connect(proxy: FaultProxy) -> HTTPConnection:
    """A client with a connection of its own; a minute is a bound, not a claim."""
    return HTTPConnection(urlsplit(proxy.url).netloc, timeout=60)


def ask(proxy: FaultProxy, method: str = "GET", path: str = "/x", body: str | None = None) -> tuple[int, Any]:
    """Status and JSON of one request."""
    connection = connect(proxy)
    connection.request(method, path, body)
    response = connection.getresponse()
    content = json.loads(response.read())
    connection.close()
    return response.status, content


def watch(proxy: FaultProxy, path: str = "/watch?watch=true") -> HTTPResponse:
    """An open watch."""
    connection = connect(proxy)
    connection.request("GET", path)
    response = connection.getresponse()
    assert response.status == 200
    proxy.wait_for_watch()
    return response


def event(number: int) -> dict[str, object]:
    """An event with a mark; not ASCII, so that bytes are not characters."""
    return {"type": "MODIFIED", "object": {"number": number, "text": "한국어"}}


# Without faults


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_requests_pass_as_they_are(proxy: FaultProxy, api: PlayedApi, method: str) -> None:
    assert ask(proxy, method, "/x?fieldManager=a%20b", "hello") == (200, {"echo": "hello", "method": method})
    assert api.seen == [(method, "/x?fieldManager=a%20b", b"hello")]
    assert [(entry.request.method, entry.status, entry.fault) for entry in proxy.record.list()] == [(method, 200, None)]


def test_many_requests_share_a_connection(proxy: FaultProxy) -> None:
    connection = connect(proxy)
    for _ in range(3):
        connection.request("GET", "/objects")
        assert len(json.loads(connection.getresponse().read())["items"]) == 1000
        socket = connection.sock
        connection.request("POST", "/x", "a")
        assert json.loads(connection.getresponse().read())["echo"] == "a"
        assert connection.sock is socket


def test_a_body_in_chunks_passes(proxy: FaultProxy) -> None:
    connection = connect(proxy)
    connection.request("PATCH", "/x", iter([b"one ", b"two"]), encode_chunked=True)
    assert json.loads(connection.getresponse().read())["echo"] == "one two"


def test_an_event_arrives_before_the_next_one_is_told(proxy: FaultProxy, api: PlayedApi) -> None:
    response = watch(proxy)
    for number in range(3):
        api.tell(event(number))
        assert json.loads(response.readline()) == event(number)
    api.end_watches()
    assert response.read() == b""
    proxy.wait_for_no_watch()
    assert [entry.events for entry in proxy.record.list()] == [3]


def test_a_client_that_goes_away_ends_its_watch_at_the_server(proxy: FaultProxy, api: PlayedApi) -> None:
    watch(proxy).close()
    api.wait_for_gone_client()
    proxy.wait_for_no_watch()


def test_a_watch_that_breaks_at_the_server_breaks_at_the_client(proxy: FaultProxy, api: PlayedApi) -> None:
    response = watch(proxy)
    api.tell(event(1))
    response.readline()
    proxy.cut_watches(how=EndWatch(broken=True))
    with pytest.raises((IncompleteRead, OSError)):
        response.read()


def test_a_server_that_is_not_there_is_a_502(start_fault_proxy: Callable[[Upstream], FaultProxy]) -> None:
    status, content = ask(start_fault_proxy(Upstream("http://127.0.0.1:9")))
    assert (status, content["reason"]) == (502, "BadGateway")


def test_an_idle_connection_that_the_server_closed_is_opened_anew(proxy: FaultProxy) -> None:
    connection = connect(proxy)
    for _ in range(3):
        connection.request("GET", "/last")
        response = connection.getresponse()
        assert (response.status, bool(response.read())) == (200, True)


# Faults


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        (conflict(), 409, "Conflict"),
        (gone(), 410, "Expired"),
        (too_many_requests(7), 429, "TooManyRequests"),
        (internal_error(), 500, "InternalError"),
        (Answer(403, "Forbidden"), 403, "Forbidden"),
    ],
)
def test_an_answer_is_given_as_often_as_planned_and_only_where_it_matches(
    proxy: FaultProxy, api: PlayedApi, fault: Answer, status: int, reason: str
) -> None:
    planned = proxy.next(Match("PATCH", "/apis/*/deployments/*"), fault, times=2)
    path = "/apis/apps/v1/namespaces/a/deployments/b"
    assert ask(proxy, "GET", path)[0] == 200
    assert ask(proxy, "PATCH", "/other")[0] == 200
    assert not planned.met.is_set()
    answers = [ask(proxy, "PATCH", path + "?force=true") for _ in range(3)]
    assert [answer[0] for answer in answers] == [status, status, 200]
    assert (answers[0][1]["kind"], answers[0][1]["code"], answers[0][1]["reason"]) == ("Status", status, reason)
    planned.wait_until_met()
    assert len(api.seen) == 3


def test_retry_after_is_sent(proxy: FaultProxy) -> None:
    proxy.next(Match(), too_many_requests(7))
    connection = connect(proxy)
    connection.request("GET", "/x")
    response = connection.getresponse()
    assert response.headers["Retry-After"] == "7"
    assert json.loads(response.read())["details"]["retryAfterSeconds"] == 7


def test_a_request_that_is_dropped_never_reaches_the_server(proxy: FaultProxy, api: PlayedApi) -> None:
    proxy.next(Match(), DropRequest())
    with pytest.raises((RemoteDisconnected, ConnectionError)):
        ask(proxy)
    assert api.seen == []
    assert ask(proxy)[0] == 200


@pytest.mark.parametrize("after", [None, 0, 1, 5000])
def test_an_answer_that_is_dropped_was_carried_out(proxy: FaultProxy, api: PlayedApi, after: int | None) -> None:
    proxy.next(Match(), DropAnswer(after))
    with pytest.raises((HTTPException, ConnectionError)):
        ask(proxy, "GET", "/objects")
    assert len(api.seen) == 1
    assert ask(proxy, "GET", "/objects")[0] == 200


def test_a_request_is_held_until_the_test_says_so(proxy: FaultProxy, api: PlayedApi) -> None:
    hold = proxy.hold(Match("POST"))
    answers: list[int] = []
    client = threading.Thread(target=lambda: answers.append(ask(proxy, "POST")[0]))
    client.start()
    hold.wait_for_arrival()
    assert ask(proxy, "GET")[0] == 200
    assert (answers, len(api.seen)) == ([], 1)
    hold.release()
    client.join(60)
    assert answers == [200]


def test_a_delay_comes_before_another_fault(proxy: FaultProxy) -> None:
    proxy.next(Match(), Delay(0.01), times=None)
    proxy.next(Match(), conflict())
    assert [ask(proxy)[0] for _ in range(2)] == [409, 200]


def test_a_watch_ends_after_as_many_events_as_planned(proxy: FaultProxy, api: PlayedApi) -> None:
    proxy.next(WATCH, EndWatch(after_events=2))
    response = watch(proxy)
    api.tell(*map(event, range(5)))
    assert [json.loads(line) for line in response.read().splitlines()] == [event(0), event(1)]
    second = watch(proxy)
    api.tell(event(9))
    assert json.loads(second.readline()) == event(9)


def test_a_watch_ends_after_its_time(proxy: FaultProxy) -> None:
    proxy.next(WATCH, EndWatch(after_seconds=0.01))
    connection = connect(proxy)
    connection.request("GET", "/watch?watch=true")
    assert connection.getresponse().read() == b""


def test_a_watch_may_end_with_an_error_event(proxy: FaultProxy, api: PlayedApi) -> None:
    proxy.next(WATCH, EndWatch(after_events=1, error=gone()))
    response = watch(proxy)
    api.tell(event(0))
    last = [json.loads(line) for line in response.read().splitlines()][-1]
    assert (last["type"], last["object"]["code"], last["object"]["reason"]) == ("ERROR", 410, "Expired")


@pytest.mark.parametrize("broken", [True, False])
def test_open_watches_are_cut_on_demand(proxy: FaultProxy, api: PlayedApi, broken: bool) -> None:
    cut, kept = watch(proxy, "/a?watch=true"), watch(proxy, "/b?watch=true&x=1")
    proxy.wait_for_watch(count=2)
    assert proxy.cut_watches(Match(path="/a"), EndWatch(broken=broken)) == 1
    if broken:
        with pytest.raises((IncompleteRead, ConnectionError)):
            cut.read()
    else:
        assert cut.read() == b""
    api.tell(event(1))
    assert json.loads(kept.readline()) == event(1)


def test_nothing_goes_wrong_after_clear(proxy: FaultProxy) -> None:
    proxy.next(Match(), internal_error(), times=None)
    assert ask(proxy)[0] == 500
    proxy.clear()
    assert ask(proxy)[0] == 200


# TLS and kubeconfig


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed: apt-get install openssl")
@pytest.mark.parametrize("embedded", [True, False])
def test_a_kubeconfig_leads_over_tls_to_the_server_and_another_one_to_the_proxy(
    tmp_path: Path, start_fault_proxy: Callable[[Path], FaultProxy], embedded: bool
) -> None:
    certificate = make_certificate(tmp_path)
    api = PlayedApi(certificate)
    ca = certificate.read_text().partition("-----BEGIN PRIVATE KEY")[0]
    (tmp_path / "ca.pem").write_text(ca)
    authority: dict[str, Any] = {"certificate-authority": "ca.pem"}
    if embedded:
        authority = {"certificate-authority-data": base64.b64encode(ca.encode()).decode()}
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": api.url, **authority}}],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    proxy = start_fault_proxy(tmp_path / "kubeconfig")
    assert ask(proxy)[0] == 200
    response = watch(proxy)
    api.tell(event(1))
    assert json.loads(response.readline()) == event(1)
    written = yaml.safe_load(proxy.write_kubeconfig(tmp_path / "through-proxy", "team").read_text())
    assert written["clusters"][0]["cluster"]["server"] == proxy.url
    assert written["users"][0]["user"]["token"] == TOKEN
    assert written["contexts"][0]["context"]["namespace"] == "team"
    api.stop()


def test_a_certificate_of_somebody_else_is_not_accepted(
    tmp_path: Path, start_fault_proxy: Callable[[Upstream], FaultProxy]
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: apt-get install openssl")
    api = PlayedApi(make_certificate(tmp_path))
    status, content = ask(start_fault_proxy(Upstream(api.url, token=TOKEN)))
    assert (status, "certificate verify failed" in content["message"]) == (502, True)
    assert api.seen == []
    api.stop()


def test_a_kubeconfig_without_a_token_is_refused(tmp_path: Path) -> None:
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"client-key": "x"}}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    with pytest.raises(ValueError, match="has no token"):
        Upstream.from_kubeconfig(tmp_path / "kubeconfig")
