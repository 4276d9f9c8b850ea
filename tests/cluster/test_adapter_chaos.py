"""Writers and a watch through a connection that fails at random: nothing is lost, nothing happens twice."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from generator.cluster.calling import Limits
from generator.cluster.kinds import CONFIG_MAP, ref_of
from generator.cluster.kubernetes_cluster import KubernetesCluster
from generator.errors import StaleObject
from tests.cluster.adapter_clusters import open_kubernetes
from tests.cluster.adapter_objects import make_map
from tests.cluster.test_adapter_watch import Follower
from tests.testbed.api_faults import (
    Answer,
    DropAnswer,
    DropRequest,
    EndWatch,
    Match,
    gone,
    internal_error,
    too_many_requests,
)
from tests.testbed.fault_proxy import FaultProxy

pytestmark = [pytest.mark.cluster, pytest.mark.sweep]

FAULTS = [
    DropRequest(),
    DropAnswer(),
    DropAnswer(30),
    internal_error(),
    too_many_requests(0),
    Answer(503, "ServiceUnavailable", "apiserver is shutting down"),
]
ENDS = [EndWatch(), EndWatch(broken=True), EndWatch(error=gone())]
MAPS = "/api/v1/namespaces/*/configmaps*"


class Writer:
    """Makes, changes and deletes one object over and over; knows how it must be."""

    def __init__(self, cluster: KubernetesCluster, namespace: str, number: int) -> None:
        self._cluster, self._namespace, self._name = cluster, namespace, f"m-{number}"
        self._chance = random.Random(number)
        self.value: str | None = None
        self._live: Any = None

    def run(self, turns: int) -> None:
        """So many changes; each must come through once."""
        for turn in range(turns):
            value = f"{turn}"
            body = make_map(self._namespace, self._name, value, mine="yes")
            if self.value is None:
                self._live = self._cluster.create(body) if self._chance.random() < 0.5 else self._cluster.apply(body)
                self.value = value
            elif self._chance.random() < 0.3:
                assert self._cluster.delete(ref_of(body), uid=self._live["metadata"]["uid"]) is True
                self.value = None
            else:
                self._change(body, value)

    def _change(self, body: dict[str, Any], value: str) -> None:
        version = {"resourceVersion": self._live["metadata"]["resourceVersion"]}
        if self._chance.random() < 0.5:
            self._live = self._cluster.replace({**body, "metadata": {**body["metadata"], **version}})
        else:
            test = {"op": "test", "path": "/metadata/resourceVersion", "value": version["resourceVersion"]}
            change = {"op": "replace", "path": "/data/k", "value": value}
            try:
                self._live = self._cluster.patch(ref_of(body), [test, change])
            except StaleObject:
                # Its answer was lost: nobody else writes, so it was carried out.
                self._live = self._cluster.read(ref_of(body))
                assert self._live["data"]["k"] == value
        self.value = value


def disturb(proxy: FaultProxy, stop: threading.Event) -> None:
    """Faults for any request, and ends of watches."""
    chance = random.Random(1)
    planned = None
    while not stop.wait(0.1):
        # One at a time, so that writers that wait do not meet a queue of them.
        if planned is None or planned.met.is_set():
            planned = proxy.next(Match(path=MAPS, watch=False), chance.choice(FAULTS))
        if chance.random() < 0.2:
            proxy.cut_watches(Match(path=MAPS), chance.choice(ENDS))
        if chance.random() < 0.1:
            proxy.next(Match(path=MAPS, watch=True), chance.choice([gone(), *FAULTS]))


def test_writers_and_watches_agree_after_any_faults(
    fault_proxy: FaultProxy, namespace: str, tmp_path: Path, adapter: KubernetesCluster
) -> None:
    """Eight writers, each with an object of its own, and a follower that knows them all in the end."""
    cluster = open_kubernetes(fault_proxy.write_kubeconfig(tmp_path / "k"), Limits(10.0, 60.0))
    stop = threading.Event()
    disturbance = threading.Thread(target=disturb, args=(fault_proxy, stop))
    follower = Follower(cluster, namespace)
    writers = [Writer(cluster, namespace, number) for number in range(8)]
    disturbance.start()
    try:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda writer: writer.run(25), writers))
    finally:
        stop.set()
        disturbance.join()
        fault_proxy.clear()
    wanted = {f"m-{number}": writer.value for number, writer in enumerate(writers) if writer.value is not None}
    live = {item["metadata"]["name"]: item["data"]["k"] for item in adapter.list(CONFIG_MAP, namespace, "mine")}
    assert live == wanted
    agrees: Callable[[Follower], bool] = lambda it: it.known == wanted  # noqa: E731
    follower.wait(agrees)
    follower.stop.set()
    follower.thread.join(10.0)
    cluster.close()
