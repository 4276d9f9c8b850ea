"""What goes wrong on the way to the API server is mended where that is safe, and said where it is not."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from generator.cluster import listing
from generator.cluster.calling import Limits
from generator.cluster.kinds import CONFIG_MAP, ref_of
from generator.cluster.kubernetes_cluster import KubernetesCluster
from generator.errors import ClusterUnreachable, StaleObject
from tests.cluster.adapter_clusters import open_kubernetes
from tests.cluster.adapter_objects import make_map
from tests.testbed.api_faults import (
    Answer,
    ApiExchange,
    DropAnswer,
    DropRequest,
    Match,
    gone,
    internal_error,
    too_many_requests,
)
from tests.testbed.fault_proxy import FaultProxy

pytestmark = pytest.mark.cluster

MAPS = "/api/v1/namespaces/*/configmaps*"
BUSY = Answer(503, "ServiceUnavailable", "apiserver is shutting down")
LATE = Answer(504, "Timeout", "request did not complete within the allotted timeout")
LEADER = Answer(500, "InternalError", "etcdserver: leader changed")
GATEWAY = Answer(502, "", "bad gateway")
PASSING = [
    too_many_requests(0),
    BUSY,
    LATE,
    LEADER,
    GATEWAY,
    internal_error(),
    DropRequest(),
    DropAnswer(),
    DropAnswer(20),
]


@pytest.mark.parametrize("fault", PASSING, ids=str)
def test_what_passes_is_tried_again(
    proxied: KubernetesCluster, fault_proxy: FaultProxy, namespace: str, fault: object
) -> None:
    """Every method, whether the server has seen the first request or not."""
    made_ref = ref_of(make_map(namespace))

    def meet(method: str) -> None:
        fault_proxy.next(Match(method, MAPS), fault)

    meet("PATCH")
    applied = proxied.apply(make_map(namespace, "applied"))
    assert applied["data"] == {"k": "1"}
    meet("POST")
    made = proxied.create(make_map(namespace))
    meet("GET")
    assert (proxied.read(made_ref) or {})["metadata"]["uid"] == made["metadata"]["uid"]
    meet("GET")
    assert {item["metadata"]["name"] for item in proxied.list(CONFIG_MAP, namespace)} >= {"one", "applied"}
    meet("PUT")
    replaced = proxied.replace({**made, "data": {"k": "2"}})
    assert replaced["data"] == {"k": "2"}
    meet("DELETE")
    assert proxied.delete(made_ref, uid=made["metadata"]["uid"]) is True
    assert proxied.read(made_ref) is None


def test_a_patch_whose_answer_is_lost_is_carried_out_once(
    proxied: KubernetesCluster, fault_proxy: FaultProxy, namespace: str
) -> None:
    """With a test of the version the second attempt is refused; without one there is none."""
    made = proxied.create(make_map(namespace))
    add = {"op": "add", "path": "/data/more", "value": "1"}
    version = {"op": "test", "path": "/metadata/resourceVersion", "value": made["metadata"]["resourceVersion"]}
    fault_proxy.next(Match("PATCH", MAPS), DropAnswer())
    with pytest.raises(StaleObject):
        proxied.patch(ref_of(made), [version, add])
    fault_proxy.next(Match("PATCH", MAPS), DropAnswer())
    with pytest.raises(ClusterUnreachable):
        proxied.patch(ref_of(made), [{"op": "remove", "path": "/data/more"}])
    assert (proxied.read(ref_of(made)) or {})["data"] == {"k": "1"}


def test_a_create_that_somebody_else_won_is_stale_also_after_a_lost_answer(
    proxied: KubernetesCluster, fault_proxy: FaultProxy, adapter: KubernetesCluster, namespace: str
) -> None:
    """What is there is not ours, so it is not taken for ours."""
    adapter.create(make_map(namespace, value="theirs"), manager="somebody")
    fault_proxy.next(Match("POST", MAPS), DropRequest())
    with pytest.raises(StaleObject):
        proxied.create(make_map(namespace))


def test_what_is_new_is_ours_though_the_answer_was_lost(
    proxied: KubernetesCluster, fault_proxy: FaultProxy, namespace: str
) -> None:
    """The second attempt meets the object of the first."""
    fault_proxy.next(Match("PATCH", MAPS), DropAnswer())
    assert proxied.apply(make_map(namespace), only_new=True)["data"] == {"k": "1"}


def test_what_is_new_is_not_ours_where_somebody_made_the_same_and_the_answer_was_lost(
    proxied: KubernetesCluster, fault_proxy: FaultProxy, adapter: KubernetesCluster, namespace: str
) -> None:
    """Equal content is no proof."""
    adapter.create(make_map(namespace), manager="somebody")
    fault_proxy.next(Match("PATCH", MAPS), DropAnswer())
    with pytest.raises(StaleObject):
        proxied.apply(make_map(namespace), only_new=True)


def test_the_server_says_how_long_to_wait(proxied: KubernetesCluster, fault_proxy: FaultProxy, namespace: str) -> None:
    """Retry-After is kept."""
    fault_proxy.next(Match("PATCH", MAPS), too_many_requests(1))
    began = time.monotonic()
    proxied.apply(make_map(namespace))
    assert time.monotonic() - began >= 1.0


def is_patch(exchange: ApiExchange) -> bool:
    """Whether it was an attempt to apply something."""
    return exchange.request.method == "PATCH"


def test_a_server_that_stays_busy_is_given_up_in_time(fault_proxy: FaultProxy, tmp_path: Path, namespace: str) -> None:
    """Bounded in total, and a wait longer than what is left is not begun."""
    cluster = open_kubernetes(fault_proxy.write_kubeconfig(tmp_path / "k"), Limits(5.0, 1.5))
    for fault in (BUSY, too_many_requests(60)):
        fault_proxy.clear()
        before = len(fault_proxy.record.list(is_patch))
        fault_proxy.next(Match("PATCH", MAPS), fault, times=None)
        began = time.monotonic()
        with pytest.raises(ClusterUnreachable, match=f"ConfigMap {namespace}/one in the cluster 'testbed'") as found:
            cluster.apply(make_map(namespace))
        assert time.monotonic() - began < 20
        assert found.value.retryable
    assert len(fault_proxy.record.wait_for(is_patch, before + 1)) == before + 1


def test_closing_ends_what_is_tried_again(proxied: KubernetesCluster, fault_proxy: FaultProxy, namespace: str) -> None:
    """A thread that waits for its next attempt comes back at once."""
    planned = fault_proxy.next(Match("PATCH", MAPS), too_many_requests(8), times=None)
    failures: list[Exception] = []

    def apply() -> None:
        try:
            proxied.apply(make_map(namespace))
        except ClusterUnreachable as error:
            failures.append(error)

    thread = threading.Thread(target=apply)
    thread.start()
    planned.wait_until_met()
    proxied.close()
    thread.join(3.0)
    assert not thread.is_alive()
    assert len(failures) == 1


def test_a_slow_answer_is_a_time_out_that_says_so(fault_proxy: FaultProxy, tmp_path: Path, namespace: str) -> None:
    """And the next attempt, on a new connection, goes through."""
    cluster = open_kubernetes(fault_proxy.write_kubeconfig(tmp_path / "k"), Limits(1.0, 15.0))
    slow = fault_proxy.hold(Match("GET", MAPS))
    began = time.monotonic()
    assert cluster.read(ref_of(make_map(namespace))) is None
    assert time.monotonic() - began < 20
    hurried = cluster.within(0.6)
    slower = fault_proxy.hold(Match("GET", MAPS))
    with pytest.raises(ClusterUnreachable, match="did not answer within 1 s"):
        hurried.read(ref_of(make_map(namespace)))
    for each in (slow, slower):
        each.wait_for_arrival()
        each.release()


def test_a_list_that_expires_in_the_middle_gives_each_object_once(
    proxied: KubernetesCluster, fault_proxy: FaultProxy, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """410 for the second page: it starts anew."""
    monkeypatch.setattr(listing, "PAGE", 2)
    for number in range(6):
        proxied.apply(make_map(namespace, f"m-{number}", mine="yes"))
    found = []
    for item in proxied.list(CONFIG_MAP, namespace, "mine"):
        if not found:
            fault_proxy.next(Match("GET", MAPS), gone())
        found.append(item["metadata"]["name"])
    assert sorted(found) == [f"m-{number}" for number in range(6)]


def write_kubeconfig(path: Path, server: str) -> Path:
    """With a token that must not be said anywhere."""
    path.write_text(
        "{current-context: x, contexts: [{name: x, context: {cluster: x, user: x}}],"
        f" clusters: [{{name: x, cluster: {{server: '{server}'}}}}], users: [{{name: x, user: {{token: s3cret}}}}]}}"
    )
    return path


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def test_why_a_server_cannot_be_reached_is_said(
    tmp_path: Path, start_fault_proxy: Callable[[Path], FaultProxy], cluster: object
) -> None:
    """Refused, no such name, a certificate that nobody vouches for; never the token."""
    from tests.testbed.fixtures.cluster import Cluster

    assert isinstance(cluster, Cluster)
    server = start_fault_proxy(cluster.kubeconfig).upstream.url
    soon, patient = Limits(2.0, 0.5), Limits(10.0, 10.0)  # what helps to try again is tried until the time is over
    cases = [
        (f"https://127.0.0.1:{closed_port()}", "refuses the connection", soon),
        ("https://no-such-host.invalid:6443", "cannot be resolved", soon),
        (server, "TLS with .* fails: .*certificate", patient),
        (server.replace("https", "http"), "no Kubernetes API", patient),
    ]
    for number, (address, words, limits) in enumerate(cases):
        unreachable = open_kubernetes(write_kubeconfig(tmp_path / str(number), address), limits)
        with pytest.raises(ClusterUnreachable, match=words) as found:
            unreachable.version()
        assert found.value.retryable is (limits is soon)
        assert "s3cret" not in str(found.value.to_dict())


def test_a_server_that_takes_connections_and_says_nothing_is_a_time_out(tmp_path: Path) -> None:
    """Half-open: the connection stands, and no byte comes."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        cluster = open_kubernetes(write_kubeconfig(tmp_path / "k", address), Limits(0.3, 1.0))
        with pytest.raises(ClusterUnreachable, match="did not answer"):
            cluster.version()
