"""Brings a cluster up, in order: API server, controllers, kinds, nodes, fake kubelet, KServe.

Owns: the order, and what must be seen before a cluster counts as ready. Refuses: sharing it; that is `keeper`.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.testbed.binaries import Programs
from tests.testbed.cluster.control_plane import ControlPlane, start_api_server, start_controllers, start_kubelet
from tests.testbed.cluster.kserve import install_kserve, install_webhooks, start_kserve
from tests.testbed.cluster.runner import Runner
from tests.testbed.cluster.spec import ClusterSpec, make_nodes
from tests.testbed.kube.api import Api, ApiError, Object
from tests.testbed.kube.manifests import read_manifests

_CONTROLLER = "testbed.revstamp.io/gateway"


@dataclass(frozen=True)
class Running:
    """What a started cluster tells those who use it. `seconds`: how long the start took."""

    kubeconfig: str
    kubectl: str
    server: str
    kserve: str
    seconds: float


def start_cluster(runner: Runner, programs: Programs, spec: ClusterSpec, folder: Path) -> Running:
    """Returns when nodes are ready, routes get a status and webhooks answer. Raises ClusterFailed.

    Of a cluster in which nothing acts: when its kinds are served.
    """
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        reading = pool.submit(_read_kinds, programs)  # takes a second of the three that the API server takes
        plane = start_api_server(runner, programs, folder)
        if spec.acts:
            start_controllers(runner, programs, plane)
        api = Api(plane.admin)
        kinds = reading.result()
        for made in [pool.submit(api.create, each) for each in (*_all_nodes(spec), *kinds)]:
            made.result()
    runner.wait("apiserver", lambda: _are_served(api, kinds))
    if spec.acts:
        _start_actors(runner, programs, spec, plane)
    return Running(
        kubeconfig=str(plane.admin),
        kubectl=str(programs.kubectl),
        server=plane.server,
        kserve=spec.kserve,
        seconds=round(time.monotonic() - began, 1),
    )


def _start_actors(runner: Runner, programs: Programs, spec: ClusterSpec, plane: ControlPlane) -> None:
    """The fake kubelet, KServe and a gateway; returns when what they do is seen."""
    api = Api(plane.admin)
    start_kubelet(runner, programs, plane)
    if programs.kserve is not None:
        install_kserve(api, programs.kserve, spec.kserve)
        port = start_kserve(runner, plane, programs.kserve)
        install_webhooks(api, plane, programs.kserve, port)
        runner.wait("kserve", lambda: _webhooks_answer(api))
    api.apply(
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": {"name": "testbed"},
            "spec": {"controllerName": _CONTROLLER},
        }
    )
    runner.wait("kwok", lambda: _all_true(api, "/api/v1/nodes", "Ready"))
    runner.wait("kwok", lambda: _all_true(api, "/apis/gateway.networking.k8s.io/v1/gatewayclasses", "Accepted"))
    runner.wait("controllers", lambda: api.find("/api/v1/namespaces/default/serviceaccounts/default"))


def _all_nodes(spec: ClusterSpec) -> list[Object]:
    return [node for pool in spec.pools for node in make_nodes(pool)]


def _read_kinds(programs: Programs) -> list[Object]:
    """Gateway API's and KServe's."""
    paths = list(programs.gateway_crds.glob("*.yaml"))
    if programs.kserve is not None:
        paths += (programs.kserve / "files/config/crd/full").rglob("*.yaml")
    return [each for each in read_manifests(paths) if each["kind"] == "CustomResourceDefinition"]


def _are_served(api: Api, kinds: list[Object]) -> bool:
    """Asked of the server's list of resources, which is short; the definitions themselves are megabytes."""
    wanted: dict[str, set[str]] = {}
    for kind in kinds:
        for version in kind["spec"]["versions"]:
            if version["served"]:
                path = f"/apis/{kind['spec']['group']}/{version['name']}"
                wanted.setdefault(path, set()).add(kind["spec"]["names"]["plural"])
    found = {path: api.find(path) or {"resources": []} for path in wanted}
    return all(names <= {each["name"] for each in found[path]["resources"]} for path, names in wanted.items())


def _all_true(api: Api, path: str, condition: str) -> bool:
    """Whether the condition holds for all objects of a list that is not empty."""
    found = api.items(path)
    held = [
        each
        for each in found
        for is_so in each.get("status", {}).get("conditions") or ()
        if (is_so["type"], is_so["status"]) == (condition, "True")
    ]
    return len(held) == len(found) > 0


def _webhooks_answer(api: Api) -> bool:
    """A rehearsed InferenceService passes, and KServe's defaults are seen in what comes back."""
    service: Object = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "rehearsal", "namespace": "default"},
        "spec": {"predictor": {"containers": [{"name": "kserve-container", "image": "rehearsal"}]}},
    }
    try:
        answer = api.apply(service, dryRun="All")
    except (ApiError, OSError):
        return False
    return "resources" in answer["spec"]["predictor"]["containers"][0]
