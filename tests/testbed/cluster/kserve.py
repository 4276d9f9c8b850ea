"""KServe's controller and webhooks, beside the cluster instead of in it.

Owns: its CRDs, configuration and webhooks, turned towards a port on loopback. Refuses: Knative; only Standard mode
(RawDeployment before 0.16) works here.

Its webhook server listens on all addresses of the machine: it has no flag for that.
"""

from __future__ import annotations

import base64
import json
import shutil
import socket
from pathlib import Path
from typing import Any

from tests.testbed.cluster.control_plane import ControlPlane
from tests.testbed.cluster.runner import Runner, free_ports
from tests.testbed.kube.api import Api
from tests.testbed.kube.manifests import read_manifests

_NAMESPACE = "kserve"


def install_kserve(api: Api, folder: Path, version: str) -> None:
    """Namespace and configuration; the CRDs are there already."""
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _NAMESPACE}})
    (config,) = read_manifests([folder / "files/config/configmap/inferenceservice.yaml"])
    data = config["data"]
    # 0.15 does not know Standard, and takes what it does not know for the default.
    mode = "RawDeployment" if version == "0.15" else "Standard"
    _change(data, "deploy", defaultDeploymentMode=mode)
    _change(data, "ingress", disableIstioVirtualHost=True)
    data.pop("_example", None)
    config["metadata"]["namespace"] = _NAMESPACE
    api.apply(config)


def start_kserve(runner: Runner, plane: ControlPlane, folder: Path) -> int:
    """Starts it; returns the port of its webhooks once somebody listens there."""
    (port,) = free_ports(1)
    home = plane.folder / "kserve"
    certificates = home / "k8s-webhook-server" / "serving-certs"  # where it looks, below its folder for temporary files
    certificates.mkdir(parents=True)
    # The API server's certificate is for 127.0.0.1 and comes with the authority that signed it: no need of another.
    shutil.copy(plane.certificate, certificates / "tls.crt")
    shutil.copy(plane.certificate.with_suffix(".key"), certificates / "tls.key")
    arguments: list[str | Path] = [
        folder / "bin/kserve",
        f"--webhook-port={port}",
        "--metrics-addr=0",
        "--health-probe-addr=0",
    ]
    environment = {
        "KUBECONFIG": str(plane.kubeconfigs["testbed-kserve"]),
        "POD_NAMESPACE": _NAMESPACE,
        "TMPDIR": str(home),
    }
    runner.start("kserve", arguments, environment)
    runner.wait("kserve", lambda: _listens(port))
    return port


def install_webhooks(api: Api, plane: ControlPlane, folder: Path, port: int) -> None:
    """From now on nothing that they care for is accepted without them."""
    authority = base64.b64encode(plane.certificate.read_bytes()).decode("ascii")
    for configuration in read_manifests([folder / "files/config/webhook/manifests.yaml"]):
        configuration["metadata"].pop("creationTimestamp", None)
        for hook in configuration["webhooks"]:
            path = hook["clientConfig"].pop("service")["path"]
            hook["clientConfig"] |= {"url": f"https://127.0.0.1:{port}{path}", "caBundle": authority}
        api.apply(configuration)


def _change(data: dict[str, str], key: str, **values: Any) -> None:
    data[key] = json.dumps({**json.loads(data[key]), **values})


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
