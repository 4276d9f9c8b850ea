"""A leader that was stopped writes nothing when it goes on, for another one leads by then."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.gitops import GitOps
from tests.proofs.agreement import wait_for_agreement
from tests.proofs.instances import instances_of
from tests.testbed.api_faults import ApiExchange, Match, too_many_requests
from tests.testbed.fault_proxy import FaultProxy
from tests.testbed.fixtures.cluster import Cluster

DEPLOYMENTS = Match("PATCH", "/apis/apps/v1/*/deployments/*")


def is_write(exchange: ApiExchange) -> bool:
    """Whether the server did something because of it."""
    return exchange.request.method in ("POST", "PUT", "PATCH", "DELETE") and 200 <= exchange.status < 300


def writes(proxy: FaultProxy) -> list[str]:
    """What was written through the proxy, in order."""
    return [f"{at.request.method} {at.request.path}?{at.request.query}" for at in proxy.record.list(is_write)]


@pytest.mark.cluster
def test_a_leader_that_was_stopped_in_the_middle_of_a_write_does_not_finish_it(
    gitops: GitOps, testbed: Cluster, tmp_path: Path, start_fault_proxy: Callable[[Path], FaultProxy]
) -> None:
    """The server was busy, so that the write was to be tried again; meanwhile a newer revision is in."""
    proxy = start_fault_proxy(testbed.kubeconfig)
    kubeconfig = proxy.write_kubeconfig(tmp_path / "kubeconfig")
    gitops.add("chat")
    with instances_of(gitops.root, testbed.kubeconfig, tmp_path / "logs") as instances:
        first = instances.start(kubeconfig=kubeconfig)
        first.wait(first.leads, "the first one leads")
        wait_for_agreement(gitops, testbed.api, set(), 60)
        second = instances.start()
        second.wait(lambda: second.readiness().get("ready"), "the second one stands by")
        busy = proxy.next(DEPLOYMENTS, too_many_requests(1), times=None)
        gitops.type("redeploy", "test/chat")
        busy.wait_until_met()
        first.send(signal.SIGSTOP)
        second.wait(second.leads, "the second one leads", 40)
        gitops.type("redeploy", "test/chat")
        wait_for_agreement(gitops, testbed.api, set(), 60)
        proxy.clear()
        before = writes(proxy)
        first.send(signal.SIGCONT)
        first.wait(lambda: first.lines("leadership lost"), "the first one knows")
        first.wait(lambda: first.readiness().get("ready"), "the first one stands by")
        assert writes(proxy) == before
        wait_for_agreement(gitops, testbed.api, set(), 10)
        assert not instances.bugs()
